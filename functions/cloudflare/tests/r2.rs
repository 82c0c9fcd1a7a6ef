//! storage-r2 inside workerd: the contract of object stores, and large objects.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::time::Duration;

use common::{CONTRACT, Worker, free_address};

/// How long a suite may take.
const LIMIT: Duration = Duration::from_secs(180);

async fn run(test: &str) {
    let address = free_address();
    let _worker = tokio::task::spawn_blocking(move || Worker::start(CONTRACT, address, &[], &[]))
        .await
        .unwrap();
    let answer = functions_suite::client()
        .get(format!("http://{address}/{test}"))
        .timeout(LIMIT)
        .send()
        .await
        .unwrap();
    let status = answer.status();
    assert_eq!(
        (status.as_u16(), answer.text().await.unwrap().as_str()),
        (200, "all well")
    );
}

#[tokio::test]
async fn keeps_the_contract_of_object_stores() {
    run("contract").await;
}

#[tokio::test]
async fn large_objects_go_up_in_parts() {
    run("large").await;
}
