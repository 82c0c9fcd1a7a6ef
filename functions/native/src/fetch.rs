//! Requests to other servers over rustls, guarding against addresses in private networks.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use functions_core::{Destination, FetchError, FetchLimits};
use http::{Request, Response};
use protocol::Gathered;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How long connecting to another server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests over pooled connections. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetcher {
    any_address: bool,
    clients: Arc<Clients>,
}

/// One client for addresses that users enter, one for the operator's; created on demand.
#[derive(Debug, Default)]
struct Clients {
    public: OnceLock<Result<reqwest::Client, String>>,
    configured: OnceLock<Result<reqwest::Client, String>>,
}

impl Fetcher {
    pub(crate) fn new(any_address: bool) -> Self {
        Self {
            any_address,
            clients: Arc::default(),
        }
    }

    pub(crate) async fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> Result<Response<Bytes>, FetchError> {
        let public = limits.destination == Destination::Public && !self.any_address;
        let uri = request.uri();
        let host = uri.host().unwrap_or_default().to_owned();
        if public {
            // Literal addresses are not resolved, so the resolver does not see them.
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            let forbidden = bare
                .parse::<IpAddr>()
                .is_ok_and(|address| !protocol::is_public_address(address));
            if forbidden {
                return Err(FetchError::Forbidden(host));
            }
        }
        let cell = if public {
            &self.clients.public
        } else {
            &self.clients.configured
        };
        let client = cell
            .get_or_init(|| client(public))
            .as_ref()
            .map_err(|error| FetchError::Unreachable(host.clone(), error.clone()))?;
        let timeout = Duration::from_millis(limits.timeout);
        match tokio::time::timeout(timeout, exchange(client, request, &host, limits.max_body)).await
        {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Timeout(host)),
        }
    }
}

fn client(public: bool) -> Result<reqwest::Client, String> {
    let tls = tls::client_config(&[]).map_err(|error| error.to_string())?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if public {
        builder = builder.dns_resolver(Arc::new(PublicOnly));
    }
    builder.build().map_err(|error| error.to_string())
}

async fn exchange(
    client: &reqwest::Client,
    request: Request<Bytes>,
    host: &str,
    max_body: u64,
) -> Result<Response<Bytes>, FetchError> {
    let failed = |error: &reqwest::Error| {
        let mut inner: &dyn std::error::Error = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        match inner.downcast_ref::<NotPublic>() {
            Some(_) => FetchError::Forbidden(host.to_owned()),
            None => FetchError::Unreachable(host.to_owned(), inner.to_string()),
        }
    };
    let request = reqwest::Request::try_from(request).map_err(|error| failed(&error))?;
    let mut answer = client
        .execute(request)
        .await
        .map_err(|error| failed(&error))?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    let mut body = Gathered::default();
    while let Some(piece) = answer.chunk().await.map_err(|error| failed(&error))? {
        if (body.len() + piece.len()) as u64 > max_body {
            return Err(FetchError::TooLarge(host.to_owned(), max_body));
        }
        body.push(piece);
    }
    *response.body_mut() = body.finish();
    Ok(response)
}

/// Resolves names to public addresses only, so that the connection goes to the checked address.
struct PublicOnly;

/// A name has no public address.
#[derive(Debug, thiserror::Error)]
#[error("there is no public address")]
struct NotPublic;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found
                .filter(|address| protocol::is_public_address(address.ip()))
                .collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(any: bool, uri: &str, destination: Destination) -> Result<Bytes, FetchError> {
        let request = Request::get(uri).body(Bytes::new()).unwrap_or_default();
        let limits = FetchLimits {
            destination,
            max_body: 100,
            timeout: 5_000,
        };
        let answer = Fetcher::new(any).fetch(request, limits).await;
        answer.map(Response::into_body)
    }

    #[tokio::test]
    async fn private_addresses_are_for_the_operator_only() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let long = head.starts_with(b"GET /long");
                let length = if long { 1000 } else { 2 };
                let text = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{}",
                    "x".repeat(length)
                );
                let _ = stream.write_all(text.as_bytes()).await;
            }
        });
        for host in ["127.0.0.1", "localhost"] {
            let uri = format!("http://{host}:{port}/");
            let refused = get(false, &uri, Destination::Public).await;
            assert_eq!(refused, Err(FetchError::Forbidden(host.to_owned())));
            assert_eq!(get(true, &uri, Destination::Public).await.unwrap(), "xx");
            let configured = get(false, &uri, Destination::Configured).await;
            assert_eq!(configured.unwrap(), "xx");
        }
        let long = format!("http://127.0.0.1:{port}/long");
        let refused = get(true, &long, Destination::Public).await;
        assert_eq!(
            refused,
            Err(FetchError::TooLarge("127.0.0.1".to_owned(), 100))
        );
        let refused = get(false, "http://[::ffff:7f00:1]/", Destination::Public).await;
        assert!(matches!(refused, Err(FetchError::Forbidden(_))));
    }
}
