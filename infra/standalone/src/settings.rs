//! Configuration: flags, environment, one TOML file, defaults, in this order.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use clap::Args;
use functions_core::{DEFAULT_MAX_DOCUMENT_SIZE, DEFAULT_QUOTA};
use ircd::server::Secret;
use ircd::{AddressRange, Guests, TlsConfig};
use serde::Deserialize;
use smtp_connector::TlsFiles;
use storage_s3::S3Settings;
use turn_server::relay::RelayAddress;

use crate::bucket::BucketKeys;
use crate::irc;
use crate::mail_out::{MailOut, MailOutKeys};
use crate::turn;

/// Every key as it may be given: as a flag, as `SUBSPACE_…`, or in the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Keys {
    /// TOML file with the same keys.
    #[arg(long, env = "SUBSPACE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Folder that holds everything [default: data].
    #[arg(long, env = "SUBSPACE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where accounts are kept: fs (in the folder above) or s3 (in a bucket) [default: fs].
    #[arg(long, env = "SUBSPACE_STORE", value_name = "WHERE")]
    store: Option<String>,
    /// The bucket; a table in the file.
    #[command(flatten)]
    s3: BucketKeys,
    /// Address of the web port [default: 127.0.0.1:6700].
    #[arg(long, env = "SUBSPACE_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Address of the IRC server, or `off` [default: 127.0.0.1:6667].
    #[arg(long, env = "SUBSPACE_IRC", value_name = "ADDR")]
    irc: Option<String>,
    /// Address of the SMTP server, or `off` [default: 127.0.0.1:2525].
    #[arg(long, env = "SUBSPACE_SMTP", value_name = "ADDR")]
    smtp: Option<String>,
    /// Domain that channels have mail addresses in [default: the origin's host if it is a domain name, else
    /// mail.localhost].
    #[arg(long, env = "SUBSPACE_MAIL_DOMAIN", value_name = "NAME")]
    mail_domain: Option<String>,
    /// Name by which the SMTP server greets [default: the mail domain].
    #[arg(long, env = "SUBSPACE_MAIL_HOST", value_name = "NAME")]
    mail_host: Option<String>,
    /// PEM file with the certificate for STARTTLS, its chain included.
    #[arg(long, env = "SUBSPACE_MAIL_CERTIFICATE", value_name = "FILE")]
    mail_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, env = "SUBSPACE_MAIL_KEY", value_name = "FILE")]
    mail_key: Option<PathBuf>,
    /// Whether SPF, DKIM and DMARC are checked: on or off [default: on].
    #[arg(long, env = "SUBSPACE_MAIL_CHECKS", value_name = "ON")]
    mail_checks: Option<String>,
    /// DNS server for mail, address and port [default: those of the system].
    #[arg(long, env = "SUBSPACE_MAIL_DNS", value_name = "ADDR")]
    mail_dns: Option<String>,
    #[command(flatten)]
    mail_out: MailOutKeys,
    /// Address of the TURN server for calls, or `off` [default: 127.0.0.1:3478].
    #[arg(long, env = "SUBSPACE_TURN", value_name = "ADDR")]
    turn: Option<String>,
    /// Host name or address under which browsers reach the TURN server [default: the one listened on, or the origin's].
    #[arg(long, env = "SUBSPACE_TURN_HOST", value_name = "HOST")]
    turn_host: Option<String>,
    /// Address of this machine to relay calls on [default: the one that TURN listens on].
    #[arg(long, env = "SUBSPACE_TURN_RELAY_IP", value_name = "IP")]
    turn_relay_ip: Option<String>,
    /// Address under which that is reached from outside, if a NAT stands between.
    #[arg(long, env = "SUBSPACE_TURN_PUBLIC_IP", value_name = "IP")]
    turn_public_ip: Option<String>,
    /// Address of the TURN server for TLS; it needs a certificate.
    #[arg(long, env = "SUBSPACE_TURN_TLS", value_name = "ADDR")]
    turn_tls: Option<String>,
    /// PEM file with the certificate for that, its chain included.
    #[arg(long, env = "SUBSPACE_TURN_CERTIFICATE", value_name = "FILE")]
    turn_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, env = "SUBSPACE_TURN_KEY", value_name = "FILE")]
    turn_key: Option<PathBuf>,
    /// UDP ports to relay calls on [default: 49152-65535].
    #[arg(long, env = "SUBSPACE_TURN_RELAY_PORTS", value_name = "FIRST-LAST")]
    turn_relay_ports: Option<String>,
    /// Address under which browsers reach this server [default: http:// and the web port's address].
    #[arg(long, env = "SUBSPACE_ORIGIN", value_name = "URL")]
    origin: Option<String>,
    /// Folder with the built web client [default: static-client/dist, or client beside the program].
    #[arg(long, env = "SUBSPACE_CLIENT", value_name = "DIR")]
    client: Option<PathBuf>,
    /// What people call this space [default: Subspace].
    #[arg(long, env = "SUBSPACE_NAME", value_name = "TEXT")]
    name: Option<String>,
    /// Name of the IRC server [default: the origin's host if it is a domain name, else irc.localhost].
    #[arg(long, env = "SUBSPACE_IRC_NAME", value_name = "NAME")]
    irc_name: Option<String>,
    /// Who may use the IRC server without an account: loopback, on or off [default: loopback].
    #[arg(long, env = "SUBSPACE_IRC_GUESTS", value_name = "WHO")]
    irc_guests: Option<String>,
    /// Address of the IRC server for TLS; it needs a certificate.
    #[arg(long, env = "SUBSPACE_IRC_TLS", value_name = "ADDR")]
    irc_tls: Option<String>,
    /// PEM file with the certificate for that, its chain included.
    #[arg(long, env = "SUBSPACE_IRC_CERTIFICATE", value_name = "FILE")]
    irc_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, env = "SUBSPACE_IRC_KEY", value_name = "FILE")]
    irc_key: Option<PathBuf>,
    /// Addresses of reverse proxies before the IRC server that speak the PROXY protocol, and of WEBIRC gateways, separated
    /// by blanks [default: none].
    #[arg(long, env = "SUBSPACE_IRC_PROXIES", value_name = "ADDRS")]
    irc_proxies: Option<String>,
    /// File with the password of WEBIRC [default: WEBIRC is refused].
    #[arg(long, env = "SUBSPACE_IRC_WEBIRC_PASSWORD_FILE", value_name = "FILE")]
    irc_webirc_password_file: Option<PathBuf>,
    /// Which networks members may add: any, or public addresses only [default: any on loopback, else public].
    #[arg(long, env = "SUBSPACE_NETWORKS", value_name = "WHICH")]
    networks: Option<String>,
    /// Channels that new members are in, separated by blanks [default: #general].
    #[arg(long, env = "SUBSPACE_CHANNELS", value_name = "NAMES")]
    channels: Option<String>,
    /// Bytes that an account may store; 0 means unlimited [default: 10 GiB].
    #[arg(long, env = "SUBSPACE_QUOTA", value_name = "BYTES")]
    quota: Option<u64>,
    /// Largest document in bytes [default: 100 MiB].
    #[arg(long, env = "SUBSPACE_MAX_DOCUMENT", value_name = "BYTES")]
    max_document: Option<u64>,
    /// Days for which overwritten and deleted documents are kept [default: 30].
    #[arg(long, env = "SUBSPACE_RETENTION_DAYS", value_name = "DAYS")]
    retention_days: Option<u32>,
    /// Take the addresses of clients from the last entry of x-forwarded-for; only behind a reverse proxy
    /// that writes it [default: false].
    #[arg(
        long,
        env = "SUBSPACE_BEHIND_PROXY",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    behind_proxy: Option<bool>,
    /// What is logged, `info` or a filter such as `warn,ircd=debug` [default: info].
    #[arg(long, env = "SUBSPACE_LOG", value_name = "FILTER")]
    log: Option<String>,
}

