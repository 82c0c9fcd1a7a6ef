//! How programs start, report that they are ready, and end.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log, on standard error. `filter` is a tracing filter, `info` or `warn,ircd=debug`; the default is
/// `RUST_LOG`, or else `info`.
///
/// # Errors
///
/// If the filter is not valid.
pub fn log(filter: Option<&str>) -> Result<(), String> {
    let filter = match filter {
        // What was found may be a secret beside the wrong key.
        Some(text) => text.parse().map_err(|_| {
            "log: found something else than a filter like info or warn,ircd=debug".to_owned()
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
        .finish()
        .with(filter_fn(is_harmless))
        .init();
    Ok(())
}

/// Libraries that log whole packets when they are debugged, and with them the tickets of clients.
const WORDY: [&str; 2] = ["socketioxide", "engineioxide"];

/// Whether a line may be logged, whatever the filter is.
fn is_harmless(line: &Metadata<'_>) -> bool {
    may_say(line.target(), *line.level())
}

fn may_say(target: &str, level: Level) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    level <= Level::INFO || !WORDY.contains(&library)
}

/// Formats an error with its causes, each once: many sentences contain their cause already.
pub fn sentence(error: &impl Display) -> String {
    let mut text = format!("{error:#}");
    let said_before = |text: &str| {
        let mut ends = text.match_indices(": ").map(|(at, _)| at);
        ends.find(|at| text[..*at].ends_with(&text[*at..]))
    };
    while let Some(end) = said_before(&text) {
        text.truncate(end);
    }
    text
}

/// Ends a program: an error is one sentence on standard error, after the program's name.
pub fn end<E: Display>(name: &str, outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed.
            drop(writeln!(io::stderr(), "{name}: {}", sentence(&error)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        for (text, said) in [
            ("a \"b\": denied (13): denied (13)", "a \"b\": denied (13)"),
            ("a: b: c: b: c", "a: b: c"),
            ("a: b: b: b", "a: b"),
            ("a: b", "a: b"),
            ("b: b", "b: b"),
            ("", ""),
        ] {
            assert_eq!(sentence(&text), said);
        }
    }

    #[test]
    fn no_filter_makes_a_library_log_what_clients_send() {
        assert!(!may_say("socketioxide::ns", Level::DEBUG));
        assert!(!may_say("engineioxide", Level::TRACE));
        assert!(may_say("socketioxide", Level::WARN));
        assert!(may_say("gateway::sockets", Level::DEBUG));
    }
}
