//! The functions as a Cloudflare Worker over an R2 bucket: converts requests and responses, and calls
//! [`functions_core`]; it adds no behaviour.
//!
//! The handlers are created at an isolate's first request, and kept. Requests of one isolate share memory but never
//! wait for each other's I/O, which Workers forbid: hence [`storage_adapter::Waiting::Polling`].
//!
//! It also builds natively, for the lints and for its pure parts.

mod answer;
mod fetch;
mod host;
mod isolate;
mod request;

use functions_core::is_ours;
use functions_core::variables::misconfigured;
use worker::worker_sys::web_sys;
use worker::{Context, Env, Error, ScheduleContext, ScheduledEvent, console_error, console_log};

pub use host::WorkersHost;

/// The name of the binding of the web client's files.
const ASSETS: &str = "ASSETS";

/// Logs a panic before the isolate is given up.
#[worker::event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error!("{panic}")));
}

/// Handles one request.
#[worker::event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> Result<web_sys::Response, Error> {
    let (request, client, origin) = match request::translate(&request) {
        Ok(translated) => translated,
        Err(reason) => return answer::refused(&reason),
    };
    if !is_ours(request.uri().path()) {
        return assets(&env, request).await;
    }
    let body = request.body().clone();
    let response = match isolate::functions(&env, &origin) {
        Ok(functions) => functions.handle(request, client).await,
        Err(reason) => {
            console_error!("{reason}");
            misconfigured(&reason)
        }
    };
    if !http_body::Body::is_end_stream(&body) {
        context.wait_until(body.drain());
    }
    answer::translate(response)
}

/// Everything but the functions is a file of the web client, or does not exist. Existing files are served before the
/// Worker is called, so this returns "not found" in the client's own form.
async fn assets(
    env: &Env,
    request: http::Request<request::Incoming>,
) -> Result<web_sys::Response, Error> {
    let Ok(assets) = env.get_binding::<worker::Fetcher>(ASSETS) else {
        return answer::not_found();
    };
    match *request.method() {
        http::Method::GET | http::Method::HEAD => {
            let mut init = worker::RequestInit::new();
            init.with_method(worker::Method::from(request.method().to_string()));
            let answer = assets.fetch(request.uri().to_string(), Some(init)).await?;
            Ok(answer.into())
        }
        _ => answer::only_get(),
    }
}

/// Runs the periodic maintenance.
#[worker::event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let functions = match isolate::functions(&env, isolate::NO_ORIGIN) {
        Ok(functions) => functions,
        Err(reason) => return console_error!("{reason}"),
    };
    let done = match functions.lifecycle().maintain_when_due().await {
        Ok(Some(done)) => done,
        Ok(None) => return console_log!("maintained a moment ago"),
        Err(error) => return console_error!("maintenance failed: {error}"),
    };
    let (expired, orphans) = done
        .swept
        .iter()
        .fold((0, 0), |(expired, orphans), (_, one)| {
            (expired + one.expired, orphans + one.orphans)
        });
    console_log!(
        "maintained: {expired} documents expired, {orphans} orphans, {} tasks waiting, {} given up",
        done.waiting,
        done.given_up
    );
    for (what, error) in &done.failed {
        console_error!("{what} maintenance failed, retrying next time: {error}");
    }
}
