//! The mail connector inside the single process.

use std::net::Ipv4Addr;

use functions_core::MailService;
use program::Share;
use smtp_connector::{DomainName, Options, Smtp, SmtpConfig};
use tokio::net::TcpListener;

use crate::data::DataFolder;
use crate::keys::connector_key;
use crate::settings::Settings;

/// Id of the mail connector.
pub(crate) const SMTP: &str = "smtp";
/// Domain of mail addresses if the origin gives none.
const LOCAL_DOMAIN: &str = "mail.localhost";

/// The mail service as configured for the functions.
pub(crate) fn service(mail: &Options, origin: &str) -> Option<MailService> {
    mail.listen.0.map(|_| MailService {
        domain: domain(mail, origin),
        connector: SMTP.to_owned(),
        sends: mail.sends(),
    })
}

/// Starts the connector.
///
/// # Errors
/// One sentence: its folder or its certificate cannot be used.
pub(crate) fn start(
    settings: &Settings,
    folder: &DataFolder,
    listener: TcpListener,
    share: Share,
    functions: &str,
    origin: &str,
) -> anyhow::Result<Smtp> {
    let mail = &settings.options.mail;
    let key = connector_key(&folder.master_key()?, SMTP);
    let domain = domain(mail, origin);
    let mut config = SmtpConfig::new(SMTP, &key, functions, &domain, folder.folder("smtp"));
    mail.apply(&mut config).map_err(anyhow::Error::msg)?;
    config.limits = config.limits.with_share(share);
    Ok(Smtp::start(config, listener)?)
}

/// The mail domain: as configured, or the origin's host if that is a domain name.
fn domain(mail: &Options, origin: &str) -> String {
    if let Some(DomainName(domain)) = &mail.domain {
        return domain.clone();
    }
    let host = url::Url::parse(origin)
        .ok()
        .and_then(|url| url.domain().map(str::to_owned));
    host.filter(|host| host.contains('.') && host.parse::<Ipv4Addr>().is_err())
        .unwrap_or_else(|| LOCAL_DOMAIN.to_owned())
}
