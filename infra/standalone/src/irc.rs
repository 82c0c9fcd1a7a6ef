//! The built-in IRC server: its settings, its name, its start.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::bail;
use connector_kit::FunctionsClient;
use ircd::{DefaultChannel, Ircd, IrcdConfig, StartError};
use program::Share;
use tokio::net::TcpListener;

use crate::data::DataFolder;
use crate::keys::connector_key;
use crate::settings::Settings;

/// Id of the IRC server among the connectors; it serves no platform to browsers.
pub(crate) const IRCD: &str = "ircd";
/// Name of the IRC server if the origin gives none.
const LOCAL_NAME: &str = "irc.localhost";

/// The IRC server's name in ids and archives: the origin's host if that is a domain name.
pub(crate) fn name(settings: &Settings, origin: &str) -> String {
    if settings.options.ircd.name.is_some() {
        return settings.ircd.name.clone();
    }
    let authority = origin
        .split_once("://")
        .map_or(origin, |(_, authority)| authority);
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let is_domain =
        host.contains('.') && host.parse::<Ipv4Addr>().is_err() && !host.starts_with('[');
    if is_domain {
        host.to_owned()
    } else {
        LOCAL_NAME.to_owned()
    }
}

/// Starts the server on an open port.
///
/// # Errors
/// One sentence about why it cannot start.
pub(crate) async fn start(
    settings: &Settings,
    folder: &DataFolder,
    listener: TcpListener,
    share: Share,
    functions: &str,
    origin: &str,
) -> anyhow::Result<Ircd> {
    let key = connector_key(&folder.master_key()?, IRCD);
    let accounts = FunctionsClient::new(functions, IRCD, &key)?;
    let channel = |name: &String| DefaultChannel {
        name: name.clone(),
        topic: String::new(),
    };
    let options = &settings.options;
    let limits = settings.ircd.limits.clone();
    let config = IrcdConfig {
        name: name(settings, origin),
        network: options
            .functions
            .name
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
        data: folder.folder("ircd"),
        channels: options.channels.0.iter().map(channel).collect(),
        limits: limits.with_share(share),
        ..settings.ircd.clone()
    };
    match ircd::start(config, listener, Arc::new(accounts)).await {
        Ok(ircd) => Ok(ircd),
        Err(StartError::ListenTls { address, source }) => {
            bail!(
                "ircd-tls-listen: {address} cannot be used: {source}; choose another address with --ircd-tls-listen"
            )
        }
        // As it is called here.
        Err(StartError::Config(sentence)) if sentence.starts_with("limits.") => {
            bail!("ircd-{sentence}")
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::settings;

    #[test]
    fn the_irc_server_is_named_after_the_origin() {
        let settings = settings(&[]).unwrap();
        assert_eq!(
            name(&settings, "https://chat.example.org"),
            "chat.example.org"
        );
        assert_eq!(
            name(&settings, "https://chat.example.org:8443"),
            "chat.example.org"
        );
        for local in [
            "http://127.0.0.1:6700",
            "http://localhost:6700",
            "http://[::1]:6700",
        ] {
            assert_eq!(name(&settings, local), "irc.localhost");
        }
    }
}
