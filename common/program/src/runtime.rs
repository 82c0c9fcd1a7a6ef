//! Programs that run on tokio.

use std::future::Future;
use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Catches SIGTERM and SIGINT from now on; the returned future completes at the first of them.
///
/// # Errors
///
/// If they cannot be caught.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
