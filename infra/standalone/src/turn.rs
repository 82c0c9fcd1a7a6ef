//! The TURN server inside: its secret, and where browsers find it.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use functions_core::TurnConfig;
use turn_server::credentials::Secrets;
use turn_server::{Config, Handle, StartError};

use crate::data::DataFolder;
use crate::settings::Settings;

/// Starts the server, if there is to be one.
///
/// # Errors
/// One sentence that says why it cannot start.
pub(crate) fn start(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Option<Handle>> {
    let Some(address) = settings.turn else {
        return Ok(None);
    };
    let secret = secret(&folder.master_key()?);
    let mut config = Config::new(vec![address], Secrets::new(vec![secret.into_bytes()]));
    config.relays.clone_from(&settings.turn_relays);
    config.ports = settings.turn_ports.clone();
    match turn_server::start(&config) {
        Ok(handle) => Ok(Some(handle)),
        Err(StartError::InUse { address, .. }) => bail!(
            "turn: {address} is in use by another program; stop it, choose another address with --turn, or leave \
             calls without a relay with --turn off"
        ),
        Err(StartError::Address { address, error, .. }) => {
            bail!(
                "turn: {address} cannot be used: {error}; choose another address with --turn or --turn-relay-ip"
            )
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
) -> TurnConfig {
    let host = match &settings.turn_host {
        Some(host) => host.clone(),
        None if address.ip().is_unspecified() => host_of(origin).to_owned(),
        None if address.is_ipv6() => format!("[{}]", address.ip()),
        None => address.ip().to_string(),
    };
    let port = address.port();
    let urls = ["udp", "tcp"].map(|transport| format!("turn:{host}:{port}?transport={transport}"));
    TurnConfig {
        urls: urls.into(),
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
            config(settings, &[1; 32], "https://chat.example.org:8443", address).urls[0].clone()
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
        assert_ne!(secret(&[1; 32]), secret(&[2; 32]));
    }
}
