//! The functions and the web client as one WASI component, for Spin and for wasmtime.
//!
//! A component is stateless: everything is in a bucket ([`storage_s3`]). An instance may serve many requests, even
//! concurrently, or only one; what it creates at its first request (configuration, store) it keeps for the others.
#![cfg(target_arch = "wasm32")]

mod app;
mod buckets;
mod files;
mod host;
mod http_client;
mod variables;

use functions_core::{Body, is_ours};
use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode};
use spin_sdk::http::{IntoResponse, Request as SpinRequest};
use spin_sdk::http_service;

use crate::app::App;

/// Handles one request.
#[http_service]
async fn handle(request: SpinRequest) -> impl IntoResponse {
    if !is_ours(request.uri().path()) {
        return files::answer(&request);
    }
    let mut response = match App::get().await {
        Ok(app) => app.answer(request).await,
        Err(error) => functions_core::variables::misconfigured(&error),
    };
    announce_length(&mut response);
    response
}

/// Sets the length of the body, which WASI does not do. Responses to HEAD have it already.
fn announce_length(response: &mut Response<Body>) {
    let bodiless = matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    if !bodiless && !response.headers().contains_key(CONTENT_LENGTH) {
        let length = response.body().length();
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}

/// Removes the scheme and host that WASI puts before a path, since HTTP/1.1 servers have none there.
fn origin_form<B>(mut request: Request<B>) -> Request<B> {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(http::Uri::from).unwrap_or_default();
    request
}
