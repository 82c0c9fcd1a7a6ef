//! A Worker that runs the contract of object stores against its bucket and returns the outcome. Only for the tests:
//! `functions/cloudflare/tests/r2.rs` starts it.
#![allow(
    clippy::unwrap_used,
    reason = "a failing contract panics; the test shows what the Worker said"
)]

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use storage_adapter::{
    BodyError, ByteStream, GetOptions, ObjectStore, PutMode, StoreError, contract,
};
use storage_r2::R2Store;
use worker::{Context, Env, Request, Response, Result, console_error, event};

/// Logs a panic before everything stops.
#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error!("{panic}")));
}

/// `/contract` runs the contract, `/large` what is specific to R2.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    let store = R2Store::new(env.bucket("BUCKET")?);
    match request.path().as_str() {
        "/contract" => contract::run_all(Arc::new(store), "contract").await,
        "/large" => large(&store).await,
        _ => return Response::error("no such test", 404),
    }
    Response::ok("all well")
}

const CHUNK: usize = 300_000;

fn chunk(number: usize) -> Bytes {
    Bytes::from(vec![(number % 251) as u8; CHUNK])
}

/// A body generated while it is read, so that nothing holds it completely.
fn body(chunks: usize, broken: bool) -> ByteStream {
    let end = broken.then(|| Err(BodyError::Broken("gone".to_owned())));
    let pieces = stream::iter(0..chunks).map(|number| Ok(chunk(number)));
    Box::pin(pieces.chain(stream::iter(end)))
}

/// Objects uploaded in parts: complete, at the boundary of a part, broken off, and under a condition.
async fn large(store: &R2Store) {
    for (mode, chunks) in [(PutMode::New, 100), (PutMode::Overwrite, 60)] {
        let written = store.put("large/a", body(chunks, false), mode).await;
        let object = store.get("large/a", GetOptions::default()).await.unwrap();
        assert_eq!(written.unwrap(), object.etag);
        assert_eq!(object.length, (chunks * CHUNK) as u64);
        let (mut at, mut body) = (0, object.body);
        while let Some(piece) = body.next().await {
            for byte in piece.unwrap() {
                assert_eq!(byte, chunk_byte(at), "at {at}");
                at += 1;
            }
        }
        assert_eq!(at, chunks * CHUNK);
    }
    let exactly: Vec<_> = vec![Ok(Bytes::from(vec![7; 4 << 20])); 4];
    let exactly: ByteStream = Box::pin(stream::iter(exactly));
    store.put("large/b", exactly, PutMode::New).await.unwrap();
    assert_eq!(
        store.list("large/b", None).await.unwrap()[0].length,
        16 << 20
    );
    let broken = store.put("large/c", body(100, true), PutMode::New).await;
    assert!(matches!(broken, Err(StoreError::Body(_))));
    let missing = store.get("large/c", GetOptions::default()).await;
    assert!(matches!(missing, Err(StoreError::NotFound)));
    let swapped = store
        .put("large/d", body(50, false), PutMode::IfAbsent)
        .await;
    swapped.unwrap();
    let refused = store
        .put("large/e", body(120, false), PutMode::IfAbsent)
        .await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
}

fn chunk_byte(at: usize) -> u8 {
    ((at / CHUNK) % 251) as u8
}