/// The configuration, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Folder that holds everything.
    pub(crate) data: PathBuf,
    /// The bucket that accounts are kept in, if it is not the folder.
    pub(crate) bucket: Option<S3Settings>,
    /// Web port.
    pub(crate) listen: SocketAddr,
    /// IRC server.
    pub(crate) irc: Option<SocketAddr>,
    /// TURN server.
    pub(crate) turn: Option<SocketAddr>,
    /// Its TLS, if configured.
    pub(crate) turn_tls: Option<turn::Tls>,
    /// Where browsers reach it, if configured.
    pub(crate) turn_host: Option<String>,
    /// What it relays on, if configured.
    pub(crate) turn_relays: Vec<RelayAddress>,
    /// Ports that it relays on.
    pub(crate) turn_ports: RangeInclusive<u16>,
    /// Mail.
    pub(crate) mail: Mail,
    /// Public address, if configured.
    pub(crate) origin: Option<String>,
    /// Built web client.
    pub(crate) client: PathBuf,
    /// What people call this space.
    pub(crate) name: String,
    /// Name of the IRC server, if configured.
    pub(crate) irc_name: Option<String>,
    /// Who may use the IRC server without an account.
    pub(crate) irc_guests: Guests,
    /// Its TLS, if configured.
    pub(crate) irc_tls: Option<TlsConfig>,
    /// Who says for others where they are.
    pub(crate) irc_proxies: Vec<AddressRange>,
    /// The password of WEBIRC, if configured.
    pub(crate) irc_webirc_password: Option<Secret>,
    /// Whether members may add networks at addresses that are not public.
    pub(crate) any_network: bool,
    /// Default channels.
    pub(crate) channels: Vec<String>,
    /// Bytes an account may store.
    pub(crate) quota: Option<u64>,
    /// Largest document.
    pub(crate) max_document: u64,
    /// Days for which superseded documents are kept.
    pub(crate) retention_days: u32,
    /// Whether a reverse proxy says where clients are.
    pub(crate) behind_proxy: bool,
    /// Log filter.
    pub(crate) log: String,
}

