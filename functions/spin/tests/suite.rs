//! The suite of all hosts, over the component in wasmtime and a bucket.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod built;
mod common;

use std::collections::BTreeMap;
use std::process::Command;

use common::Component;
use functions_suite::{Server, Settings, client, header, s3};
use reqwest::StatusCode;

/// The largest component, in bytes, compressed by `gzip -9`.
const MAX_SIZE: usize = 1_500_000;

functions_suite::suite!(start);

async fn start(settings: Settings) -> Server {
    let component = Component::start(&settings).await;
    Server::ready(component.address, component).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_served_with_a_policy_and_compressed() {
    let component = Component::start(&Settings::default()).await;
    let page = client().get(component.url("/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert!(header(&page, "content-security-policy").contains("script-src 'self'"));
    assert_eq!(page.text().await.unwrap(), "<!doctype html>");
    let script = client().get(component.url("/assets/app.js"));
    let script = script
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&script, "content-encoding"), "gzip");
    assert!(header(&script, "cache-control").contains("immutable"));
    assert_eq!(script.text().await.unwrap(), "zipped");
    let missing = client()
        .get(component.url("/missing"))
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_is_said_to_everybody() {
    let component = Component::start_with(|variables| {
        variables.retain(|(name, _)| *name != "SUBSPACE_MASTER_KEY");
    })
    .await;
    let answer = client().get(component.url("/api")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let problem: serde_json::Value = answer.json().await.unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("SUBSPACE_MASTER_KEY is not set"),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_not_there_is_said_and_tried_again() {
    let component = Component::start_with(|variables| {
        for (name, value) in variables {
            if *name == "SUBSPACE_S3_BUCKET" {
                *value = "another".to_owned();
            }
        }
    })
    .await;
    let answer = client().get(component.url("/api")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let detail = answer.text().await.unwrap();
    assert!(
        detail.contains("another") && !detail.contains(s3::SECRET),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_keeps_its_configuration_and_what_it_found_out() {
    let component = Component::start(&Settings::default()).await;
    let ask = async || {
        let answer = client().get(component.url("/api")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    };
    ask().await;
    let taken = || std::mem::take(&mut component.bucket.state.lock().unwrap().requests);
    assert!(
        taken().values().sum::<u64>() > 10,
        "the bucket is tried out"
    );
    for _ in 0..20 {
        ask().await;
    }
    // Each time only whether there is an account yet; nothing else.
    assert_eq!(taken(), BTreeMap::from([("GET".to_owned(), 20)]));
}

#[test]
fn the_component_is_small() {
    let mut gzip = Command::new("gzip");
    let packed = gzip.args(["-9", "-c"]).arg(&built::built().component);
    let size = packed.output().unwrap().stdout.len();
    assert!((1..=MAX_SIZE).contains(&size), "{size} bytes compressed");
}
