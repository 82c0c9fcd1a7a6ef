//! `subspace-irc-connector`: always-on connections to IRC networks, used over Socket.IO.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use irc_connector::{Irc, ProgramOptions};
use settings::{Given, Program as _};

/// Keeps accounts' connections to IRC networks and lets browsers use them at /sockethub.
///
/// The key shared with the functions is never given as an argument: it comes from the environment variable
/// SUBSPACE_CONNECTOR_KEY or from a file, as hexadecimal digits (create it with openssl rand -hex 32).
#[derive(Debug, Parser)]
#[command(name = ProgramOptions::NAME, version)]
struct Cli {
    #[command(flatten)]
    given: Given<ProgramOptions>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::end(ProgramOptions::NAME, run(Cli::parse().given).await)
}

async fn run(given: Given<ProgramOptions>) -> anyhow::Result<()> {
    let (options, sources) = given.begin()?;
    let served = serve(options).await;
    served.map_err(|error| anyhow::Error::msg(sources.explained(&error)))
}

async fn serve(options: ProgramOptions) -> anyhow::Result<()> {
    let platform = Arc::new(Irc::new(options.irc()));
    let mut bouncer = options.bouncer.config("bouncer-")?;
    if let Some(config) = &mut bouncer {
        config.limits = config.limits.clone().within(program::raise_descriptors()?);
    }
    gateway::run_beside(
        &options.gateway,
        ProgramOptions::ID,
        vec![platform],
        async |entrance| match bouncer {
            Some(config) => bouncer::start(config, entrance).await.map(Some),
            None => Ok(None),
        },
        async |bouncer| {
            if let Some(bouncer) = bouncer {
                bouncer.shutdown().await;
            }
        },
    )
    .await?;
    Ok(())
}
