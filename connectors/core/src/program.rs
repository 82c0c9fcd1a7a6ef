//! What the programs of the connectors have in common: how they begin, say that they are ready, and end.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, Write as _};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

/// Runs a program, with its log on standard error. An error is one sentence there, after `name`.
pub async fn run<E: Display>(name: &str, work: impl Future<Output = Result<(), E>>) -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match work.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence; whoever closed standard error does not want it.
            drop(writeln!(io::stderr(), "{name}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Catches SIGTERM and SIGINT from now on; what is returned ends at the first of them.
///
/// # Errors
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

/// Says where the program takes connections, for whoever started it.
pub fn say_ready(place: impl Display) {
    let mut out = io::stdout();
    // They may have gone away, which is no reason to stop.
    drop(writeln!(out, "ready {place}").and_then(|()| out.flush()));
}
