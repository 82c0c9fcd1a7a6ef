//! `subspace serve`: starts the parts, waits, and stops them in order.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ::settings::Loaded;
use anyhow::{Context as _, bail};
use functions_core::{Config, Connector, ConnectorKind, DefaultNetwork};
use functions_native::{NativeHost, NativeStore, maintain};
use gateway::{Gateway, GatewayConfig};
use http_server::Limits;
use irc_connector::{AddressPolicy, Irc, IrcConfig};
use storage_adapter::Storage;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::data::{DataFolder, ServerLock};
use crate::irc::{self, IRCD};
use crate::keys::connector_key;
use crate::mail;
use crate::options::Options;
use crate::router::{Functions, Router};
use crate::settings::{self, Flags, Settings};
use crate::shares::Shares;
use crate::statics::StaticFiles;
use crate::turn;

/// Milliseconds per day.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Id of the gateway among the connectors.
const GATEWAY: &str = "irc";

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// One sentence about why it cannot start.
pub(crate) fn run(flags: Flags) -> anyhow::Result<()> {
    let loaded = flags.load()?;
    let sources = loaded.sources.clone();
    run_with(loaded).map_err(|error| settings::explained(&sources, &error))
}

fn run_with(loaded: Loaded<Options>) -> anyhow::Result<()> {
    let settings = settings::begin(loaded)?;
    let folder = DataFolder::open(&settings.options.data)?;
    let mut lock = folder.lock()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&settings, &folder, &mut lock))
}

/// The addresses of the IRC server and others, once their ports are open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    web: SocketAddr,
    /// Where the parts of this process reach each other.
    inner: SocketAddr,
    irc: Option<SocketAddr>,
    turn: Option<SocketAddr>,
    turn_tls: Option<SocketAddr>,
}

/// Creates the functions over the data folder. Commands that open no port pass no addresses; their functions know the
/// configured ones, and reach the server that runs on the folder, wherever it listens.
///
/// # Errors
/// One sentence: the store or a key cannot be used.
pub(crate) async fn functions(
    settings: &Settings,
    folder: &DataFolder,
    addresses: Option<Addresses>,
) -> anyhow::Result<Functions> {
    let options = &settings.options;
    let addresses = addresses.unwrap_or_else(|| Addresses {
        web: options.listen,
        inner: folder.running().unwrap_or(options.listen),
        irc: settings.irc_listen(),
        turn: settings.turn_listen(),
        turn_tls: settings.turn_tls_listen(),
    });
    let master = folder.master_key()?;
    let origin = settings
        .origin
        .clone()
        .unwrap_or_else(|| format!("http://{}", addresses.web));
    let mut config = Config::new(&origin, master).context("origin")?;
    config.name.clone_from(&options.functions.name);
    config.setup_token = Some(folder.setup_token()?);
    config.default_quota = options.functions.quota();
    config.max_document_size = options.functions.max_document_size;
    config.connectors = [
        (GATEWAY, ConnectorKind::Gateway, vec!["irc".to_owned()]),
        (IRCD, ConnectorKind::Ircd, Vec::new()),
        (mail::SMTP, ConnectorKind::Smtp, Vec::new()),
    ]
    .map(|(id, kind, platforms)| Connector {
        id: id.to_owned(),
        kind,
        // The mail connector has no web port: it polls its queue.
        url: if id == mail::SMTP {
            String::new()
        } else {
            config.origin.clone()
        },
        platforms,
        key: connector_key(&master, id),
    })
    .into();
    config.mail = mail::service(&options.mail, &config.origin);
    // The public origin may be far away, or unreachable from here.
    let inner = format!("http://{}", dialable(addresses.inner));
    config.internal.insert(GATEWAY.to_owned(), inner);
    config.network = addresses.irc.map(|address| {
        let address = dialable(address);
        let tls = settings.ircd.tls.as_ref().map(|tls| tls.listen.port());
        DefaultNetwork {
            name: options.functions.name.clone(),
            server: irc::name(settings, &config.origin),
            host: address.ip().to_string(),
            port: address.port(),
            secure: false,
            channels: options.channels.0.clone(),
            // A port chosen by the system is not known yet.
            other_ports: tls.filter(|port| *port != 0).into_iter().collect(),
        }
    });
    config.turn = addresses.turn.map(|address| {
        turn::config(
            settings,
            &master,
            &config.origin,
            address,
            addresses.turn_tls,
        )
    });
    let store = match &settings.bucket {
        Some(bucket) => NativeStore::bucket(bucket).await?,
        None => NativeStore::Folder(folder.store()?),
    };
    let mut keeping = storage_adapter::Options::default();
    keeping.keep_millis = i64::from(options.functions.retention_days) * DAY;
    let storage = Storage::with_options(
        Arc::new(store),
        Arc::new(NativeHost::new(settings.any_network)),
        keeping,
    );
    Ok(Functions::new(storage, config))
}

