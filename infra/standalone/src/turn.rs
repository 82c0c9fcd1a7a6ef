//! The TURN server inside: its secret, and where browsers find it.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use functions_core::TurnConfig;
use program::Share;
use turn_server::credentials::Secrets;
use turn_server::relay::RelayAddress;
use turn_server::{Config, Handle, StartError, TlsFiles};

use crate::data::DataFolder;
use crate::settings::{Settings, parse};

/// Where the TURN server speaks TLS, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// Address to listen on.
    address: SocketAddr,
    /// Certificate and key.
    files: TlsFiles,
}

impl Tls {
    /// The address that is configured.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The three keys about TLS: all, or none.
pub(crate) fn tls(
    address: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> anyhow::Result<Option<Tls>> {
    match (address, certificate, key) {
        (None, None, None) => Ok(None),
        (Some(address), Some(certificate), Some(key)) => Ok(Some(Tls {
            address: parse("turn-tls", &address, "an address like 0.0.0.0:5349")?,
            files: TlsFiles { certificate, key },
        })),
        (None, Some(_), _) => {
            bail!("turn-certificate: found a file, but not turn-tls, the address to use it at")
        }
        (None, None, Some(_)) => {
            bail!("turn-key: found a file, but not turn-tls, the address to use it at")
        }
        (Some(_), None, _) => {
            bail!("turn-certificate: found nothing, expected a PEM file for turn-tls")
        }
        (Some(_), Some(_), None) => {
            bail!("turn-key: found nothing, expected the key of turn-certificate")
        }
    }
}

/// A host name or an address.
pub(crate) fn host(text: String) -> anyhow::Result<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if text.is_empty() || text.len() > 253 || !text.bytes().all(fits) {
        bail!("turn-host: found {text:?}, expected a host name or an address");
    }
    Ok(text)
}

/// Addresses to relay on.
pub(crate) fn relays(
    relay: Option<&str>,
    public: Option<&str>,
) -> anyhow::Result<Vec<RelayAddress>> {
    let expected = "an address like 192.0.2.1";
    let Some(relay) = relay else {
        if let Some(public) = public {
            bail!(
                "turn-public-ip: found \"{public}\", but not turn-relay-ip, the address of this machine"
            );
        }
        return Ok(Vec::new());
    };
    let local = parse::<IpAddr>("turn-relay-ip", relay, expected)?;
    let public = public.map_or(Ok(local), |text| parse("turn-public-ip", text, expected))?;
    Ok(vec![RelayAddress { local, public }])
}

/// Ports to relay on.
pub(crate) fn port_range(text: &str) -> anyhow::Result<RangeInclusive<u16>> {
    let expected = "a range like 49152-65535";
    let (first, last) = text
        .split_once('-')
        .with_context(|| format!("turn-relay-ports: found \"{text}\", expected {expected}"))?;
    Ok(parse("turn-relay-ports", first, expected)?..=parse("turn-relay-ports", last, expected)?)
}

/// What it would have of the process's descriptors: connections, and sockets of relays.
pub(crate) fn shares() -> [Share; 2] {
    Config::new(Vec::new(), Secrets::new(Vec::new())).shares()
}

/// Starts the server, if there is to be one.
///
/// # Errors
/// One sentence that says why it cannot start.
pub(crate) fn start(
    settings: &Settings,
    folder: &DataFolder,
    shares: [Share; 2],
) -> anyhow::Result<Option<Handle>> {
    let Some(address) = settings.turn else {
        return Ok(None);
    };
    let secret = secret(&folder.master_key()?);
    let mut config = Config::new(vec![address], Secrets::new(vec![secret.into_bytes()]));
    config.set_shares(shares);
    config.relays.clone_from(&settings.turn_relays);
    config.ports = settings.turn_ports.clone();
    if let Some(tls) = &settings.turn_tls {
        config.tls_listen = vec![tls.address];
        config.tls = Some(tls.files.clone());
    }
    match turn_server::start(&config) {
        Ok(handle) => Ok(Some(handle)),
        Err(StartError::InUse {
            key: "tls-listen",
            address,
        }) => bail!(
            "turn-tls: {address} is in use by another program; stop it, or choose another address with --turn-tls"
        ),
        Err(StartError::InUse { address, .. }) => bail!(
            "turn: {address} is in use by another program; stop it, choose another address with --turn, or leave \
             calls without a relay with --turn off"
        ),
        Err(StartError::Address {
            key: "tls-listen",
            address,
            error,
        }) => {
            bail!(
                "turn-tls: {address} cannot be used: {error}; choose another address with --turn-tls"
            )
        }
        Err(StartError::Address { address, error, .. }) => {
            bail!(
                "turn: {address} cannot be used: {error}; choose another address with --turn or --turn-relay-ip"
            )
        }
        Err(StartError::Tls { key, path, reason }) => {
            let key = key.replace("tls", "turn");
            bail!("{key}: {} cannot be used: {reason}", path.display())
        }
        Err(error) => Err(error).context("turn"),
    }
}

/// What the functions tell browsers: the address it listens on, or under which the installation is reached.
pub(crate) fn config(
    settings: &Settings,
    master: &[u8; 32],
    origin: &str,
    address: SocketAddr,
    secure: Option<SocketAddr>,
) -> TurnConfig {
    let host = |address: SocketAddr| match &settings.turn_host {
        Some(host) => host.clone(),
        None if address.ip().is_unspecified() => host_of(origin).to_owned(),
        None if address.is_ipv6() => format!("[{}]", address.ip()),
        None => address.ip().to_string(),
    };
    let url = |scheme, address: SocketAddr, transport| {
        let (host, port) = (host(address), address.port());
        format!("{scheme}:{host}:{port}?transport={transport}")
    };
    let mut urls = vec![url("turn", address, "udp"), url("turn", address, "tcp")];
    // RFC 7065: the scheme `turns` over TCP is TLS.
    urls.extend(secure.map(|address| url("turns", address, "tcp")));
    TurnConfig {
        urls,
        secret: secret(master).into_bytes(),
    }
}

/// A secret of its own, so that what leaks from here opens nothing else.
fn secret(master: &[u8; 32]) -> String {
    let mut key = [0; 32];
    // HKDF-SHA256 fails above 255 * 32 bytes only (RFC 5869, section 2.3).
    let expanded =
        hkdf::Hkdf::<sha2::Sha256>::new(None, master).expand(b"subspace turn v1", &mut key);
    debug_assert!(expanded.is_ok());
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn host_of(origin: &str) -> &str {
    let authority = origin
        .split_once("://")
        .map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Keys;

    #[test]
    fn browsers_are_told_where_it_is() {
        let mut settings = Keys::default()
            .resolve()
            .unwrap_or_else(|error| panic!("{error}"));
        let url = |settings: &Settings, address: &str| {
            let address = address.parse().unwrap_or_else(|_| panic!("{address}"));
            let origin = "https://chat.example.org:8443";
            config(settings, &[1; 32], origin, address, None).urls[0].clone()
        };
        assert_eq!(
            url(&settings, "127.0.0.1:3478"),
            "turn:127.0.0.1:3478?transport=udp"
        );
        assert_eq!(
            url(&settings, "[::1]:3478"),
            "turn:[::1]:3478?transport=udp"
        );
        assert_eq!(
            url(&settings, "0.0.0.0:3478"),
            "turn:chat.example.org:3478?transport=udp"
        );
        settings.turn_host = Some("turn.example.org".into());
        assert_eq!(
            url(&settings, "0.0.0.0:1"),
            "turn:turn.example.org:1?transport=udp"
        );
        let (plain, secure) = (([0; 4], 3478).into(), ([0; 4], 5349).into());
        assert_eq!(
            config(&settings, &[1; 32], "", plain, Some(secure)).urls,
            [
                "turn:turn.example.org:3478?transport=udp",
                "turn:turn.example.org:3478?transport=tcp",
                "turns:turn.example.org:5349?transport=tcp"
            ]
        );
        assert_ne!(secret(&[1; 32]), secret(&[2; 32]));
    }
}
