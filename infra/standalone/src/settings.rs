//! The validated options, with derived values.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use functions_native::Store;
use ircd::IrcdConfig;
use options::Networks;
use settings::{Given, Loaded, Sources};
use storage_s3::S3Settings;

use crate::options::Options;

/// The flags from the command line.
pub(crate) type Flags = Given<Options>;

/// The validated configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The options that are set.
    pub(crate) options: Options,
    /// The bucket for the accounts, if they are not in the folder.
    pub(crate) bucket: Option<S3Settings>,
    /// Public address, if configured.
    pub(crate) origin: Option<String>,
    /// Built web client.
    pub(crate) client: PathBuf,
    /// Whether members may add networks at non-public addresses.
    pub(crate) any_network: bool,
    /// The IRC server's configuration.
    pub(crate) ircd: IrcdConfig,
    /// The TURN server's configuration.
    pub(crate) turn: turn_server::Config,
}

/// Reads the options, and starts the log.
///
/// # Errors
/// One sentence: which key, what was found, what is expected.
pub(crate) fn begin(loaded: Loaded<Options>) -> anyhow::Result<Settings> {
    Settings::new(loaded.begin().map_err(anyhow::Error::msg)?)
}

/// Reads the options for a command without a log.
///
/// # Errors
/// One sentence: which key, what was found, what is expected.
pub(crate) fn read(flags: Flags) -> anyhow::Result<Settings> {
    let loaded = flags.load()?;
    let settings = Settings::new(loaded.options);
    settings.map_err(|error| explained(&loaded.sources, &error))
}

/// An error of what a program does with its options, with the source of the key that it is about.
pub(crate) fn explained(sources: &Sources, error: &anyhow::Error) -> anyhow::Error {
    anyhow::Error::msg(sources.explained(error))
}

impl Settings {
    /// Validates every key, and derives further values.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected.
    pub(crate) fn new(options: Options) -> anyhow::Result<Self> {
        let functions = &options.functions;
        line("name", &functions.name)?;
        let origin = functions.origin.as_deref().map(origin).transpose()?;
        let any_network = match functions.networks {
            Some(networks) => networks == Networks::Any,
            None => origin.is_none() && options.listen.ip().is_loopback(),
        };
        check_channels(&options.channels.0)?;
        let mut ircd = options.ircd.config("ircd-")?;
        if let Some(name) = &options.ircd.name {
            ircd.name = server_name(name)?;
        }
        let turn = options.turn.config("turn-")?;
        check_turn(&turn)?;
        let bucket = match options.store {
            Store::Fs => None,
            Store::S3 => Some(S3Settings::new(options.s3.clone())?),
        };
        Ok(Self {
            bucket,
            origin,
            client: options.client.clone().unwrap_or_else(default_client),
            any_network,
            ircd,
            turn,
            options,
        })
    }

    /// Where the IRC server listens without TLS.
    pub(crate) const fn irc_listen(&self) -> Option<SocketAddr> {
        self.options.ircd.listen.0
    }

    /// Where mail is received.
    pub(crate) const fn mail_listen(&self) -> Option<SocketAddr> {
        self.options.mail.listen.0
    }

    /// Where the TURN server listens without TLS.
    pub(crate) fn turn_listen(&self) -> Option<SocketAddr> {
        self.turn.listen.first().copied()
    }

    /// Where it listens with TLS.
    pub(crate) fn turn_tls_listen(&self) -> Option<SocketAddr> {
        self.turn.tls_listen.first().copied()
    }
}

/// Browsers get one address of each kind.
fn check_turn(turn: &turn_server::Config) -> anyhow::Result<()> {
    for (key, found) in [
        ("turn-listen", &turn.listen),
        ("turn-tls-listen", &turn.tls_listen),
    ] {
        if let [_, second, ..] = found[..] {
            bail!("{key}: found {second} besides another address, expected one");
        }
    }
    match (&turn.tls, turn.tls_listen.is_empty()) {
        (Some(_), true) => bail!(
            "turn-tls-certificate: found a file, but not turn-tls-listen, the address to use it at"
        ),
        (None, false) => {
            bail!("turn-tls-certificate: found nothing, expected a PEM file for turn-tls-listen")
        }
        _ => Ok(()),
    }
}