async fn serve(
    settings: &Settings,
    folder: &DataFolder,
    lock: &mut ServerLock,
) -> anyhow::Result<()> {
    let stopped = program::stop_signal()?;
    let shares = Shares::new(settings, program::raise_descriptors()?);
    let web = bind("listen", settings.options.listen).await?;
    // However many connections strangers hold on the web port, the parts of this process reach each other.
    let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    lock.note(inner.local_addr()?)?;
    let irc_listener = match settings.irc_listen() {
        Some(address) => Some(bind("ircd-listen", address).await?),
        None => None,
    };
    let turn = turn::start(settings, folder, shares.turn)?;
    let turn_address = turn
        .as_ref()
        .and_then(|turn| turn.addresses().first().copied());
    let turn_tls_address = turn
        .as_ref()
        .and_then(|turn| turn.tls_addresses().first().copied());
    let smtp = match settings.mail_listen() {
        Some(address) => Some(bind("mail-listen", address).await?),
        None => None,
    };
    let addresses = Addresses {
        web: web.local_addr()?,
        inner: inner.local_addr()?,
        irc: irc_listener
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose()?,
        turn: turn_address,
        turn_tls: turn_tls_address,
    };
    let functions = Arc::new(functions(settings, folder, Some(addresses)).await?);
    let origin = functions.config().origin.clone();
    let limits = Limits {
        behind_proxy: settings.options.functions.behind_proxy,
        ..Limits::default()
    }
    .with_share(shares.web);
    let router = Router::new(
        Arc::clone(&functions),
        StaticFiles::new(settings.client.clone()),
        limits,
    );

    let (stop_web, web_stopped) = watch::channel(());
    let mut web_ends = web_stopped.clone();
    let answers = router.clone();
    let web = tokio::spawn(http_server::serve(
        web,
        move |request, peer| answers.clone().answer(request, peer),
        limits,
        async move { drop(web_ends.changed().await) },
    ));
    let mut inner_ends = web_stopped;
    let answers = router.clone();
    let within = tokio::spawn(http_server::serve(
        inner,
        move |request, peer| answers.clone().answer_within(request, peer),
        Limits::default().with_share(shares.inner),
        async move { drop(inner_ends.changed().await) },
    ));
    let inner = format!("http://{}", addresses.inner);
    let sweeping = tokio::spawn(maintain(Arc::clone(&functions), std::future::pending()));
    let ircd = match irc_listener {
        Some(listener) => {
            Some(irc::start(settings, folder, listener, shares.irc, &inner, &origin).await?)
        }
        None => None,
    };
    let tls = ircd.as_ref().and_then(ircd::Ircd::tls_address);
    let gateway = start_gateway(settings, folder, &inner, [addresses.irc, tls])?;
    router.mount(gateway.service());
    let bouncer = match settings.options.bouncer.config("bouncer-")? {
        Some(mut config) => {
            config.limits.clients = config.limits.clients.min(shares.bouncer.all);
            Some(bouncer::start(config, gateway.entrance()).await?)
        }
        None => None,
    };
    let smtp_address = smtp.as_ref().map(TcpListener::local_addr).transpose()?;
    let smtp = match smtp {
        Some(listener) => Some(mail::start(
            settings,
            folder,
            listener,
            shares.smtp,
            &inner,
            &origin,
        )?),
        None => None,
    };

    if let Some(address) = addresses.irc {
        say(&format!("irc {address}"))?;
    }
    if let Some(address) = ircd.as_ref().and_then(ircd::Ircd::tls_address) {
        say(&format!("ircs {address}"))?;
    }
    if let Some(address) = bouncer.as_ref().and_then(bouncer::Bouncer::address) {
        say(&format!("bouncer {address}"))?;
    }
    if let Some(address) = bouncer.as_ref().and_then(bouncer::Bouncer::tls_address) {
        say(&format!("bouncers {address}"))?;
    }
    if let Some(address) = addresses.turn {
        say(&format!("turn {address}"))?;
    }
    if let Some(address) = addresses.turn_tls {
        say(&format!("turns {address}"))?;
    }
    if let Some(address) = smtp_address {
        say(&format!("smtp {address}"))?;
    }
    if let Some(advice) = nowhere(settings.origin.as_deref(), addresses.web) {
        tracing::warn!("{advice}");
    }
    if functions.identity().needs_setup().await? {
        say(&format!(
            "set-up {origin}/#/setup/{}",
            folder.setup_token()?
        ))?;
    }
    say(&format!("ready {origin}"))?;

    stopped.await;
    tracing::info!("stopping");
    if let Some(smtp) = smtp {
        smtp.shutdown().await;
    }
    if let Some(turn) = turn {
        // Everything else that a call needs stops too, so it does not wait for calls to end.
        turn.stop();
    }
    if let Some(bouncer) = bouncer {
        bouncer.shutdown().await;
    }
    // The gateway publishes its spool to the functions, so they stop last.
    gateway.shutdown().await;
    if let Some(ircd) = ircd {
        ircd.shutdown().await;
    }
    // A sweep may be interrupted anywhere.
    sweeping.abort();
    drop(stop_web);
    web.await??;
    within.await??;
    Ok(())
}