/// What the keys say about mail.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    /// SMTP server.
    pub(crate) smtp: Option<SocketAddr>,
    /// Domain of addresses, if configured.
    pub(crate) domain: Option<String>,
    /// Name by which the server greets, if configured.
    pub(crate) host: Option<String>,
    /// Certificate and key.
    pub(crate) tls: Option<TlsFiles>,
    /// Whether senders are checked.
    pub(crate) checks: bool,
    /// DNS server, if configured.
    pub(crate) dns: Option<SocketAddr>,
    /// Outgoing mail.
    pub(crate) out: MailOut,
}

impl Keys {
    /// Adds the file and the defaults, and checks every key.
    ///
    /// # Errors
    /// One sentence: which key, what was found, what is expected.
    pub(crate) fn resolve(self) -> anyhow::Result<Settings> {
        let file = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("config: cannot read {}", path.display()))?;
                toml::from_str(&text).map_err(|error| {
                    let message = error.message().replace('\n', " ");
                    anyhow::anyhow!("config: {} is wrong: {message}", path.display())
                })?
            }
            None => Self::default(),
        };
        let mail = self.mail(&file)?;
        let listen = self
            .listen
            .or(file.listen)
            .unwrap_or_else(|| "127.0.0.1:6700".to_owned());
        let irc_address = self
            .irc
            .or(file.irc)
            .unwrap_or_else(|| "127.0.0.1:6667".to_owned());
        let guests = self
            .irc_guests
            .or(file.irc_guests)
            .unwrap_or_else(|| "loopback".to_owned());
        let channels = self
            .channels
            .or(file.channels)
            .unwrap_or_else(|| "#general".to_owned());
        let client = self.client.or(file.client);
        let listen = parse::<SocketAddr>("listen", &listen, ADDRESS)?;
        let origin = self
            .origin
            .or(file.origin)
            .map(|text| origin(&text))
            .transpose()?;
        let any_network = match self.networks.or(file.networks).as_deref() {
            Some("any") => true,
            Some("public") => false,
            Some(other) => bail!("networks: found \"{other}\", expected any or public"),
            None => origin.is_none() && listen.ip().is_loopback(),
        };
        let bucket = match self.store.or(file.store).as_deref() {
            None | Some("fs") => None,
            Some("s3") => Some(self.s3.resolve(file.s3)?),
            Some(other) => bail!("store: found \"{other}\", expected fs or s3"),
        };
        let turn_address = self
            .turn
            .or(file.turn)
            .unwrap_or_else(|| "127.0.0.1:3478".to_owned());
        let turn_ports = self.turn_relay_ports.or(file.turn_relay_ports);
        Ok(Settings {
            turn: if turn_address == "off" {
                None
            } else {
                Some(parse(
                    "turn",
                    &turn_address,
                    "an address like 127.0.0.1:3478, or off",
                )?)
            },
            turn_host: self
                .turn_host
                .or(file.turn_host)
                .map(turn::host)
                .transpose()?,
            turn_tls: turn::tls(
                self.turn_tls.or(file.turn_tls),
                self.turn_certificate.or(file.turn_certificate),
                self.turn_key.or(file.turn_key),
            )?,
            turn_relays: turn::relays(
                self.turn_relay_ip.or(file.turn_relay_ip).as_deref(),
                self.turn_public_ip.or(file.turn_public_ip).as_deref(),
            )?,
            turn_ports: turn_ports.map_or(Ok(49_152..=65_535), |text| turn::port_range(&text))?,
            bucket,
            data: self.data.or(file.data).unwrap_or_else(|| "data".into()),
            listen,
            irc: if irc_address == "off" {
                None
            } else {
                Some(parse(
                    "irc",
                    &irc_address,
                    "an address like 127.0.0.1:6667, or off",
                )?)
            },
            mail,
            origin,
            client: client.unwrap_or_else(default_client),
            name: line(
                "name",
                self.name
                    .or(file.name)
                    .unwrap_or_else(|| "Subspace".to_owned()),
            )?,
            irc_name: self
                .irc_name
                .or(file.irc_name)
                .map(|name| irc::server_name(&name))
                .transpose()?,
            irc_guests: irc::guests(&guests)?,
            irc_tls: irc::tls(
                self.irc_tls.or(file.irc_tls),
                self.irc_certificate.or(file.irc_certificate),
                self.irc_key.or(file.irc_key),
            )?,
            irc_proxies: irc::proxies(&self.irc_proxies.or(file.irc_proxies).unwrap_or_default())?,
            irc_webirc_password: self
                .irc_webirc_password_file
                .or(file.irc_webirc_password_file)
                .map(|file| irc::webirc_password(&file))
                .transpose()?,
            any_network,
            channels: channel_names(&channels)?,
            // As in the variables of every host.
            quota: Some(self.quota.or(file.quota).unwrap_or(DEFAULT_QUOTA))
                .filter(|bytes| *bytes > 0),
            max_document: self
                .max_document
                .or(file.max_document)
                .unwrap_or(DEFAULT_MAX_DOCUMENT_SIZE),
            retention_days: self.retention_days.or(file.retention_days).unwrap_or(30),
            behind_proxy: self.behind_proxy.or(file.behind_proxy).unwrap_or(false),
            log: self.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
        })
    }
}

