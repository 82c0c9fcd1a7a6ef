//! The IRC server inside: its settings, its name, its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use connector_kit::FunctionsClient;
use ircd::server::Secret;
use ircd::{AddressRange, DefaultChannel, Guests, Ircd, IrcdConfig, StartError, TlsConfig};
use program::Share;
use tokio::net::TcpListener;

use crate::data::DataFolder;
use crate::serve::connector_key;
use crate::settings::{Settings, parse};

/// Id of the IRC server among the connectors; it serves no platform to browsers.
pub(crate) const IRCD: &str = "ircd";
/// Name of the IRC server if the origin gives none.
const LOCAL_NAME: &str = "irc.localhost";

/// The three keys about TLS: all, or none.
pub(crate) fn tls(
    address: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> anyhow::Result<Option<TlsConfig>> {
    match (address, certificate, key) {
        (None, None, None) => Ok(None),
        (Some(address), Some(certificate), Some(key)) => Ok(Some(TlsConfig {
            listen: parse::<SocketAddr>("irc-tls", &address, "an address like 0.0.0.0:6697")?,
            certificate,
            key,
        })),
        (None, Some(_), _) => {
            bail!("irc-certificate: found a file, but not irc-tls, the address to use it at")
        }
        (None, None, Some(_)) => {
            bail!("irc-key: found a file, but not irc-tls, the address to use it at")
        }
        (Some(_), None, _) => {
            bail!("irc-certificate: found nothing, expected a PEM file for irc-tls")
        }
        (Some(_), Some(_), None) => {
            bail!("irc-key: found nothing, expected the key of irc-certificate")
        }
    }
}

/// Addresses of proxies, separated by blanks.
pub(crate) fn proxies(text: &str) -> anyhow::Result<Vec<AddressRange>> {
    let range = |text| {
        parse(
            "irc-proxies",
            text,
            "addresses like 192.0.2.7 or 10.0.0.0/8",
        )
    };
    text.split_whitespace().map(range).collect()
}

/// The password of WEBIRC, the first line of a file.
pub(crate) fn webirc_password(file: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("irc-webirc-password-file: cannot read {}", file.display()))?;
    let password = text.lines().next().unwrap_or_default().trim();
    if password.is_empty() || password.contains(' ') {
        let file = file.display();
        bail!("irc-webirc-password-file: {file} does not begin with a password without blanks");
    }
    Ok(Secret(password.to_owned()))
}

/// Who may use the server without an account.
pub(crate) fn guests(text: &str) -> anyhow::Result<Guests> {
    parse("irc-guests", text, "loopback, on or off")
}

/// A configured name.
pub(crate) fn server_name(name: &str) -> anyhow::Result<String> {
    let fits = name.contains('.')
        && name.len() <= 63
        && !name.starts_with(['.', '-'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if !fits {
        bail!("irc-name: found \"{name}\", expected a host name with a dot, like irc.example.org");
    }
    Ok(name.to_lowercase())
}

/// The IRC server's name in ids and archives: the origin's host if that is a domain name.
pub(crate) fn name(settings: &Settings, origin: &str) -> String {
    if let Some(name) = &settings.irc_name {
        return name.clone();
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

/// Starts the server on a port that is open already.
///
/// # Errors
/// One sentence that says why it cannot start.
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
    let config = IrcdConfig {
        name: name(settings, origin),
        network: settings
            .name
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
        data: folder.folder("ircd"),
        channels: settings.channels.iter().map(channel).collect(),
        guests: settings.irc_guests,
        tls: settings.irc_tls.clone(),
        proxies: settings.irc_proxies.clone(),
        webirc_password: settings.irc_webirc_password.clone(),
        limits: ircd::Limits::default().with_share(share),
        ..IrcdConfig::default()
    };
    let tls = config.tls.as_ref().map(|tls| tls.listen);
    match ircd::start(config, listener, Arc::new(accounts)).await {
        Ok(ircd) => Ok(ircd),
        Err(StartError::Listen { address, source })
            if tls.is_some_and(|tls| tls.to_string() == address) =>
        {
            bail!(
                "irc-tls: {address} cannot be used: {source}; choose another address with --irc-tls"
            )
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Keys;

    #[test]
    fn the_irc_server_is_named_after_the_origin() {
        let settings = Keys::default().resolve().unwrap();
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

    #[test]
    fn wrong_keys_are_named() {
        let (address, file) = (
            Some("0.0.0.0:6697".to_owned()),
            Some(PathBuf::from("x.pem")),
        );
        let wrong = |result: anyhow::Result<Option<TlsConfig>>| result.unwrap_err().to_string();
        assert!(wrong(tls(address.clone(), None, None)).starts_with("irc-certificate: "));
        assert!(wrong(tls(address.clone(), file.clone(), None)).starts_with("irc-key: "));
        assert!(wrong(tls(None, file.clone(), file.clone())).contains("but not irc-tls"));
        assert!(wrong(tls(None, None, file.clone())).starts_with("irc-key: "));
        let bad = Some("6697".to_owned());
        assert!(wrong(tls(bad, file.clone(), file.clone())).contains("0.0.0.0:6697"));
        assert!(tls(address, file.clone(), file).unwrap().is_some());
        assert_eq!(proxies("127.0.0.1  10.0.0.0/8").unwrap().len(), 2);
        assert!(
            proxies("nginx")
                .unwrap_err()
                .to_string()
                .contains("10.0.0.0/8")
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        assert!(
            webirc_password(&path)
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
        std::fs::write(&path, "two words\n").unwrap();
        assert!(webirc_password(&path).is_err());
        std::fs::write(&path, "secret\n").unwrap();
        assert_eq!(webirc_password(&path).unwrap(), Secret("secret".to_owned()));
    }
}