fn start_gateway(
    settings: &Settings,
    folder: &DataFolder,
    functions: &str,
    irc: [Option<SocketAddr>; 2],
) -> anyhow::Result<Gateway> {
    let key = connector_key(&folder.master_key()?, GATEWAY);
    let mut config = GatewayConfig::new(GATEWAY, &key, functions, folder.folder("spool"));
    config.behind_proxy = settings.options.functions.behind_proxy;
    let addresses = if settings.any_network {
        AddressPolicy::Any
    } else {
        AddressPolicy::Public { except: Vec::new() }
    };
    let own_server: Vec<SocketAddr> = irc.into_iter().flatten().collect();
    let dialled = own_server.iter().map(|own| dialable(*own).to_string());
    let platform = Irc::new(IrcConfig {
        addresses,
        own: dialled.collect(),
        own_server,
        folder: Some(folder.folder("irc")),
        key,
        proxy: settings.options.irc.outgoing_proxy.clone(),
        member_proxies: settings.options.irc.member_proxies,
        ..IrcConfig::default()
    });
    Ok(Gateway::start(config, vec![Arc::new(platform)])?)
}

async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "{key}: {address} is in use by another program; stop it or choose another address with --{key}"
        ),
        Err(error) => {
            bail!("{key}: {address} cannot be used: {error}; choose another address with --{key}")
        }
    }
}

/// The address at which a listener is reached from this machine: an unspecified address includes loopback.
fn dialable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// A warning if links cannot work: an unspecified address cannot be opened by a browser elsewhere.
fn nowhere(origin: Option<&str>, web: SocketAddr) -> Option<String> {
    (origin.is_none() && web.ip().is_unspecified()).then(|| {
        format!(
            "links lead to http://{web}, which browsers elsewhere cannot open; say with --origin where they reach this \
             server, like --origin https://chat.example.org"
        )
    })
}

/// Prints a line for the parent process; it may be gone, which is no reason to stop.
fn say(line: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_told() {
        let at = |origin, web: &str| nowhere(origin, web.parse().unwrap());
        let advice = at(None, "0.0.0.0:6700").unwrap();
        assert!(advice.contains("--origin"), "{advice}");
        assert!(at(None, "[::]:6700").is_some());
        assert_eq!(at(None, "127.0.0.1:6700"), None);
        assert_eq!(at(Some("https://chat.example.org"), "0.0.0.0:6700"), None);
    }
}
