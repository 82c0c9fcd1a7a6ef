//! The IRC server as a program of its own.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use connector_kit::{ConnectorOptions, FunctionsClient};
use ircd::{Accounts, IrcdConfig, NoAccounts, ProgramOptions};
use protocol::{NetworkInfo, Registration};
use settings::{Given, Program as _};
use tokio::net::TcpListener;

/// The IRC server of Subspace, for private spaces.
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
    let client = functions(&options.connector)?;
    let expected = "listen: found off, expected an address like 127.0.0.1:6667";
    let listen = options.ircd.listen.0.context(expected)?;
    let mut config = options.config()?;
    let [share] = program::share_out(program::raise_descriptors()?, [config.limits.share()]);
    config.limits = config.limits.with_share(share);
    let stop = program::stop_signal()?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen is {listen}; that address cannot be used"))?;
    let url = options.ircd_public_url.as_deref();
    let registration = url.map(|url| registration(url, &config)).transpose()?;
    let accounts: Arc<dyn Accounts> = match client.clone() {
        Some(client) => Arc::new(client),
        None => Arc::new(NoAccounts),
    };
    let server = ircd::start(config, listener, accounts).await?;
    if let (Some(client), Some(registration)) = (client, registration) {
        tokio::spawn(client.keep_registered(registration));
    }
    program::say(format_args!("ready irc://{}", server.address()));
    stop.await;
    server.shutdown().await;
    Ok(())
}

/// What is registered about this server with the functions.
fn registration(url: &str, config: &IrcdConfig) -> anyhow::Result<Registration> {
    let wrong = || {
        let found = options::shown(url);
        format!("public-url is \"{found}\"; expected irc://host:port or ircs://host:port")
    };
    let (scheme, place) = url.split_once("://").with_context(wrong)?;
    let secure = match scheme {
        "irc" => false,
        "ircs" => true,
        _ => bail!(wrong()),
    };
    if place.contains('@') {
        bail!(wrong());
    }
    let place = place.trim_end_matches('/');
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().with_context(wrong)?),
        None => (place, if secure { 6697 } else { 6667 }),
    };
    Ok(Registration {
        url: None,
        platforms: Vec::new(),
        descriptors: Vec::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        network: Some(NetworkInfo {
            name: config.network.clone(),
            server: config.name.clone(),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            secure,
            channels: config.channels.iter().map(|c| c.name.clone()).collect(),
        }),
        mail: None,
    })
}

fn functions(connector: &ConnectorOptions) -> anyhow::Result<Option<FunctionsClient>> {
    let Some(origin) = &connector.functions_url else {
        return Ok(None);
    };
    let key = connector
        .key()
        .with_context(|| format!("functions-url is {}", options::shown(origin)))?;
    let client = FunctionsClient::new(origin, connector.id("ircd"), &key)?;
    Ok(Some(client))
}
