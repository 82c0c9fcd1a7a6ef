//! `subspace-turn`: the TURN server alone.

mod settings;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::settings::Keys;

/// Relays media between browsers that cannot reach each other: TURN (RFC 8656) with time-limited credentials.
///
/// Secrets are never given as arguments: they come from the environment variable SUBSPACE_TURN_SECRET or from a file.
/// SIGTERM stops it when the calls that go on have ended, at most after drain-seconds; a second SIGTERM stops it at once.
#[derive(Debug, Parser)]
#[command(name = "subspace-turn", version)]
struct Cli {
    #[command(flatten)]
    keys: Keys,
}

fn main() -> ExitCode {
    match run(Cli::parse().keys) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence; whoever closed standard error does not want it.
            drop(writeln!(std::io::stderr(), "subspace-turn: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(keys: Keys) -> anyhow::Result<()> {
    let settings = keys.resolve()?;
    let filter: tracing_subscriber::EnvFilter = settings.log.parse().with_context(|| {
        format!(
            "log: found \"{}\", expected a filter like info or turn_server=debug",
            settings.log
        )
    })?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter)
        .init();
    more_descriptors();
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("signals cannot be caught")?;
    let server = turn_server::start(&settings.config)?;
    for address in server.addresses() {
        say(&format!("turn {address}"))?;
    }
    for address in server.tls_addresses() {
        say(&format!("turns {address}"))?;
    }
    if let Some(address) = server.metrics_address() {
        say(&format!("metrics http://{address}/metrics"))?;
    }
    say("ready")?;
    let first = signals.forever().next();
    tracing::info!(signal = first, limit = ?settings.drain, "stopping when the allocations have ended");
    let again = std::sync::Mutex::new(signals);
    server.drain_and_stop(settings.drain, || {
        again
            .lock()
            .is_ok_and(|mut signals| signals.pending().next().is_some())
    });
    Ok(())
}

/// Each allocation needs a descriptor or two: takes as many as the system allows.
fn more_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    ) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

/// Tells whoever started the server; they may have gone away, which is no reason to stop.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