impl Keys {
    fn mail(&self, file: &Self) -> anyhow::Result<Mail> {
        let smtp = self.smtp.as_ref().or(file.smtp.as_ref());
        let smtp = match smtp.map_or("127.0.0.1:2525", String::as_str) {
            "off" => None,
            text => Some(parse(
                "smtp",
                text,
                "an address like 127.0.0.1:2525, or off",
            )?),
        };
        let name = |key: &str, value: Option<&String>| {
            value.map(|name| domain_name(key, name)).transpose()
        };
        let certificate = self
            .mail_certificate
            .clone()
            .or_else(|| file.mail_certificate.clone());
        let key = self.mail_key.clone().or_else(|| file.mail_key.clone());
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                bail!("mail-key: found nothing, expected the key of mail-certificate")
            }
            (None, Some(_)) => bail!("mail-certificate: found nothing, expected one for mail-key"),
        };
        let checks = match self
            .mail_checks
            .as_ref()
            .or(file.mail_checks.as_ref())
            .map(String::as_str)
        {
            None | Some("on") => true,
            Some("off") => false,
            Some(other) => bail!("mail-checks: found \"{other}\", expected on or off"),
        };
        let dns = self.mail_dns.as_ref().or(file.mail_dns.as_ref());
        let dns = dns
            .map(|text| parse("mail-dns", text, "an address like 127.0.0.1:53"))
            .transpose()?;
        Ok(Mail {
            smtp,
            domain: name(
                "mail-domain",
                self.mail_domain.as_ref().or(file.mail_domain.as_ref()),
            )?,
            host: name(
                "mail-host",
                self.mail_host.as_ref().or(file.mail_host.as_ref()),
            )?,
            tls,
            checks,
            dns,
            out: self.mail_out.resolve(&file.mail_out)?,
        })
    }
}

const ADDRESS: &str = "an address like 127.0.0.1:6700";

pub(crate) fn parse<T: FromStr<Err: Display>>(
    key: &str,
    text: &str,
    expected: &str,
) -> anyhow::Result<T> {
    text.parse()
        .map_err(|_| anyhow::anyhow!("{key}: found \"{text}\", expected {expected}"))
}

