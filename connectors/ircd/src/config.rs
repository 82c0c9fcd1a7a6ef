//! What an operator can set, and every bound with its default.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use program::Share;
use protocol::AccountName;
use serde::{Deserialize, Serialize};

use crate::addresses::AddressRange;
use crate::server::Secret;

/// Connections above the limit that may be in a TLS handshake or being refused, at most.
const SPARE: usize = 128;

/// Who may connect without an account.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Guests {
    /// Only clients on this machine.
    #[default]
    Loopback,
    /// Anybody.
    On,
    /// Nobody.
    Off,
}

impl std::str::FromStr for Guests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "loopback" => Ok(Self::Loopback),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            other => Err(format!(
                "guests is \"{other}\"; expected loopback, on or off"
            )),
        }
    }
}

impl Guests {
    /// Returns whether a client at this address may stay without an account.
    #[must_use]
    pub fn admit(self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => is_loopback(address),
            Self::On => true,
            Self::Off => false,
        }
    }
}

/// Loopback, IPv4 addresses written as IPv6 included.
#[must_use]
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// A channel that is there from the first start.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DefaultChannel {
    /// `#general`.
    pub name: String,
    /// Its first topic; people may change it.
    #[serde(default)]
    pub topic: String,
}

/// Where TLS is spoken, besides the plain listener.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TlsConfig {
    /// Address and port, usually port 6697.
    pub listen: SocketAddr,
    /// File with the certificate chain, PEM.
    pub certificate: PathBuf,
    /// File with the private key, PEM.
    pub key: PathBuf,
}

/// Everything that is set for one server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IrcdConfig {
    /// The server's name in messages; must contain a dot, so that it is no nickname.
    pub name: String,
    /// What people call the network; one word.
    pub network: String,
    /// Message of the day, any number of lines; empty for none.
    pub motd: String,
    /// Folder that holds the log and the channels; one server each.
    pub data: PathBuf,
    /// Channels that exist from the first start.
    pub channels: Vec<DefaultChannel>,
    /// Accounts that are operators of these channels, and may end the connections of others (KILL).
    pub operators: Vec<AccountName>,
    /// Who may connect without an account.
    pub guests: Guests,
    /// Addresses (of connectors) that the limit of clients per address does not hold for. Loopback is
    /// always one.
    pub trusted: Vec<IpAddr>,
    /// Reverse proxies, which say by the PROXY protocol (version 1 or 2) where a client really is, and gateways,
    /// which do so by WEBIRC. From an address that is not on loopback a connection has to begin with the header of
    /// that protocol, unless there is a `webirc_password`.
    pub proxies: Vec<AddressRange>,
    /// The password of WEBIRC, for connections from `proxies`.
    pub webirc_password: Option<Secret>,
    /// A second listener that speaks TLS.
    pub tls: Option<TlsConfig>,
    /// The bounds.
    pub limits: Limits,
}

