//! The operator's settings, and every limit with its default.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use program::{AddressRange, Share, is_loopback, is_within};
use protocol::AccountName;
use serde::Deserialize;

use crate::ProgramOptions;
use crate::secret::Secret;

/// The server's name if none is configured.
const LOCAL_NAME: &str = "irc.subspace.local";
/// Connections above the limit that may be in a TLS handshake or in the process of being refused.
const SPARE: usize = 128;
/// Maximum time to wait for a client, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Maximum size of the log, in bytes: a pebibyte.
const MAX_HISTORY: u64 = 1 << 50;

/// Maximum length of a link, in bytes: it is sent in one parameter.
const MAX_LINK: usize = 250;

/// Who may connect without an account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Guests {
    /// Only clients on this machine.
    #[default]
    Loopback,
    /// Anyone.
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

options::values!(Text: Guests);

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

/// A channel that exists from the first start.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct DefaultChannel {
    /// `#general`.
    pub name: String,
    /// Its initial topic; users may change it.
    #[serde(default)]
    pub topic: String,
}

/// The TLS listener, in addition to the plain one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsConfig {
    /// Address and port, usually port 6697.
    pub listen: SocketAddr,
    /// File with the certificate chain, PEM.
    pub certificate: PathBuf,
    /// File with the private key, PEM.
    pub key: PathBuf,
}

/// The configuration of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IrcdConfig {
    /// The server's name in messages; must contain a dot, so that it cannot be a nickname.
    pub name: String,
    /// The display name of the network; one word.
    pub network: String,
    /// Message of the day, any number of lines; empty for none.
    pub motd: String,
    /// Link to the network's icon.
    pub icon: Option<String>,
    /// Where clients upload files.
    pub file_host: Option<String>,
    /// Folder that holds the log and the channels; one server per folder.
    pub data: PathBuf,
    /// Channels that exist from the first start.
    pub channels: Vec<DefaultChannel>,
    /// Accounts that are administrators of the server and operators of these channels.
    pub operators: Vec<AccountName>,
    /// Who may connect without an account.
    pub guests: Guests,
    /// Addresses (of connectors) that are exempt from the limit of clients per address. Loopback always is.
    pub trusted: Vec<IpAddr>,
    /// Reverse proxies, which forward a client's address with the PROXY protocol (version 1 or 2), and gateways,
    /// which use WEBIRC. A connection from such an address, unless it is loopback, must begin with the PROXY header
    /// unless there is a `webirc-password`.
    pub proxies: Vec<AddressRange>,
    /// The password for WEBIRC, for connections from `proxies`.
    pub webirc_password: Option<Secret>,
    /// A second listener, for TLS.
    pub tls: Option<TlsConfig>,
    /// The limits.
    pub limits: Limits,
}

impl Default for IrcdConfig {
    fn default() -> Self {
        let options: ProgramOptions = options::defaults();
        Self {
            name: LOCAL_NAME.to_owned(),
            network: options.ircd_network,
            motd: options.ircd.motd,
            icon: None,
            file_host: None,
            data: options.ircd_data,
            channels: options.ircd_channels.0,
            operators: Vec::new(),
            guests: options.ircd.guests,
            trusted: Vec::new(),
            proxies: Vec::new(),
            webirc_password: None,
            tls: None,
            limits: options.ircd.limits,
        }
    }
}

options::options! {
    /// All limits of the server.
    #[derive(Clone, Debug, Eq, PartialEq)]
    pub struct Limits {
        /// Concurrent clients.
        clients: usize = "10000", "COUNT", "a number";
        /// Concurrent clients per address that is neither loopback nor trusted.
        clients_per_address: usize = "50", "COUNT", "a number";
        /// Wrong passwords and malformed AUTHENTICATE from one such address in ten minutes.
        failures_per_address: u32 = "20", "COUNT", "a number";
        /// Concurrent sessions per user.
        sessions: usize = "16", "COUNT", "a number";
        /// Channels.
        channels: usize = "2000", "COUNT", "a number";
        /// Channels per user.
        channels_per_user: usize = "200", "COUNT", "a number";
        /// Users per channel.
        members: usize = "5000", "COUNT", "a number";
        /// Entries in a channel's lists of bans, quiets and exceptions together.
        bans: usize = "100", "COUNT", "a number";
        /// Nicknames monitored per client.
        monitor: usize = "100", "COUNT", "a number";
        /// Bytes of a nickname; account names take up to 31.
        nick: usize = "31", "BYTES", "a number of bytes";
        /// Bytes of a channel's name.
        channel_name: usize = "64", "BYTES", "a number of bytes";
        /// Bytes of a topic.
        topic: usize = "390", "BYTES", "a number of bytes";
        /// Bytes of an away, kick, part or quit text.
        text: usize = "300", "BYTES", "a number of bytes";
        /// Lines a client may send at once.
        line_burst: u32 = "200", "COUNT", "a number";
        /// Lines per second that a client may send after the burst.
        lines_per_second: u32 = "40", "COUNT", "a number";
        /// Bytes queued for one client before it is disconnected.
        sendq: usize = "8388608", "BYTES", "a number of bytes";
        /// Bytes queued for all clients before those that read least are disconnected.
        sendq_in_all: usize = "268435456", "BYTES", "a number of bytes";
        /// Milliseconds within which a client must register.
        registration_ms: u64 = "30000", "MILLISECONDS", "a number of milliseconds";
        /// Milliseconds of silence after which a client is sent a PING.
        ping_ms: u64 = "120000", "MILLISECONDS", "a number of milliseconds";
        /// Milliseconds within which the client must answer the PING.
        pong_ms: u64 = "60000", "MILLISECONDS", "a number of milliseconds";
        /// Messages per CHATHISTORY response.
        history_answer: usize = "1000", "COUNT", "a number";
        /// Lines per conversation that a returning client without draft/chathistory is shown.
        replay_lines: usize = "500", "COUNT", "a number";
        /// The same for all conversations together.
        replay_lines_in_all: usize = "4000", "COUNT", "a number";
        /// Messages older than this many days are not replayed.
        replay_days: i64 = "30", "DAYS", "a number of days";
        /// Messages kept for each channel and each pair of accounts.
        history_per_target: usize = "100000", "COUNT", "a number";
        /// Total bytes of the log that are kept.
        history_bytes: u64 = "536870912", "BYTES", "a number of bytes";
        /// Bytes per log file.
        segment_bytes: u64 = "8388608", "BYTES", "a number of bytes";
    }
}

