//! SPF, DKIM and DMARC (RFC 7208, 6376, 7489).
//!
//! A mail that fails is refused if its author's domain publishes `p=reject`. Every other mail is accepted, and shown
//! as unverified unless the domain of the author's address is authenticated: by DMARC or, if the domain has no DMARC
//! policy, by a DKIM signature or an SPF pass of the same domain. If DNS cannot be reached, a mail is accepted as
//! unverified: DNS must not decide whether mail arrives.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts,
};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimResult, DmarcResult, MessageAuthenticator, SpfResult};
use protocol::MailChecks;

use crate::session::Mail;
use crate::trace;

/// Maximum number of signatures; a mail with more of them is refused.
const MAX_SIGNATURES: usize = 10;
/// How long a DNS query may take.
const DNS_TIMEOUT: Duration = Duration::from_secs(3);

/// The result of the checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Checked {
    pub(crate) checks: MailChecks,
    /// The value for `Authentication-Results`.
    pub(crate) results: String,
    /// Why the mail is refused.
    pub(crate) refused: Option<String>,
}

/// Checks senders by DNS.
#[derive(Clone)]
pub(crate) struct Checker {
    authenticator: MessageAuthenticator,
    hostname: String,
    limit: Duration,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker")
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

/// Creates the resolver: a DNS server, or those of the system.
pub(crate) fn resolver(dns: Option<SocketAddr>) -> Result<MessageAuthenticator, String> {
    let made = match dns {
        None => MessageAuthenticator::new_system_conf(),
        Some(address) => {
            let connection = |mut config: ConnectionConfig| {
                config.port = address.port();
                config
            };
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            server.connections = vec![
                connection(ConnectionConfig::udp()),
                connection(ConnectionConfig::tcp()),
            ];
            let mut options = ResolverOpts::default();
            options.timeout = DNS_TIMEOUT;
            options.attempts = 2;
            MessageAuthenticator::new(
                ResolverConfig::from_parts(None, vec![], vec![server]),
                options,
            )
        }
    };
    made.map_err(|error| format!("dns: the resolver cannot be set up: {error}"))
}

impl Checker {
    pub(crate) const fn new(
        authenticator: MessageAuthenticator,
        hostname: String,
        limit: Duration,
    ) -> Self {
        Self {
            authenticator,
            hostname,
            limit,
        }
    }

    /// Checks a mail within a time limit.
    pub(crate) async fn check(&self, mail: &Mail, peer: IpAddr) -> Checked {
        match tokio::time::timeout(self.limit, self.ask(mail, peer)).await {
            Ok(checked) => checked,
            Err(_) => Checked::new("temperror", "temperror", "temperror", false, None),
        }
    }

    async fn ask(&self, mail: &Mail, peer: IpAddr) -> Checked {
        let sender = mail.from.as_str();
        let domain = sender
            .rsplit_once('@')
            .map_or(mail.helo.as_str(), |(_, domain)| domain);
        let spf = if sender.is_empty() {
            SpfParameters::verify_ehlo(peer, &mail.helo, &self.hostname)
        } else {
            SpfParameters::verify_mail_from(peer, &mail.helo, &self.hostname, sender)
        };
        let spf = self.authenticator.verify_spf(spf).await;
        let spf_word = spf_word(spf.result());
        // A sender with more signatures than can be checked could evade a reject policy.
        if trace::count(&mail.bytes, "dkim-signature") > MAX_SIGNATURES {
            let reason = format!("the mail has more than {MAX_SIGNATURES} DKIM signatures");
            return Checked::new(spf_word, "policy", "none", false, Some(reason));
        }
        let Some(message) = AuthenticatedMessage::parse(&mail.bytes) else {
            return Checked::new(spf_word, "none", "none", false, None);
        };
        let dkim = self.authenticator.verify_dkim(&message).await;
        let dmarc = self
            .authenticator
            .verify_dmarc(DmarcParameters::new(&message, &dkim, domain, &spf))
            .await;
        let writer = match message.from.as_slice() {
            [one] => one.rsplit_once('@').map_or("", |(_, domain)| domain),
            // None or several: no domain can be authenticated.
            _ => "",
        };
        let signed = dkim.iter().any(|output| {
            *output.result() == DkimResult::Pass
                && output
                    .signature()
                    .is_some_and(|signature| aligned(writer, &signature.d))
        });
        let sent = spf.result() == SpfResult::Pass && aligned(writer, domain);
        let result = dmarc.result();
        let verified = match result {
            // Organizational domains according to DNS (RFC 9989) are not accepted where the public suffix list says
            // that there are two.
            DmarcResult::Pass | DmarcResult::None => signed || sent,
            _ => false,
        };
        let failed = matches!(result, DmarcResult::Fail(_) | DmarcResult::PermError(_));
        let refused = (failed && dmarc.policy() == Policy::Reject).then(|| {
            format!(
                "the mail is not from {}, and that domain asks to refuse such mail (DMARC)",
                dmarc.domain()
            )
        });
        let dkim_word = dkim
            .iter()
            .map(|output| dkim_word(output.result()))
            .min_by_key(|word| usize::from(*word != "pass"))
            .unwrap_or("none");
        Checked::new(spf_word, dkim_word, dmarc_word(&result), verified, refused)
    }
}

impl Checked {
    fn new(spf: &str, dkim: &str, dmarc: &str, verified: bool, refused: Option<String>) -> Self {
        Self {
            results: format!("spf={spf}; dkim={dkim}; dmarc={dmarc}"),
            checks: MailChecks {
                verified,
                spf: spf.to_owned(),
                dkim: dkim.to_owned(),
                dmarc: dmarc.to_owned(),
            },
            refused,
        }
    }

    /// Nothing was checked.
    pub(crate) fn skipped() -> Self {
        Self::new("none", "none", "none", false, None)
    }
}

/// Returns whether two domains belong to one organization (RFC 7489 section 3.2): the part registered below a public
/// suffix, according to the public suffix list.
fn aligned(one: &str, other: &str) -> bool {
    let organization = |domain: &str| {
        let domain = domain.trim_end_matches('.').to_ascii_lowercase();
        psl::domain_str(&domain).map(str::to_owned)
    };
    organization(one).is_some_and(|one| organization(other) == Some(one))
}

const fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

const fn dkim_word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

const fn dmarc_word(result: &DmarcResult) -> &'static str {
    match result {
        DmarcResult::Pass => "pass",
        DmarcResult::Fail(_) => "fail",
        DmarcResult::TempError(_) => "temperror",
        DmarcResult::PermError(_) => "permerror",
        DmarcResult::None => "none",
    }
}

#[cfg(test)]
mod tests;
