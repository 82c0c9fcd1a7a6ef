//! A gateway as a program of its own: the part that is the same for every platform.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use connector_kit::ConnectorOptionsError;
use tokio::net::TcpListener;

use crate::entrance::Entrance;
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
    /// What runs beside the gateway cannot start.
    #[error(transparent)]
    Beside(Box<dyn std::error::Error + Send + Sync>),
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
    let nothing = async |_| Ok::<(), std::convert::Infallible>(());
    run_beside(options, usual_id, platforms, nothing, async |()| ()).await
}

/// Like [`run`], with a server for members' programs beside it: `begin` starts it before the program is ready, and
/// `end` ends it before the gateway.
///
/// # Errors
/// As for [`run`]; or `begin` fails.
pub async fn run_beside<B, E>(
    options: &GatewayOptions,
    usual_id: &str,
    platforms: Vec<Arc<dyn Platform>>,
    begin: impl AsyncFnOnce(Entrance) -> Result<B, E>,
    end: impl AsyncFnOnce(B),
) -> Result<(), RunError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let config = options.config(usual_id)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| RunError::Listen(options.listen, error))?;
    let stop = program::stop_signal()?;
    let gateway = Gateway::start(config, platforms)?;
    let beside = begin(gateway.entrance()).await;
    let beside = beside.map_err(|error| RunError::Beside(Box::new(error)))?;
    program::say(format_args!("ready http://{}", listener.local_addr()?));
    let stop = async {
        stop.await;
        end(beside).await;
    };
    Ok(serve(listener, gateway, stop).await?)
}