impl Default for IrcdConfig {
    fn default() -> Self {
        Self {
            name: "irc.subspace.local".to_owned(),
            network: "Subspace".to_owned(),
            motd: String::new(),
            data: PathBuf::from("ircd"),
            channels: vec![DefaultChannel {
                name: "#general".to_owned(),
                topic: "Welcome! Everybody is here.".to_owned(),
            }],
            operators: Vec::new(),
            guests: Guests::default(),
            trusted: Vec::new(),
            proxies: Vec::new(),
            webirc_password: None,
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Every bound of the server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Clients at a time.
    pub clients: usize,
    /// Clients at a time from one address that is neither loopback nor trusted.
    pub clients_per_address: usize,
    /// Wrong passwords from one such address in ten minutes.
    pub failures_per_address: u32,
    /// Sessions of one user at a time.
    pub sessions: usize,
    /// Channels at a time.
    pub channels: usize,
    /// Channels one user may be in.
    pub channels_per_user: usize,
    /// Users in one channel.
    pub members: usize,
    /// Entries in a channel's list of bans.
    pub bans: usize,
    /// Nicknames one client may monitor.
    pub monitor: usize,
    /// Bytes of a nickname; account names take up to 31.
    pub nick: usize,
    /// Bytes of a channel's name.
    pub channel_name: usize,
    /// Bytes of a topic.
    pub topic: usize,
    /// Bytes of an away, kick, part or quit text.
    pub text: usize,
    /// Lines a client may send at once.
    pub line_burst: u32,
    /// Lines a second a client may go on sending.
    pub lines_per_second: u32,
    /// Bytes that wait for one client before it is disconnected.
    pub sendq: usize,
    /// Bytes that wait for all clients together before those are disconnected that read least.
    pub sendq_in_all: usize,
    /// Milliseconds in which a client must have registered.
    pub registration_ms: u64,
    /// Milliseconds of silence after which a client is sent a PING.
    pub ping_ms: u64,
    /// Milliseconds it has to answer.
    pub pong_ms: u64,
    /// Messages that one CHATHISTORY command answers.
    pub history_answer: usize,
    /// Lines of one conversation that a client without draft/chathistory is shown when it comes back.
    pub replay_lines: usize,
    /// The same for all conversations together.
    pub replay_lines_in_all: usize,
    /// Days after which they are too old for that.
    pub replay_days: i64,
    /// Messages kept for each channel and each pair of accounts.
    pub history_per_target: usize,
    /// Bytes of log that are kept altogether.
    pub history_bytes: u64,
    /// Bytes of one file of the log.
    pub segment_bytes: u64,
}

impl Limits {
    /// The connections that these bounds allow, the spare ones included.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            all: self.clients.saturating_add(self.spare()),
            of_address: self.clients_per_address,
        }
    }

    /// Allows so many connections, the spare ones included.
    #[must_use]
    pub fn with_share(mut self, share: Share) -> Self {
        if share != self.share() {
            let most = share.all.saturating_sub(SPARE);
            self.clients = most.max(share.all * 4 / 5).max(1);
            self.clients_per_address = share.of_address;
        }
        self
    }

    /// Connections above the limit that may be in a TLS handshake or being refused.
    pub(crate) fn spare(&self) -> usize {
        self.clients.div_ceil(4).min(SPARE)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 10_000,
            clients_per_address: 50,
            failures_per_address: 20,
            sessions: 16,
            channels: 2_000,
            channels_per_user: 200,
            members: 5_000,
            bans: 100,
            monitor: 100,
            nick: 31,
            channel_name: 64,
            topic: 390,
            text: 300,
            line_burst: 200,
            lines_per_second: 40,
            sendq: 8 << 20,
            sendq_in_all: 256 << 20,
            registration_ms: 30_000,
            ping_ms: 120_000,
            pong_ms: 60_000,
            history_answer: 1_000,
            replay_lines: 500,
            replay_lines_in_all: 4_000,
            replay_days: 30,
            history_per_target: 100_000,
            history_bytes: 512 << 20,
            segment_bytes: 8 << 20,
        }
    }
}

