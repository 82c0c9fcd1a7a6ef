//! The operator's settings for `subspace`: its own keys, and those of its built-in parts.

use std::net::SocketAddr;
use std::path::PathBuf;

use functions_native::Store;
use options::{Kind, List, Value};
use settings::Renamed;

options::options! {
    /// Options of the program `subspace`.
    #[derive(Clone, Debug)]
    pub(crate) struct Options {
        /// Folder with all data.
        data: PathBuf = "data", "DIR", "a folder";
        /// Where accounts are kept: `fs` (in the folder above), or `s3` (in a bucket).
        store: Store = "fs", "WHERE", "fs or s3";
        /// Address of the web port.
        listen: SocketAddr = "127.0.0.1:6700", "ADDR", "an address like 127.0.0.1:6700";
        /// Folder with the built web client.
        client: Option<PathBuf>, or "client beside the program, else static-client/dist", "DIR", "a folder";
        /// Channels that new members join.
        channels: List<String> = "#general", "NAMES", "names like #general";
        /// Host name or address under which browsers reach the TURN server.
        turn_host: Option<Host>, or "the one listened on, or the origin's", "HOST", "a host name or an address";
    }
    with {
        /// The functions. Their neighbours and secrets are those of this process.
        functions: functions_core::Options, "", except [
            "storage_origin",
            "master_key",
            "setup_token",
            "password_cost",
            "connectors",
            "internal",
            "network",
            "turn_urls",
            "turn_secret",
            "mail",
        ];
        /// The bucket.
        s3: storage_s3::S3Options, "s3";
        /// The IRC server.
        ircd: ircd::Options, "ircd";
        /// Connections to IRC networks.
        irc: irc_connector::IrcOptions, "irc";
        /// The bouncer.
        bouncer: bouncer::BouncerOptions, "bouncer";
        /// The mail connector.
        mail: smtp_connector::Options, "mail";
        /// The TURN server. Its secret is derived.
        turn: turn_server::Options, "turn", except ["secret", "realm"];
    }
}

impl settings::Program for Options {
    const NAME: &'static str = "subspace";
    const RENAMED: &'static [Renamed] = &[
        Renamed::everywhere("max_document", "max_document_size"),
        Renamed::everywhere("irc", "ircd_listen"),
        Renamed::everywhere("irc_name", "ircd_name"),
        Renamed::everywhere("irc_guests", "ircd_guests"),
        Renamed::everywhere("irc_tls", "ircd_tls_listen"),
        Renamed::everywhere("irc_certificate", "ircd_tls_certificate"),
        Renamed::everywhere("irc_key", "ircd_tls_key"),
        Renamed::everywhere("irc_proxies", "ircd_proxies"),
        Renamed::everywhere("irc_webirc_password_file", "ircd_webirc_password_file"),
        Renamed::everywhere("smtp", "mail_listen"),
        Renamed::file("mail_out_to", "mail_out"),
        Renamed::file("mail_out_from", "mail_from"),
        Renamed::file("mail_out_dkim_key", "mail_dkim_key"),
        Renamed::file("mail_out_dkim_selector", "mail_dkim_selector"),
        Renamed::file("mail_out_retry", "mail_retry"),
        Renamed::file("mail_out_poll", "mail_poll"),
        Renamed::everywhere("turn", "turn_listen"),
        Renamed::everywhere("turn_tls", "turn_tls_listen"),
        Renamed::everywhere("turn_certificate", "turn_tls_certificate"),
        Renamed::everywhere("turn_key", "turn_tls_key"),
    ];
}

/// A host name or an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Host(pub(crate) String);

impl Value for Host {
    const KIND: Kind = Kind::Text;

    fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let fits = !text.is_empty() && text.len() <= 253 && text.bytes().all(fits);
        fits.then(|| Self(text.to_owned()))
    }
}
