//! A gateway as a program of its own: the part that is the same for every platform.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use connector_kit::ConnectorOptionsError;
use tokio::net::TcpListener;

use crate::gateway::{Gateway, GatewayError};
use crate::platform::Platform;
use crate::serve::serve;
use crate::settings::GatewayOptions;

/// Why the program ended, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The functions' address or the key is missing.
    #[error(transparent)]
    Options(#[from] ConnectorOptionsError),
    /// The address cannot be listened on.
    #[error("listen is {0}; that address cannot be used")]
    Listen(SocketAddr, #[source] io::Error),
    /// The gateway cannot start.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Signals cannot be caught, or the listener failed for good.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves platforms until the process is told to stop; prints `ready` and the address once it listens. `usual_id` is
/// the connector's id if none is configured.
///
/// # Errors
/// The options are insufficient, or the gateway cannot start or continue.
pub async fn run(
    options: &GatewayOptions,
    usual_id: &str,
    platforms: Vec<Arc<dyn Platform>>,
) -> Result<(), RunError> {
    let config = options.config(usual_id)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| RunError::Listen(options.listen, error))?;
    let stop = program::stop_signal()?;
    let gateway = Gateway::start(config, platforms)?;
    program::say(format_args!("ready http://{}", listener.local_addr()?));
    Ok(serve(listener, gateway, stop).await?)
}
