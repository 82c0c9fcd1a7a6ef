//! How programs start, report that they are ready, and end.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// Starts the log, on standard error. `filter` is a tracing filter, `info` or `warn,ircd=debug`; the default is
/// `RUST_LOG`, or else `info`.
///
/// # Errors
///
/// If the filter is not valid.
pub fn log(filter: Option<&str>) -> Result<(), String> {
    let filter = match filter {
        Some(text) => text.parse().map_err(|_| {
            format!("log: found \"{text}\", expected a filter like info or warn,ircd=debug")
        })?,
        None => EnvFilter::builder()
            .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
            .from_env_lossy(),
    };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        // Colour codes belong on a terminal only, not in a file. `NO_COLOR` turns them off there as well.
        .with_ansi(
            io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()),
        )
        .with_env_filter(filter)
        .init();
    Ok(())
}

/// Ends a program: an error is one sentence on standard error, after the program's name.
pub fn end<E: Display>(name: &str, outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed.
            drop(writeln!(io::stderr(), "{name}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints one line for the parent process: `ready http://127.0.0.1:6701`.
pub fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    // The reader may be gone, which is no reason to stop.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}
