//! SPF, DKIM and DMARC (RFC 7208, 6376, 7489).
//!
//! A mail whose writer's domain says `p=reject` and that fails is refused. Everything else is taken, and shown
//! as unverified unless the domain of the writer's address is proved: by DMARC, or, where the domain has no
//! DMARC policy, by a DKIM signature or an SPF pass of the same domain. When DNS cannot be asked, a mail is
//! taken and unverified: names must not decide whether mail arrives.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts,
};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimResult, DmarcResult, MessageAuthenticator, SpfResult};
use model::MailChecks;

use crate::session::Mail;
use crate::trace;

/// Most signatures that are looked at; a mail with more of them is refused.
const MAX_SIGNATURES: usize = 10;
/// How long one question to a DNS server may take.
const DNS_TIMEOUT: Duration = Duration::from_secs(3);

/// What the checks said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Checked {
    pub(crate) checks: MailChecks,
    /// What stands in `Authentication-Results`.
    pub(crate) results: String,
    /// Why the mail is refused.
    pub(crate) refused: Option<String>,
}

/// Asks DNS about senders.
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

/// Makes the resolver: one DNS server, or those of the system.
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

    /// Checks a mail, within a bounded time.
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
        // Who hides behind more than can be checked, or is two people, would evade a policy of refusal.
        if trace::count(&mail.bytes, "dkim-signature") > MAX_SIGNATURES {
            let reason = format!("the mail has more than {MAX_SIGNATURES} DKIM signatures");
            return Checked::new(spf_word, "policy", "none", false, Some(reason));
        }
        if trace::count(&mail.bytes, "from") > 1 {
            let reason = "the mail has several From fields (RFC 5322 section 3.6)".to_owned();
            return Checked::new(spf_word, "none", "none", false, Some(reason));
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
            // None or several: nobody can be proved.
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
            DmarcResult::Pass => !writer.is_empty(),
            DmarcResult::None => signed || sent,
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

/// Whether one domain is the other or lies below it (RFC 7489 section 3.1, without a list of suffixes).
fn aligned(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let below = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    one.contains('.') && other.contains('.') && (below(&one, &other) || below(&other, &one))
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
mod tests {
    use std::net::UdpSocket;

    use super::*;

    /// The example of RFC 8463, appendix A.3, with its Ed25519 signature.
    const SIGNED: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
        d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
        subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
        b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
        Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
        From: Joe SixPack <joe@football.example.com>\r\n\
        To: Suzie Q <suzie@shopping.example.net>\r\n\
        Subject: Is dinner ready?\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
        Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

    const RECORDS: &[(&str, &str)] = &[
        (
            "brisbane._domainkey.football.example.com",
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        ),
        ("_dmarc.football.example.com", "v=DMARC1; p=reject"),
        ("football.example.com", "v=spf1 ip4:192.0.2.1 -all"),
        ("plain.example.net", "v=spf1 ip4:192.0.2.1 -all"),
    ];

    /// A DNS server that knows some TXT records (RFC 1035 section 4) until the process ends.
    fn dns() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = answer(&buffer[..length]) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        address
    }

    fn answer(query: &[u8]) -> Option<Vec<u8>> {
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*query.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
            at += length;
        }
        let question = query.get(12..at + 4)?;
        let is_text = query.get(at..at + 2)? == [0, 16];
        let name = labels.join(".");
        let known = RECORDS.iter().find(|(known, _)| *known == name);
        let text = known.filter(|_| is_text).map(|(_, text)| text.as_bytes());
        let code = if known.is_some() { 0x80 } else { 0x83 };
        let mut out = query.get(..2)?.to_vec();
        out.extend([0x81, code, 0, 1, 0, u8::from(text.is_some()), 0, 0, 0, 0]);
        out.extend(question);
        if let Some(text) = text {
            let length = u8::try_from(text.len()).ok()?;
            out.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length]);
            out.extend(text);
        }
        Some(out)
    }

    fn checker(dns: SocketAddr) -> Checker {
        let limit = Duration::from_secs(20);
        Checker::new(
            resolver(Some(dns)).unwrap(),
            "mx.example.org".to_owned(),
            limit,
        )
    }

    fn mail(from: &str, text: &str) -> Mail {
        Mail {
            helo: "client.example".to_owned(),
            protocol: "ESMTP",
            from: from.to_owned(),
            to: vec![],
            bytes: text.as_bytes().to_vec(),
        }
    }

    #[tokio::test]
    async fn a_signature_proves_a_domain_and_a_forged_mail_is_refused() {
        let checker = checker(dns());
        let elsewhere = "203.0.113.5".parse().unwrap();
        let checked = checker
            .check(&mail("joe@football.example.com", SIGNED), elsewhere)
            .await;
        assert_eq!(checked.results, "spf=fail; dkim=pass; dmarc=pass");
        assert!(checked.checks.verified && checked.refused.is_none());

        let forged = SIGNED.replace("hungry", "thirsty");
        let checked = checker
            .check(&mail("joe@football.example.com", &forged), elsewhere)
            .await;
        assert!(
            checked.results.starts_with("spf=fail; dkim="),
            "{}",
            checked.results
        );
        assert!(!checked.checks.verified);
        assert!(checked.refused.unwrap().contains("football.example.com"));

        let many = format!("{}{SIGNED}", "DKIM-Signature: v=1\r\n".repeat(10));
        let checked = checker
            .check(&mail("joe@football.example.com", &many), elsewhere)
            .await;
        assert!(checked.refused.unwrap().contains("DKIM signatures"));
        let two = format!("From: a@plain.example.net\r\n{SIGNED}");
        let checked = checker
            .check(&mail("joe@football.example.com", &two), elsewhere)
            .await;
        assert!(checked.refused.unwrap().contains("several From"));
    }

    #[tokio::test]
    async fn without_a_policy_the_right_server_proves_its_domain() {
        let checker = checker(dns());
        let text = "From: a@plain.example.net\r\nSubject: x\r\n\r\nx\r\n";
        let check = async |from: &str, peer: &str| {
            checker
                .check(&mail(from, text), peer.parse().unwrap())
                .await
        };
        let checked = check("a@plain.example.net", "192.0.2.1").await;
        assert_eq!(
            (checked.checks.spf.as_str(), checked.checks.verified),
            ("pass", true)
        );
        let checked = check("a@plain.example.net", "203.0.113.5").await;
        assert_eq!(
            (checked.checks.spf.as_str(), checked.checks.verified),
            ("fail", false)
        );
        assert_eq!(checked.refused, None);
        // Somebody else's server proves somebody else's domain.
        let checked = check("b@football.example.com", "192.0.2.1").await;
        assert_eq!(
            (checked.checks.spf.as_str(), checked.checks.verified),
            ("pass", false)
        );
    }

    #[tokio::test]
    async fn without_dns_mail_is_taken_and_unverified() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut checker = checker(socket.local_addr().unwrap());
        checker.limit = Duration::from_millis(200);
        let checked = checker
            .check(
                &mail("joe@football.example.com", SIGNED),
                "192.0.2.1".parse().unwrap(),
            )
            .await;
        assert_eq!(
            checked.results,
            "spf=temperror; dkim=temperror; dmarc=temperror"
        );
        assert!(!checked.checks.verified && checked.refused.is_none());
    }

    #[test]
    fn a_domain_proves_itself_and_what_lies_below() {
        for (one, other) in [
            ("a.example", "A.example"),
            ("mail.a.example", "a.example"),
            ("a.example", "x.y.a.example"),
        ] {
            assert!(aligned(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("a.example", "b.example"),
            ("ba.example", "a.example"),
            ("a.example", "example"),
            ("", ""),
        ] {
            assert!(!aligned(one, other), "{one} {other}");
        }
    }
}
