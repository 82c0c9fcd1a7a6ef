//! `subspace-irc-connector`: always-on connections to IRC networks, used over Socket.IO.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use gateway::{Gateway, GatewayConfig};
use irc_connector::{AddressPolicy, Irc, IrcConfig};
use tokio::net::TcpListener;

/// Keeps the connections of accounts to IRC networks and lets browsers use them at /sockethub.
///
/// The key shared with the functions is never given as an argument: it comes from the environment variable
/// SUBSPACE_CONNECTOR_KEY or from a file, as hexadecimal digits (openssl rand -hex 32 makes some).
#[derive(Debug, Parser)]
#[command(name = "subspace-irc-connector", version)]
struct Options {
    /// Address that browsers are served on.
    #[arg(long, env = "SUBSPACE_LISTEN", default_value = "127.0.0.1:6701")]
    listen: SocketAddr,
    /// Origin of the functions, https://chat.example.org.
    #[arg(long, env = "SUBSPACE_FUNCTIONS_URL")]
    functions: String,
    /// Origin at which browsers reach this connector, https://irc.example.org; with it the connector registers
    /// itself at the functions.
    #[arg(long, env = "SUBSPACE_PUBLIC_URL")]
    public_url: Option<String>,
    /// This connector's id, as the functions know it.
    #[arg(long, env = "SUBSPACE_CONNECTOR_ID", default_value = "irc")]
    connector: String,
    /// File with this connector's key, hexadecimal digits.
    #[arg(long, env = "SUBSPACE_CONNECTOR_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Folder in which what happens is kept until the functions have it.
    #[arg(long, env = "SUBSPACE_SPOOL")]
    spool: PathBuf,
    /// Origins whose pages may use this connector, separated by commas; any if not given.
    #[arg(long, env = "SUBSPACE_ORIGINS", value_delimiter = ',')]
    origins: Vec<String>,
    /// Take the addresses of clients from x-forwarded-for; only behind a reverse proxy that sets it.
    #[arg(long, env = "SUBSPACE_BEHIND_PROXY")]
    behind_proxy: bool,
    /// Allow connections to servers that are not on the public internet.
    #[arg(long, env = "SUBSPACE_ANY_NETWORK")]
    any_network: bool,
    /// Servers of one's own, host:port: they may be connected to though they are not on the public internet, and by
    /// all accounts at once.
    #[arg(long, env = "SUBSPACE_ALLOW", value_delimiter = ',')]
    allow: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("subspace-irc-connector", run(Options::parse())).await
}

async fn run(options: Options) -> anyhow::Result<()> {
    let key = connector_kit::connector_key(options.key_file.as_deref())?;
    let config = GatewayConfig {
        origins: options.origins,
        public_url: options.public_url,
        behind_proxy: options.behind_proxy,
        ..GatewayConfig::new(&options.connector, &key, &options.functions, options.spool)
    };
    let addresses = if options.any_network {
        AddressPolicy::Any
    } else {
        AddressPolicy::Public {
            except: options.allow.clone(),
        }
    };
    let platform = Irc::new(IrcConfig {
        addresses,
        own: options.allow,
        ..IrcConfig::default()
    });
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen is {}; that address cannot be used", options.listen))?;
    let stop = program::stop_signal()?;
    let gateway = Gateway::start(config, vec![Arc::new(platform)])?;
    program::say(format_args!("ready http://{}", listener.local_addr()?));
    gateway::serve(listener, gateway, stop).await?;
    Ok(())
}