/// An origin, RFC 6454: scheme, host and port only.
fn origin(text: &str) -> anyhow::Result<String> {
    let wrong = || {
        format!(
            "origin: found \"{text}\", expected scheme and host only, like https://chat.example.org"
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

fn line(key: &str, text: String) -> anyhow::Result<String> {
    if text.is_empty() || text.len() > 100 || text.chars().any(char::is_control) {
        bail!("{key}: found {text:?}, expected 1 to 100 bytes on one line");
    }
    Ok(text)
}

fn domain_name(key: &str, name: &str) -> anyhow::Result<String> {
    let fits = name.len() <= 253
        && !name.is_empty()
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    if !fits {
        bail!("{key}: found \"{name}\", expected a domain name like example.org");
    }
    Ok(name.to_lowercase())
}

fn channel_names(text: &str) -> anyhow::Result<Vec<String>> {
    let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let fits = |name: &String| {
        name.len() > 1
            && name.len() <= 50
            && name.starts_with('#')
            && !name.contains([',', '\u{7}', ':'])
    };
    match names.iter().find(|name| !fits(name)) {
        Some(name) => bail!("channels: found \"{name}\", expected names like #general"),
        None if names.is_empty() => {
            bail!("channels: found nothing, expected at least one name like #general")
        }
        None => Ok(names),
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
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut Keys)) -> String {
        let mut keys = Keys::default();
        change(&mut keys);
        keys.resolve().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_loopback() {
        let settings = Keys::default().resolve().unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:6700");
        assert_eq!(settings.irc.unwrap().to_string(), "127.0.0.1:6667");
        assert_eq!(settings.turn.unwrap().to_string(), "127.0.0.1:3478");
        assert_eq!(settings.mail.smtp.unwrap().to_string(), "127.0.0.1:2525");
        assert_eq!(settings.channels, ["#general"]);
        assert!(!settings.behind_proxy);
        assert_eq!(settings.retention_days, 30);
    }

    #[test]
    fn a_quota_of_nothing_is_none_as_on_every_host() {
        let quota = |quota: Option<u64>| {
            let keys = Keys {
                quota,
                ..Keys::default()
            };
            keys.resolve().unwrap().quota
        };
        assert_eq!(quota(None), Some(DEFAULT_QUOTA));
        assert_eq!(quota(Some(1)), Some(1));
        assert_eq!(quota(Some(0)), None);
    }

    #[test]
    fn a_wrong_key_is_named_with_what_was_found_and_expected() {
        assert_eq!(
            wrong(|keys| keys.listen = Some("6700".into())),
            "listen: found \"6700\", expected an address like 127.0.0.1:6700"
        );
        assert!(wrong(|keys| keys.smtp = Some("2525".into())).starts_with("smtp: found"));
        assert!(wrong(|keys| keys.mail_domain = Some("a b".into())).contains("example.org"));
        assert!(
            wrong(|keys| keys.origin = Some("https://a/b".into())).starts_with("origin: found")
        );
        assert!(
            wrong(|keys| keys.irc_guests = Some("maybe".into())).contains("loopback, on or off")
        );
        assert!(wrong(|keys| keys.turn = Some("3478".into())).starts_with("turn: found \"3478\""));
        assert!(wrong(|keys| keys.turn_relay_ports = Some("1".into())).contains("49152-65535"));
        assert!(
            wrong(|keys| keys.turn_public_ip = Some("1.2.3.4".into())).contains("turn-relay-ip")
        );
        assert!(
            wrong(|keys| keys.turn_tls = Some("0.0.0.0:5349".into())).contains("turn-certificate")
        );
        assert!(wrong(|keys| keys.turn_key = Some("k".into())).starts_with("turn-key: found"));
        assert!(wrong(|keys| keys.channels = Some("general".into())).contains("#general"));
        assert_eq!(
            wrong(|keys| keys.store = Some("ftp".into())),
            "store: found \"ftp\", expected fs or s3"
        );
        assert!(wrong(|keys| keys.irc_name = Some("chat".into())).contains("irc.example.org"));
    }

    #[test]
    fn the_file_stands_behind_the_flags() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subspace.toml");
        std::fs::write(
            &path,
            "listen = \"127.0.0.1:1\"\nirc = \"off\"\nirc-guests = \"off\"\nretention-days = 7\nbehind-proxy = true\n",
        )
        .unwrap();
        let keys = Keys {
            config: Some(path.clone()),
            listen: Some("127.0.0.1:2".into()),
            ..Keys::default()
        };
        let settings = keys.resolve().unwrap();
        assert_eq!(settings.listen.port(), 2);
        assert!(settings.irc.is_none() && settings.behind_proxy);
        assert_eq!(settings.retention_days, 7);
        std::fs::write(&path, "port = 3\n").unwrap();
        let message = wrong(|keys| keys.config = Some(path));
        assert!(
            message.contains("port") && message.contains("expected one of"),
            "{message}"
        );
    }
}
