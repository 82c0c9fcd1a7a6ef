//! Routes requests to their handlers, and sets the headers of every response.

use std::sync::Arc;

use crate::kernel::host::Host;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use protocol::ServerInfo;
use storage_adapter::{MaybeSend, ObjectStore};

use crate::Functions;
use crate::kernel::body::Body;
use crate::kernel::cors;
use crate::kernel::guard::ClientAddress;
use crate::kernel::incoming::{AHEAD_MS, DRAIN_MS, Incoming};
use crate::kernel::methods::Methods;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, protect};
use crate::routes;
use crate::routes::{Address, Route};

/// The longest path with query, in bytes.
const MAX_TARGET: usize = 16 * 1024;

/// A request with as much of its body as was waited for ([`Functions::receive`]).
pub struct Received {
    parts: Parts,
    body: Incoming,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received").finish_non_exhaustive()
    }
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Handles a request.
    pub async fn handle<B>(&self, request: Request<B>, client: ClientAddress) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + MaybeSend + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = self.incoming(body);
        self.handle_received(Received { parts, body }, client).await
    }

    /// Reads the body of a request before it is handled: where only few are handled at once ([`crate::is_blocking`]),
    /// none of those places is taken by a slow sender. What has arrived counts towards the limit of request bodies in
    /// memory.
    pub async fn receive<B>(&self, request: Request<B>) -> Received
    where
        B: http_body::Body<Data = Bytes> + MaybeSend + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let patience = self.kernel.storage().host().sleep(AHEAD_MS);
        let body = self.incoming(body).ahead(patience).await;
        Received { parts, body }
    }

    fn incoming<B>(&self, body: B) -> Incoming
    where
        B: http_body::Body<Data = Bytes> + MaybeSend + 'static,
        B::Error: std::fmt::Display,
    {
        let kernel = Arc::clone(&self.kernel);
        let patience = async move { kernel.storage().host().sleep(DRAIN_MS).await };
        Incoming::new(body, self.kernel.bodies(), patience)
    }

    /// Handles a request that was received before.
    pub async fn handle_received(
        &self,
        Received { parts, body }: Received,
        client: ClientAddress,
    ) -> Response<Body> {
        let found = routes::find(parts.uri.path());
        let mut response = match self.route(&parts, found, body, client).await {
            Ok(response) => response,
            Err(failure) => {
                self.kernel.tell_trouble(&failure);
                failure.into_response()
            }
        };
        if !found.is_some_and(|(address, _)| address.is_page()) {
            cors::open(parts.headers.get(header::ORIGIN), response.headers_mut());
        }
        protect(response.headers_mut());
        cors::strip_for_head(&parts.method, &mut response);
        response
    }

    async fn route(
        &self,
        parts: &Parts,
        found: Option<(&'static Address, [&str; 2])>,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        let target = parts.uri.path_and_query().map_or(0, |p| p.as_str().len());
        if target > MAX_TARGET {
            return Err(Failure::new(
                StatusCode::URI_TOO_LONG,
                format!("the address is longer than {MAX_TARGET} bytes"),
            ));
        }
        if parts.method == Method::OPTIONS {
            let methods = found.map_or(Methods::ALL, |(address, _)| address.methods());
            return Ok(cors::preflight(methods));
        }
        let Some((address, values)) = found else {
            body.drain().await;
            return Err(Failure::not_found("there is nothing at this address"));
        };
        let on = address.on(&parts.method);
        if let Some(kinds) = address.connectors() {
            return Box::pin(self.connector(parts, address, kinds, on, body)).await;
        }
        let Some(on) = on else {
            body.drain().await;
            return Err(Failure::method(address.methods()));
        };
        let body = body.at_most(on.most());
        let [value, _] = values;
        // A request is moved several times before it is started, and is as large as the largest of all handlers: the
        // large ones are boxed.
        match on.route {
            Route::Storage => self.files.answer_storage(parts, value, body, client).await,
            Route::Health => Ok(health()),
            Route::Hook => Box::pin(self.webhooks.answer_hook(parts, value, body, client)).await,
            Route::Webfinger => Box::pin(self.identity.webfinger(parts)).await,
            Route::Authorize => Box::pin(self.identity.authorize(parts, value, body, client)).await,
            Route::Token => Box::pin(self.identity.oauth_token(body)).await,
            Route::Notifications => {
                Box::pin(self.notify.answer_notifications(parts, body, client)).await
            }
            Route::Api(route) => {
                let call = Box::pin(self.admit(parts, client, on.who)).await?;
                Box::pin(self.answer_api(route, &call, values, body)).await
            }
            // Its addresses are for connectors, which were handled above.
            Route::Connector(_) => Err(Failure::method(address.methods())),
        }
    }

    /// `GET /api`: what a client needs before signing in.
    pub(crate) async fn about(&self) -> Answer {
        let needs_setup =
            self.kernel.config().setup_token.is_some() && self.identity.needs_setup().await?;
        let info = ServerInfo {
            name: self.kernel.config().name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            needs_setup,
            storage: self.kernel.config().storage_origin().to_owned(),
        };
        Ok(answer(StatusCode::OK, &info))
    }
}

fn health() -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = Body::from(&b"ok"[..]);
    response
}
