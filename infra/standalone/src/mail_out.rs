//! Outgoing mail: flags, environment, the table `[mail-out]` of the file. The password comes from the
//! environment or from a file of its own, never from a flag.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;
use smtp_connector::{OutgoingConfig, OutgoingKeys};

/// Every key as it may be given. Its arguments have names of their own, as they stand beside all others.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct MailOutKeys {
    /// Where outgoing mail goes: off, direct (to the mail servers of the recipients), or host:port of a
    /// smarthost [default: off].
    #[arg(
        id = "mail-out",
        long = "mail-out",
        env = "SUBSPACE_MAIL_OUT",
        value_name = "WHERE"
    )]
    to: Option<String>,
    /// How the connection to the smarthost is protected: starttls, implicit or off [default: starttls,
    /// implicit on port 465].
    #[arg(
        id = "mail-out-tls",
        long = "mail-out-tls",
        env = "SUBSPACE_MAIL_OUT_TLS",
        value_name = "HOW"
    )]
    tls: Option<String>,
    /// User at the smarthost.
    #[arg(
        id = "mail-out-user",
        long = "mail-out-user",
        env = "SUBSPACE_MAIL_OUT_USER",
        value_name = "NAME"
    )]
    user: Option<String>,
    /// File with the password at the smarthost; or SUBSPACE_MAIL_OUT_PASSWORD holds it.
    #[arg(
        id = "mail-out-password-file",
        long = "mail-out-password-file",
        env = "SUBSPACE_MAIL_OUT_PASSWORD_FILE",
        value_name = "FILE"
    )]
    password_file: Option<PathBuf>,
    /// PEM file with a certificate that is trusted for the smarthost, besides those of the system.
    #[arg(
        id = "mail-out-ca",
        long = "mail-out-ca",
        env = "SUBSPACE_MAIL_OUT_CA",
        value_name = "FILE"
    )]
    ca: Option<PathBuf>,
    /// Port of other mail servers for direct [default: 25].
    #[arg(
        id = "mail-out-port",
        long = "mail-out-port",
        env = "SUBSPACE_MAIL_OUT_PORT",
        value_name = "PORT"
    )]
    port: Option<u16>,
    /// Let direct reach mail servers that are not on the public internet: true or false [default: false].
    #[arg(
        id = "mail-out-private",
        long = "mail-out-private",
        env = "SUBSPACE_MAIL_OUT_PRIVATE",
        value_name = "BOOL"
    )]
    private: Option<bool>,
    /// Address that outgoing mail is from [default: subspace@ the mail domain].
    #[arg(
        id = "mail-from",
        long = "mail-from",
        env = "SUBSPACE_MAIL_FROM",
        value_name = "ADDRESS"
    )]
    from: Option<String>,
    /// PEM file with the private key that signs outgoing mail with DKIM; the DNS record for it is logged at the
    /// start [default: not signed].
    #[arg(
        id = "mail-dkim-key",
        long = "mail-dkim-key",
        env = "SUBSPACE_MAIL_DKIM_KEY",
        value_name = "FILE"
    )]
    dkim_key: Option<PathBuf>,
    /// Name of that key in the domain [default: subspace].
    #[arg(
        id = "mail-dkim-selector",
        long = "mail-dkim-selector",
        env = "SUBSPACE_MAIL_DKIM_SELECTOR",
        value_name = "NAME"
    )]
    dkim_selector: Option<String>,
    /// Seconds before a mail is tried for the second time [default: 60].
    #[arg(
        id = "mail-retry",
        long = "mail-retry",
        env = "SUBSPACE_MAIL_RETRY",
        value_name = "SECONDS"
    )]
    retry: Option<u64>,
    /// Seconds between two looks for mail to send [default: 10].
    #[arg(
        id = "mail-poll",
        long = "mail-poll",
        env = "SUBSPACE_MAIL_POLL",
        value_name = "SECONDS"
    )]
    poll: Option<u64>,
}

/// What the keys say.
#[derive(Clone, Debug, Default)]
pub(crate) struct MailOut {
    keys: MailOutKeys,
    password: Option<String>,
}

impl MailOutKeys {
    /// Adds the file's table and reads the password.
    ///
    /// # Errors
    /// One sentence: the password's file cannot be read.
    pub(crate) fn resolve(&self, file: &Self) -> anyhow::Result<MailOut> {
        let (own, file) = (self.clone(), file.clone());
        let keys = Self {
            to: own.to.or(file.to),
            tls: own.tls.or(file.tls),
            user: own.user.or(file.user),
            password_file: own.password_file.or(file.password_file),
            ca: own.ca.or(file.ca),
            port: own.port.or(file.port),
            private: own.private.or(file.private),
            from: own.from.or(file.from),
            dkim_key: own.dkim_key.or(file.dkim_key),
            dkim_selector: own.dkim_selector.or(file.dkim_selector),
            retry: own.retry.or(file.retry),
            poll: own.poll.or(file.poll),
        };
        let password = match &keys.password_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| {
                    format!("mail-out-password-file: cannot read {}", path.display())
                })?;
                Some(text.trim_end().to_owned())
            }
            None => std::env::var("SUBSPACE_MAIL_OUT_PASSWORD").ok(),
        };
        Ok(MailOut { keys, password })
    }
}

impl MailOut {
    /// Whether mail is sent at all.
    pub(crate) fn sends(&self) -> bool {
        self.keys.to.as_deref().is_some_and(|to| to != "off")
    }

    /// Returns how mail leaves, for addresses of a domain.
    ///
    /// # Errors
    /// One sentence: which key is wrong.
    pub(crate) fn config(&self, domain: &str) -> anyhow::Result<Option<OutgoingConfig>> {
        let keys = &self.keys;
        OutgoingConfig::parse(&OutgoingKeys {
            out: keys.to.as_deref(),
            tls: keys.tls.as_deref(),
            user: keys.user.as_deref(),
            password: self.password.as_deref(),
            authority: keys.ca.as_deref(),
            port: keys.port,
            private: keys.private.unwrap_or(false),
            from: keys.from.as_deref(),
            dkim_key: keys.dkim_key.as_deref(),
            dkim_selector: keys.dkim_selector.as_deref(),
            domain,
        })
        .map_err(anyhow::Error::msg)
    }

    /// Pause before a mail is tried for the second time.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.keys.retry.map(|s| Duration::from_secs(s.max(1)))
    }

    /// Pause between two looks for mail to send.
    pub(crate) fn poll(&self) -> Option<Duration> {
        self.keys.poll.map(|s| Duration::from_secs(s.max(1)))
    }
}