impl IrcdConfig {
    /// Returns whether an address is a proxy's or a gateway's.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|range| range.contains(address))
    }

    /// Returns whether many people may come from an address: this machine, connectors, proxies. Nothing is counted
    /// against it.
    pub(crate) fn is_shared(&self, address: IpAddr) -> bool {
        is_loopback(address)
            || self.trusted.contains(&address.to_canonical())
            || self.is_proxy(address)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected.
    pub fn check(&self) -> Result<(), String> {
        let word = |text: &str| {
            !text.is_empty()
                && text.len() <= 63
                && text.bytes().all(|b| b.is_ascii_graphic())
                && !text.contains([':', '!', '@', ','])
        };
        if !word(&self.name) || !self.name.contains('.') {
            return Err(format!(
                "name is \"{}\"; expected a host name with a dot, of at most 63 characters",
                self.name
            ));
        }
        if !word(&self.network) {
            return Err(format!(
                "network is \"{}\"; expected one word of at most 63 characters",
                self.network
            ));
        }
        for channel in &self.channels {
            if crate::server::names::channel(&channel.name, self.limits.channel_name).is_none() {
                return Err(format!(
                    "channels has \"{}\"; expected a name like #general",
                    channel.name
                ));
            }
            if channel.topic.len() > self.limits.topic || channel.topic.contains(char::is_control) {
                return Err(format!(
                    "the topic of {} is too long or contains control characters; expected at most {} bytes",
                    channel.name, self.limits.topic
                ));
            }
        }
        let limits = &self.limits;
        let ranges = [
            ("nick", limits.nick, 9, 40),
            ("channel_name", limits.channel_name, 8, 80),
            ("topic", limits.topic, 10, 390),
            ("text", limits.text, 10, 300),
            ("sendq", limits.sendq, 64 << 10, 1 << 30),
            ("sendq_in_all", limits.sendq_in_all, 64 << 10, 1 << 40),
            ("history_answer", limits.history_answer, 1, 5_000),
            ("replay_lines", limits.replay_lines, 0, 5_000),
            (
                "replay_lines_in_all",
                limits.replay_lines_in_all,
                0,
                100_000,
            ),
            ("clients", limits.clients, 1, 1_000_000),
            ("sessions", limits.sessions, 1, 1_000),
            ("line_burst", limits.line_burst as usize, 1, 1_000_000),
            (
                "lines_per_second",
                limits.lines_per_second as usize,
                1,
                1_000_000,
            ),
        ];
        for (key, found, least, most) in ranges {
            if !(least..=most).contains(&found) {
                return Err(format!(
                    "limits.{key} is {found}; expected {least} to {most}"
                ));
            }
        }
        if !(0..=36_500).contains(&limits.replay_days) {
            return Err(format!(
                "limits.replay_days is {}; expected 0 to 36500",
                limits.replay_days
            ));
        }
        if !(4_096..=u64::from(u32::MAX)).contains(&limits.segment_bytes) {
            return Err(format!(
                "limits.segment_bytes is {}; expected 4096 to 4294967295",
                limits.segment_bytes
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_and_wrong_values_name_their_key() {
        assert_eq!(IrcdConfig::default().check(), Ok(()));
        let mut config = IrcdConfig::default();
        config.limits.nick = 1_000;
        assert!(config.check().unwrap_err().contains("limits.nick"));
        let config = IrcdConfig {
            name: "nodot".to_owned(),
            ..IrcdConfig::default()
        };
        assert!(config.check().unwrap_err().starts_with("name is"));
        let config = IrcdConfig {
            channels: vec![DefaultChannel {
                name: "general".to_owned(),
                topic: String::new(),
            }],
            ..IrcdConfig::default()
        };
        assert!(config.check().unwrap_err().contains("#general"));
    }

    #[test]
    fn loopback_guests() {
        assert!(Guests::Loopback.admit([127, 0, 0, 1].into()));
        assert!(Guests::Loopback.admit("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!Guests::Loopback.admit([192, 0, 2, 1].into()));
        assert!(Guests::On.admit([192, 0, 2, 1].into()));
        assert!(!Guests::Off.admit([127, 0, 0, 1].into()));
        assert!("sometimes".parse::<Guests>().is_err());
    }
    #[test]
    fn fewer_connections_leave_spare_ones_as_well() {
        let whole = Limits::default();
        assert_eq!(whole.clone().with_share(whole.share()), whole);
        for all in 4..20_000 {
            let share = Share { all, of_address: 6 };
            let limits = whole.clone().with_share(share);
            assert_eq!(limits.clients_per_address, 6);
            assert!(limits.clients > 0 && limits.spare() > 0, "{all}");
            assert!(limits.share().all <= all, "{all}");
        }
        let share = |all| Share { all, of_address: 6 };
        assert_eq!(whole.clone().with_share(share(26)).clients, 20);
        assert_eq!(whole.with_share(share(10_127)).clients, 9_999);
    }
}