impl Limits {
    /// The number of connections that these limits allow, including the spare ones.
    #[must_use]
    pub fn share(&self) -> Share {
        Share {
            all: self.clients.saturating_add(self.spare()),
            of_address: self.clients_per_address,
        }
    }

    /// Allows this many connections, including the spare ones.
    #[must_use]
    pub fn with_share(mut self, share: Share) -> Self {
        if share != self.share() {
            let most = share.all.saturating_sub(SPARE);
            self.clients = most.max(share.all * 4 / 5).max(1);
            self.clients_per_address = share.of_address;
        }
        self
    }

    /// Connections above the limit that may be in a TLS handshake or in the process of being refused.
    pub(crate) fn spare(&self) -> usize {
        self.clients.div_ceil(4).min(SPARE)
    }
}

impl Default for Limits {
    fn default() -> Self {
        options::defaults()
    }
}

impl IrcdConfig {
    /// Returns whether an address belongs to a proxy or gateway.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        is_within(address, &self.proxies)
    }

    /// Returns whether many people may share an address: this machine, connectors, proxies. Nothing is counted
    /// against it.
    pub(crate) fn is_shared(&self, address: IpAddr) -> bool {
        program::is_shared(address, &self.trusted, &self.proxies)
    }

    /// Checks what types cannot express.
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
                options::shown(&self.name)
            ));
        }
        if !word(&self.network) {
            return Err(format!(
                "network is \"{}\"; expected one word of at most 63 characters",
                options::shown(&self.network)
            ));
        }
        for (key, link) in [("icon", &self.icon), ("file-host", &self.file_host)] {
            let Some(link) = link else {
                continue;
            };
            let good = link
                .strip_prefix("https://")
                .is_some_and(|rest| !rest.is_empty())
                && link.len() <= MAX_LINK
                && link.bytes().all(|b| b.is_ascii_graphic());
            if !good {
                return Err(format!(
                    "{key} is \"{link}\"; expected a link that begins with https://, of at most {MAX_LINK} characters"
                ));
            }
        }
        for channel in &self.channels {
            if crate::server::names::channel(&channel.name, self.limits.channel_name).is_none() {
                return Err(format!(
                    "channels has \"{}\"; expected a name like #general",
                    options::shown(&channel.name)
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
            (
                "clients_per_address",
                limits.clients_per_address,
                1,
                1_000_000,
            ),
            (
                "failures_per_address",
                limits.failures_per_address as usize,
                1,
                1_000_000,
            ),
            ("sessions", limits.sessions, 1, 1_000),
            ("channels", limits.channels, 0, 1_000_000),
            ("channels_per_user", limits.channels_per_user, 0, 1_000_000),
            ("members", limits.members, 1, 1_000_000),
            ("bans", limits.bans, 0, 100_000),
            ("monitor", limits.monitor, 0, 100_000),
            (
                "history_per_target",
                limits.history_per_target,
                0,
                1_000_000_000,
            ),
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
                    "limits.{} is {found}; expected {least} to {most}",
                    key.replace('_', "-")
                ));
            }
        }
        // These are added to a clock value.
        for (key, found) in [
            ("registration-ms", limits.registration_ms),
            ("ping-ms", limits.ping_ms),
            ("pong-ms", limits.pong_ms),
        ] {
            if !(1..=DAY_MS).contains(&found) {
                return Err(format!(
                    "limits.{key} is {found}; expected 1 to {DAY_MS}, a day"
                ));
            }
        }
        if limits.history_bytes > MAX_HISTORY {
            return Err(format!(
                "limits.history-bytes is {}; expected at most {MAX_HISTORY}",
                limits.history_bytes
            ));
        }
        if !(0..=36_500).contains(&limits.replay_days) {
            return Err(format!(
                "limits.replay-days is {}; expected 0 to 36500",
                limits.replay_days
            ));
        }
        if !(4_096..=u64::from(u32::MAX)).contains(&limits.segment_bytes) {
            return Err(format!(
                "limits.segment-bytes is {}; expected 4096 to 4294967295",
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
            icon: Some("http://example.org/icon.png".to_owned()),
            ..IrcdConfig::default()
        };
        assert!(config.check().unwrap_err().starts_with("icon is"));
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
    fn every_limit_has_an_upper_bound() {
        use options::Options as _;
        for key in Limits::keys() {
            let most = |name: &str| {
                let numbers = [u64::MAX, i64::MAX as u64, u32::MAX.into()];
                let read = |number: u64| {
                    Limits::read(&|key| (key == name).then(|| number.to_string())).ok()
                };
                numbers.into_iter().find_map(read).unwrap()
            };
            let config = IrcdConfig {
                limits: most(&key.name),
                ..IrcdConfig::default()
            };
            let sentence = config.check().unwrap_err();
            let written = key.name.replace('_', "-");
            assert!(
                sentence.contains(&format!("limits.{written} ")),
                "{sentence}"
            );
        }
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
