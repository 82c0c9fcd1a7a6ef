//! `subspace-smtp-connector`: mail for channels.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use settings::{Given, Program as _};
use smtp_connector::{ProgramOptions, Smtp};
use tokio::net::TcpListener;

/// Receives mail for the addresses that users created for their channels.
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
    let mut config = options.config().map_err(anyhow::Error::msg)?;
    let [share] = program::share_out(program::raise_descriptors()?, [config.limits.share()]);
    config.limits = config.limits.with_share(share);
    let metrics = match options.metrics {
        Some(address) => Some(
            std::net::TcpListener::bind(address)
                .with_context(|| format!("metrics is {address}; that address cannot be used"))?,
        ),
        None => None,
    };
    let expected = "mail-listen: found off, expected an address like 127.0.0.1:2525";
    let listen = options.mail.listen.0.context(expected)?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("mail-listen is {listen}; that address cannot be used"))?;
    let stop = program::stop_signal()?;
    let address = listener.local_addr()?;
    let smtp = Smtp::start(config, listener)?;
    program::say(format_args!("ready smtp://{address}"));
    let metrics = metrics
        .map(|listener| metrics::Server::start(listener, smtp.pages()))
        .transpose()?;
    stop.await;
    drop(metrics);
    smtp.shutdown().await;
    Ok(())
}