/// One sentence: which key is wrong and what is expected.
fn wrong(key: &str, found: &str, expected: &'static str) -> String {
    options::Invalid::new(key, Some(found.to_owned()), expected).to_string()
}

/// An origin, RFC 6454: scheme, host and port only.
fn origin(text: &str) -> anyhow::Result<String> {
    let wrong = || {
        wrong(
            "origin",
            text,
            "scheme and host only, like https://chat.example.org",
        )
    };
    let uri: http::Uri = text.parse().ok().with_context(wrong)?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"))
        .with_context(wrong)?;
    let authority = uri
        .authority()
        .filter(|authority| !authority.as_str().contains('@'))
        .with_context(wrong)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        bail!(wrong());
    }
    Ok(format!("{scheme}://{}", authority.as_str().to_lowercase()))
}

fn line(key: &str, text: &str) -> anyhow::Result<()> {
    if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) {
        bail!(wrong(key, text, "1 to 100 bytes on one line"));
    }
    Ok(())
}

/// Checks the name of the IRC server.
fn server_name(name: &str) -> anyhow::Result<String> {
    let fits = name.contains('.')
        && name.len() <= 63
        && !name.starts_with(['.', '-'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    if !fits {
        bail!(wrong(
            "ircd_name",
            name,
            "a host name with a dot, like irc.example.org"
        ));
    }
    Ok(name.to_lowercase())
}

fn check_channels(names: &[String]) -> anyhow::Result<()> {
    let fits = |name: &String| {
        name.len() > 1
            && name.len() <= 50
            && name.starts_with('#')
            && !name.contains([',', '\u{7}', ':'])
    };
    match names.iter().find(|name| !fits(name)) {
        Some(name) => bail!(wrong("channels", name, "names like #general")),
        None if names.is_empty() => {
            bail!("channels: found nothing, expected at least one name like #general")
        }
        None => Ok(()),
    }
}

fn default_client() -> PathBuf {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("client")));
    beside
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(|| "static-client/dist".into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use functions_core::DEFAULT_QUOTA;
    use ircd::Guests;

    /// Reads only flags.
    pub(crate) fn settings(flags: &[(&str, &str)]) -> anyhow::Result<Settings> {
        Settings::new(load(flags, &[])?.options)
    }

    fn load(
        flags: &[(&str, &str)],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Loaded<Options>> {
        Ok(Flags::load_pairs(flags, environment)?)
    }

    fn with_file(text: &str, flags: &[(&str, &str)]) -> anyhow::Result<Loaded<Options>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subspace.toml");
        std::fs::write(&path, text).unwrap();
        let mut flags = flags.to_vec();
        flags.push(("config", path.to_str().unwrap()));
        load(&flags, &[])
    }

    fn wrong(key: &str, value: &str) -> String {
        settings(&[(key, value)]).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_loopback() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.options.listen.to_string(), "127.0.0.1:6700");
        assert_eq!(settings.irc_listen().unwrap().to_string(), "127.0.0.1:6667");
        assert_eq!(
            settings.turn_listen().unwrap().to_string(),
            "127.0.0.1:3478"
        );
        assert_eq!(
            settings.mail_listen().unwrap().to_string(),
            "127.0.0.1:2525"
        );
        assert_eq!(settings.options.channels.0, ["#general"]);
        assert!(!settings.options.functions.behind_proxy);
        assert_eq!(settings.options.functions.retention_days, 30);
        assert!(settings.any_network);
    }

    #[test]
    fn a_quota_of_nothing_is_none_as_on_every_host() {
        let quota = |flags: &[(&str, &str)]| settings(flags).unwrap().options.functions.quota();
        assert_eq!(quota(&[]), Some(DEFAULT_QUOTA));
        assert_eq!(quota(&[("quota", "1")]), Some(1));
        assert_eq!(quota(&[("quota", "0")]), None);
    }

    #[test]
    fn a_wrong_key_is_named_with_what_was_found_and_expected() {
        assert_eq!(
            wrong("listen", "6700"),
            "listen: found \"6700\", expected an address like 127.0.0.1:6700 (from --listen)"
        );
        assert!(wrong("mail-listen", "2525").starts_with("mail-listen: found"));
        assert!(wrong("mail-domain", "a b").contains("example.org"));
        assert!(wrong("origin", "https://a/b").starts_with("origin: found"));
        let hidden = wrong("origin", "https://user:hunter2@a");
        assert!(
            hidden.starts_with("origin: found \"https://…@a\""),
            "{hidden}"
        );
        assert!(wrong("ircd-guests", "maybe").contains("loopback, on or off"));
        assert!(wrong("turn-listen", "3478").starts_with("turn-listen: found \"3478\""));
        assert!(wrong("turn-listen", "127.0.0.1:1,127.0.0.1:2").contains("expected one"));
        assert!(wrong("turn-relay-ports", "1").contains("49152-65535"));
        assert!(wrong("turn-public-ip", "1.2.3.4").contains("turn-relay-ip"));
        assert!(wrong("turn-tls-listen", "0.0.0.0:5349").contains("turn-tls-certificate"));
        assert!(wrong("turn-tls-key", "k").starts_with("turn-tls-certificate: found"));
        assert!(wrong("channels", "general").contains("#general"));
        assert_eq!(
            wrong("store", "ftp"),
            "store: found \"ftp\", expected fs or s3 (from --store)"
        );
        assert!(wrong("ircd-name", "chat").contains("irc.example.org"));
        assert!(wrong("store", "s3").starts_with("SUBSPACE_S3_BUCKET is not set"));
    }

    #[test]
    fn the_file_stands_behind_the_flags() {
        let text = "listen = \"127.0.0.1:1\"\nretention-days = 7\nbehind-proxy = true\n\
                    [ircd]\nlisten = \"off\"\nguests = \"off\"\n";
        let loaded = with_file(text, &[("listen", "127.0.0.1:2")]).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let settings = Settings::new(loaded.options).unwrap();
        assert_eq!(settings.options.listen.port(), 2);
        assert!(settings.irc_listen().is_none() && settings.options.functions.behind_proxy);
        assert_eq!(settings.options.functions.retention_days, 7);
        let loaded = with_file("\n[s3]\nendpoint = \"https://u:hunter2@x y\"\n", &[]).unwrap();
        let sources = loaded.sources;
        let wrong = |sentence: &str| sources.explain(sentence);
        let said = wrong("SUBSPACE_S3_ENDPOINT: found something else, expected an address");
        assert!(said.starts_with("s3-endpoint: found"), "{said}");
        assert!(said.ends_with("subspace.toml, line 3)"), "{said}");
        let message = with_file("port = 3\n", &[]).unwrap_err().to_string();
        assert!(
            message.contains("the key port in line 1, which")
                && message.contains("the nearest known one is"),
            "{message}"
        );
    }

    #[test]
    fn a_file_of_before_says_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "s3cret\n").unwrap();
        let password = password.display();
        let text = format!(
            r##"
            data = "d"
            store = "s3"
            listen = "0.0.0.0:6700"
            irc = "0.0.0.0:6667"
            smtp = "off"
            mail-domain = "Example.org"
            mail-checks = "off"
            turn = "0.0.0.0:3478"
            turn-host = "turn.example.org"
            turn-relay-ip = "10.0.0.1"
            turn-public-ip = "192.0.2.1"
            turn-tls = "0.0.0.0:5349"
            turn-certificate = "c.pem"
            turn-key = "k.pem"
            turn-relay-ports = "50000-50100"
            origin = "https://Chat.example.org"
            name = "Home"
            irc-name = "irc.example.org"
            irc-guests = "on"
            irc-tls = "0.0.0.0:6697"
            irc-certificate = "c.pem"
            irc-key = "k.pem"
            irc-proxies = "127.0.0.1 10.0.0.0/8"
            irc-webirc-password-file = "{password}"
            networks = "public"
            channels = "#a #b"
            quota = 0
            max-document = 1000
            log = "warn"

            [s3]
            bucket = "chat"
            region = "eu-central-1"
            access-key-id = "AKID"
            secret-access-key-file = "{password}"
            single-writer = true

            [mail-out]
            to = "mail.example.org:465"
            user = "u"
            password-file = "{password}"
            from = "us@example.org"
            retry = 5
            "##
        );
        let loaded = with_file(&text, &[]).unwrap();
        assert_eq!(loaded.log.as_deref(), Some("warn"));
        let warnings = loaded.warnings.join("\n");
        for told in ["irc in", "max-document in", "turn in", "mail-out-to in"] {
            assert!(warnings.contains(told), "{told}: {warnings}");
        }
        assert!(!warnings.contains("turn-relay-ip"), "{warnings}");
        let settings = Settings::new(loaded.options).unwrap();
        let options = &settings.options;
        assert_eq!(settings.origin.as_deref(), Some("https://chat.example.org"));
        assert!(!settings.any_network && settings.mail_listen().is_none());
        assert_eq!(settings.irc_listen().unwrap().to_string(), "0.0.0.0:6667");
        assert_eq!(settings.ircd.name, "irc.example.org");
        assert_eq!(settings.ircd.guests, Guests::On);
        assert_eq!(settings.ircd.tls.as_ref().unwrap().listen.port(), 6697);
        assert_eq!(settings.ircd.proxies.len(), 2);
        assert_eq!(settings.ircd.webirc_password.as_ref().unwrap().0, "s3cret");
        assert_eq!(settings.turn_listen().unwrap().port(), 3478);
        assert_eq!(settings.turn_tls_listen().unwrap().port(), 5349);
        assert_eq!(settings.turn.relays[0].public.to_string(), "192.0.2.1");
        assert_eq!(settings.turn.ports, 50_000..=50_100);
        assert_eq!(options.turn_host.as_ref().unwrap().0, "turn.example.org");
        assert_eq!(options.channels.0, ["#a", "#b"]);
        assert_eq!(options.functions.quota(), None);
        assert_eq!(options.functions.max_document_size, 1000);
        assert_eq!(options.functions.name, "Home");
        let bucket = settings.bucket.as_ref().unwrap();
        assert!(bucket.single_writer());
        assert_eq!(
            bucket.describe(),
            "bucket \"chat\" at Amazon S3 in eu-central-1"
        );
        let mail = &options.mail;
        assert_eq!(mail.domain.as_ref().unwrap().0, "example.org");
        assert!(!mail.checks && mail.sends());
        assert_eq!(mail.out, "mail.example.org:465");
        assert_eq!(mail.from.as_deref(), Some("us@example.org"));
        assert_eq!((mail.retry, mail.poll), (5, 10));
        assert_eq!(mail.out_password.as_ref().unwrap().0, "s3cret");
        assert!(!format!("{settings:?}").contains("s3cret"));
    }

    #[test]
    fn variables_of_before_say_what_they_said() {
        let loaded = load(
            &[],
            &[
                ("SUBSPACE_ORIGIN", "https://chat.example.org"),
                ("SUBSPACE_IRC", "off"),
                ("SUBSPACE_SMTP", "0.0.0.0:2525"),
                ("SUBSPACE_TURN", "0.0.0.0:3478"),
                ("SUBSPACE_TURN_RELAY_IP", "10.0.0.1"),
                ("SUBSPACE_MAX_DOCUMENT", "7"),
                ("SUBSPACE_MAIL_OUT", "direct"),
                ("SUBSPACE_LOG", "debug"),
            ],
        )
        .unwrap();
        assert_eq!(loaded.warnings.len(), 4, "{:?}", loaded.warnings);
        let settings = Settings::new(loaded.options).unwrap();
        assert!(settings.irc_listen().is_none());
        assert_eq!(settings.mail_listen().unwrap().port(), 2525);
        assert_eq!(settings.turn_listen().unwrap().port(), 3478);
        assert_eq!(settings.options.functions.max_document_size, 7);
        assert!(settings.options.mail.sends());
    }
}
