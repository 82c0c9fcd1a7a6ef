//! Programs that run on tokio.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

/// Runs a program, with its log on standard error, until `work` ends: [`crate::log`], then [`crate::end`].
pub async fn run<E: Display>(name: &str, work: impl Future<Output = Result<(), E>>) -> ExitCode {
    if let Err(error) = crate::log(None) {
        return crate::end(name, Err(error));
    }
    crate::end(name, work.await)
}

/// Catches SIGTERM and SIGINT from now on; what is returned ends at the first of them.
///
/// # Errors
///
/// They cannot be caught.
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
