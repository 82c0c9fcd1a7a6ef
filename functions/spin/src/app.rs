//! The state that an instance keeps between requests.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use functions_core::variables::Variables;
use functions_core::{Body, ClientAddress, Functions};
use futures_util::StreamExt;
use http::{HeaderMap, Response};
use spin_sdk::http::Request as SpinRequest;
use storage_adapter::{ByteStream, GetOptions, ObjectStore, PutMode, Storage, StoreError, Waiting};
use storage_s3::{Commits, Conditions, Limits, S3Settings, S3Store, SharedHttpClient};

use crate::host::WasiHost;
use crate::http_client::WasiHttp;
use crate::{origin_form, variables};

/// The record of which conditions the server supports, so that not every instance has to test them.
const TRIED: &str = ".subspace/conditions";
/// The longest such record, in bytes.
const MAX_TRIED: usize = 1024;

thread_local! {
    /// Absent until a first request has created it.
    static INSTANCE: RefCell<Option<Rc<App>>> = const { RefCell::new(None) };
}

/// The functions over a bucket.
pub(crate) struct App {
    functions: Functions<S3Store<WasiHost>, WasiHost>,
    behind_proxy: bool,
}

impl App {
    /// Returns this instance's app, created by its first request.
    ///
    /// # Errors
    /// One sentence: what is misconfigured, or that the bucket cannot be used.
    pub(crate) async fn get() -> Result<Rc<Self>, String> {
        if let Some(app) = INSTANCE.with_borrow(Clone::clone) {
            return Ok(app);
        }
        // Concurrent first requests create their own: one must not wait for another here.
        let made = Self::make().await?;
        Ok(INSTANCE.with_borrow_mut(|instance| Rc::clone(instance.get_or_insert(made))))
    }

    async fn make() -> Result<Rc<Self>, String> {
        let set = variables::read().await;
        let get = |name: &str| set.get(name).cloned();
        let mut variables = Variables::read(&get).map_err(|error| error.to_string())?;
        // An instance may live for a single request.
        variables.config.shared_counters = true;
        let settings = S3Settings::from_variables(|name| get(name));
        let settings = settings.map_err(|error| error.to_string())?;
        let host = Arc::new(WasiHost {
            any_network: variables.any_network,
        });
        let store = open(&settings, Arc::clone(&host)).await?;
        let mut keeping = storage_adapter::Options::default();
        keeping.keep_millis = variables.keep_millis();
        // In the component runtime one request cannot wake another.
        keeping.waiting = Waiting::Polling;
        let storage = Storage::with_options(Arc::new(store), host, keeping);
        Ok(Rc::new(Self {
            functions: Functions::new(storage, variables.config),
            behind_proxy: variables.behind_proxy,
        }))
    }

    /// Handles a request that belongs to the functions.
    pub(crate) async fn answer(&self, request: SpinRequest) -> Response<Body> {
        let client = client(request.headers(), self.behind_proxy);
        self.functions.handle(origin_form(request), client).await
    }
}

/// Returns a request's client address: the one that a proxy names, if there is one, else Spin's.
fn client(headers: &HeaderMap, behind_proxy: bool) -> ClientAddress {
    let last = |name: &str| {
        let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
        value.rsplit(',').next().map(str::trim)
    };
    if behind_proxy {
        return last("x-forwarded-for").map_or(ClientAddress::UNKNOWN, ClientAddress::parse);
    }
    last("spin-client-addr")
        .and_then(|text| text.parse::<SocketAddr>().ok())
        .map_or(ClientAddress::UNKNOWN, |address| address.ip().into())
}

/// Opens the bucket. What its server supports is tested once, by the very first instance.
async fn open(settings: &S3Settings, host: Arc<WasiHost>) -> Result<S3Store<WasiHost>, String> {
    let http = SharedHttpClient::new(WasiHttp);
    let limits = Limits::default();
    let place = settings.describe();
    if settings.single_writer() {
        // Locks of one instance are unknown to the others.
        return Err(
            "SUBSPACE_S3_SINGLE_WRITER is set, but here several instances write at once; choose a \
             server with conditional writes"
                .to_owned(),
        );
    }
    let guess = Commits::Server(Conditions { parts: false });
    let store = S3Store::new(settings, http.clone(), Arc::clone(&host), limits, guess);
    let tried = match store.get(TRIED, GetOptions::default()).await {
        Ok(object) => whole(object.body).await,
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(format!("{place} cannot be used: {error}")),
    };
    let known = [true, false]
        .into_iter()
        .find(|parts| tried.as_deref() == Some(record(&place, *parts).as_bytes()));
    if let Some(parts) = known {
        let commits = Commits::Server(Conditions { parts });
        return Ok(S3Store::new(settings, http, host, limits, commits));
    }
    let store = S3Store::open(settings, http, host, limits).await;
    let store = store.map_err(|error| error.to_string())?;
    if let Commits::Server(conditions) = store.commits() {
        let record = Bytes::from(record(&place, conditions.parts));
        let body: ByteStream = Box::pin(futures_util::stream::iter([Ok(record)]));
        // If this fails, the next instance tests everything again.
        let _written = store.put(TRIED, body, PutMode::Overwrite).await;
    }
    Ok(store)
}

/// Includes the location, since a bucket may be copied to another server.
fn record(place: &str, parts: bool) -> String {
    format!(
        "{place}\nconditions {}\n",
        if parts { "everywhere" } else { "whole objects" }
    )
}

async fn whole(mut body: ByteStream) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = body.next().await {
        all.extend_from_slice(&piece.ok()?);
        if all.len() > MAX_TRIED {
            return None;
        }
    }
    Some(all)
}
