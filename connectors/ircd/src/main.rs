//! The IRC server as a program of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use connector_kit::FunctionsClient;
use ircd::server::Secret;
use ircd::{Accounts, AddressRange, Guests, IrcdConfig, NoAccounts, TlsConfig};
use protocol::{NetworkInfo, Registration};
use tokio::net::TcpListener;

/// The IRC server of Subspace, for private spaces.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Configuration file, TOML with the keys of the package's `IrcdConfig`; flags win over it.
    #[arg(long, env = "SUBSPACE_IRCD_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port for clients without TLS.
    #[arg(long, env = "SUBSPACE_IRCD_LISTEN", default_value = "127.0.0.1:6667")]
    listen: SocketAddr,
    /// Folder of the log and the channels.
    #[arg(long, env = "SUBSPACE_IRCD_DATA")]
    data: Option<PathBuf>,
    /// The server's name, with a dot.
    #[arg(long, env = "SUBSPACE_IRCD_NAME")]
    name: Option<String>,
    /// The network's name, one word.
    #[arg(long, env = "SUBSPACE_IRCD_NETWORK")]
    network: Option<String>,
    /// Who may connect without an account: loopback, on or off.
    #[arg(long, env = "SUBSPACE_IRCD_GUESTS")]
    guests: Option<Guests>,
    /// Address and port for clients with TLS; needs a certificate and a key.
    #[arg(long, env = "SUBSPACE_IRCD_TLS_LISTEN", requires_all = ["tls_certificate", "tls_key"])]
    tls_listen: Option<SocketAddr>,
    /// File with the certificate chain, PEM.
    #[arg(long, env = "SUBSPACE_IRCD_TLS_CERTIFICATE")]
    tls_certificate: Option<PathBuf>,
    /// File with the private key of the certificate, PEM.
    #[arg(long, env = "SUBSPACE_IRCD_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Address or range of a reverse proxy that says by the PROXY protocol, or of a gateway that says by WEBIRC, where
    /// clients really are; may be given several times, or separated by commas in the variable.
    #[arg(
        long = "proxy",
        env = "SUBSPACE_IRCD_PROXIES",
        value_name = "ADDR",
        value_delimiter = ','
    )]
    proxies: Vec<AddressRange>,
    /// File with the password of WEBIRC; without it WEBIRC is refused.
    #[arg(long, env = "SUBSPACE_IRCD_WEBIRC_PASSWORD_FILE")]
    webirc_password_file: Option<PathBuf>,
    /// Origin of the functions, which know the accounts; without it there are only guests.
    #[arg(long, env = "SUBSPACE_FUNCTIONS_URL")]
    functions: Option<String>,
    /// Where connectors reach this server, irc://host:port or ircs://host:port (TLS); with it the server registers
    /// itself at the functions as the private network of the space.
    #[arg(long, env = "SUBSPACE_IRCD_PUBLIC_URL")]
    public_url: Option<String>,
    /// The id of this connector at the functions.
    #[arg(long, env = "SUBSPACE_CONNECTOR_ID", default_value = "ircd")]
    connector: String,
    /// File with the key of this connector, hexadecimal digits (openssl rand -hex 32 makes some); or the
    /// environment variable `SUBSPACE_CONNECTOR_KEY`.
    #[arg(long, env = "SUBSPACE_CONNECTOR_KEY_FILE")]
    key_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("subspace-ircd", run(Options::parse())).await
}

async fn run(options: Options) -> anyhow::Result<()> {
    let client = functions(&options)?;
    let public_url = options.public_url.clone();
    let listen = options.listen;
    let mut config = configure(options)?;
    let [share] = program::share_out(program::raise_descriptors()?, [config.limits.share()]);
    config.limits = config.limits.with_share(share);
    let stop = program::stop_signal()?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listen is {listen}; that address cannot be opened"))?;
    let registration = public_url
        .map(|url| registration(&url, &config))
        .transpose()?;
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

fn configure(options: Options) -> anyhow::Result<IrcdConfig> {
    let mut config = match &options.config {
        None => IrcdConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| {
                format!("config is {}; that file cannot be read", path.display())
            })?;
            toml::from_str(&text)
                .with_context(|| format!("{} is no configuration", path.display()))?
        }
    };
    if let Some(data) = options.data {
        config.data = data;
    }
    if let Some(name) = options.name {
        config.name = name;
    }
    if let Some(network) = options.network {
        config.network = network;
    }
    if let Some(guests) = options.guests {
        config.guests = guests;
    }
    if !options.proxies.is_empty() {
        config.proxies = options.proxies;
    }
    if let Some(file) = options.webirc_password_file {
        let shown = file.display();
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("webirc-password-file is {shown}; that file cannot be read")
        })?;
        let password = text.lines().next().unwrap_or_default().trim();
        if password.is_empty() || password.contains(' ') {
            bail!(
                "webirc-password-file is {shown}; it has to begin with a password without blanks"
            );
        }
        config.webirc_password = Some(Secret(password.to_owned()));
    }
    if let (Some(listen), Some(certificate), Some(key)) =
        (options.tls_listen, options.tls_certificate, options.tls_key)
    {
        config.tls = Some(TlsConfig {
            listen,
            certificate,
            key,
        });
    }
    Ok(config)
}

/// What is said of this server at the functions.
fn registration(url: &str, config: &IrcdConfig) -> anyhow::Result<Registration> {
    let wrong = || format!("public-url is \"{url}\"; expected irc://host:port or ircs://host:port");
    let (scheme, place) = url.split_once("://").with_context(wrong)?;
    let secure = match scheme {
        "irc" => false,
        "ircs" => true,
        _ => bail!(wrong()),
    };
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

fn functions(options: &Options) -> anyhow::Result<Option<FunctionsClient>> {
    let Some(origin) = &options.functions else {
        return Ok(None);
    };
    let key = connector_kit::connector_key(options.key_file.as_deref())
        .with_context(|| format!("functions is {origin}"))?;
    Ok(Some(FunctionsClient::new(
        origin,
        &options.connector,
        &key,
    )?))
}
