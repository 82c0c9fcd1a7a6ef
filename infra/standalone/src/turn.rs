//! The built-in TURN server: its secret, and where browsers find it.

use std::net::SocketAddr;

use anyhow::anyhow;
use functions_core::TurnConfig;
use program::Share;
use turn_server::credentials::Secrets;
use turn_server::{AddressKey, Handle, StartError};

use crate::data::DataFolder;
use crate::options::Host;
use crate::settings::Settings;

/// Starts the server, if it is enabled.
///
/// # Errors
/// One sentence about why it cannot start.
pub(crate) fn start(
    settings: &Settings,
    folder: &DataFolder,
    shares: [Share; 2],
) -> anyhow::Result<Option<Handle>> {
    if settings.turn_listen().is_none() {
        return Ok(None);
    }
    let secret = secret(&folder.master_key()?);
    let mut config = settings.turn.clone();
    config.secrets = Secrets::new(vec![secret.into_bytes()]);
    config.set_shares(shares);
    match turn_server::start(&config) {
        Ok(handle) => Ok(Some(handle)),
        Err(error) => Err(named(error)),
    }
}

/// Describes an error by the names of the keys here.
fn named(error: StartError) -> anyhow::Error {
    match error {
        StartError::InUse { key, address } => {
            let more = match key {
                AddressKey::Listen => ", or leave calls without a relay with --turn-listen off",
                AddressKey::TlsListen | AddressKey::RelayIp | AddressKey::Metrics => "",
            };
            anyhow!(
                "turn-{key}: {address} is in use by another program; stop it, or choose another address with \
                 --turn-{key}{more}"
            )
        }
        StartError::Address {
            key,
            address,
            error,
        } => {
            anyhow!(
                "turn-{key}: {address} cannot be used: {error}; choose another address with --turn-{key}"
            )
        }
        StartError::Tls { key, path, reason } => {
            anyhow!("turn-{key}: {} cannot be used: {reason}", path.display())
        }
        error => anyhow::Error::new(error).context("turn"),
    }
}

/// The browsers' configuration: the address it listens on, or the one of the installation.
pub(crate) fn config(
    settings: &Settings,
    master: &[u8; 32],
    origin: &str,
    address: SocketAddr,
    secure: Option<SocketAddr>,
) -> TurnConfig {
    let host = |address: SocketAddr| match &settings.options.turn_host {
        Some(Host(host)) => host.clone(),
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

/// A separate secret, so that a leak here opens nothing else.
fn secret(master: &[u8; 32]) -> String {
    let mut key = [0; 32];
    // HKDF-SHA256 only fails above 255 * 32 bytes (RFC 5869, section 2.3).
    let expanded =
        hkdf::Hkdf::<sha2::Sha256>::new(None, master).expand(b"subspace turn v1", &mut key);
    debug_assert!(expanded.is_ok());
    protocol::hex(&key)
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
    use crate::settings::tests::settings;

    #[test]
    fn what_is_wrong_is_said_by_the_names_of_this_program() {
        let address = SocketAddr::from(([127, 0, 0, 1], 3478));
        let in_use = |key| named(StartError::InUse { key, address }).to_string();
        let tls = in_use(AddressKey::TlsListen);
        assert!(
            tls.starts_with("turn-tls-listen: 127.0.0.1:3478 is in use")
                && tls.ends_with("with --turn-tls-listen"),
            "{tls}"
        );
        let plain = in_use(AddressKey::Listen);
        assert!(
            plain.starts_with("turn-listen: ") && plain.ends_with("--turn-listen off"),
            "{plain}"
        );
        let relay = named(StartError::Address {
            key: AddressKey::RelayIp,
            address,
            error: std::io::Error::other("not here"),
        });
        assert_eq!(
            relay.to_string(),
            "turn-relay-ip: 127.0.0.1:3478 cannot be used: not here; choose another address with --turn-relay-ip"
        );
    }

    #[test]
    fn browsers_are_told_where_it_is() {
        let mut settings = settings(&[]).unwrap_or_else(|error| panic!("{error}"));
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
        settings.options.turn_host = Some(Host("turn.example.org".into()));
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
