//! `subspace-turn`: the TURN server as a program of its own.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use settings::{Given, Program as _};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use turn_server::ProgramOptions;

/// Relays media between browsers that cannot reach each other: TURN (RFC 8656) with time-limited credentials.
///
/// Secrets are never given as arguments: they come from the environment variable SUBSPACE_TURN_SECRET or from a file.
/// SIGTERM stops it once ongoing calls have ended, after drain-seconds at most; a second SIGTERM stops it at once.
#[derive(Debug, Parser)]
#[command(name = ProgramOptions::NAME, version)]
struct Cli {
    #[command(flatten)]
    given: Given<ProgramOptions>,
}

fn main() -> ExitCode {
    program::end(ProgramOptions::NAME, run(Cli::parse().given))
}

fn run(given: Given<ProgramOptions>) -> anyhow::Result<()> {
    let (options, sources) = given.begin()?;
    let served = serve(options);
    served.map_err(|error| anyhow::Error::msg(sources.explained(&error)))
}

fn serve(options: ProgramOptions) -> anyhow::Result<()> {
    let mut config = options.config()?;
    let shares = program::share_out(program::raise_descriptors()?, config.shares());
    config.set_shares(shares);
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("signals cannot be caught")?;
    let server = turn_server::start(&config)?;
    for address in server.addresses() {
        program::say(format_args!("turn {address}"));
    }
    for address in server.tls_addresses() {
        program::say(format_args!("turns {address}"));
    }
    if let Some(address) = server.metrics_address() {
        program::say(format_args!("metrics http://{address}/metrics"));
    }
    program::say("ready");
    let first = signals.forever().next();
    tracing::info!(signal = first, limit = ?options.drain(), "stopping once all allocations have ended");
    let again = std::sync::Mutex::new(signals);
    server.drain_and_stop(options.drain(), || {
        again
            .lock()
            .is_ok_and(|mut signals| signals.pending().next().is_some())
    });
    Ok(())
}
