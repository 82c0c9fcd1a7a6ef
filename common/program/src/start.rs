//! How programs begin, say that they are ready, and end.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

/// Begins the log, on standard error. `filter` is a tracing filter, `info` or `warn,ircd=debug`; without one it is
/// what `RUST_LOG` says, and `info` if that is not set either.
///
/// # Errors
///
/// The filter cannot be understood.
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
        // A file keeps what is written for a terminal only, and who reads it sees codes. `NO_COLOR` says it of terminals.
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
            // Whoever closed standard error does not want it.
            drop(writeln!(io::stderr(), "{name}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says one line to whoever started the program: `ready http://127.0.0.1:6701`.
pub fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    // They may have gone away, which is no reason to stop.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}
