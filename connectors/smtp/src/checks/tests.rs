//! Senders checked against a name server simulated by the test.

use test_dns::{Answer, TXT};

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
    // A public suffix with a policy for all domains below it, as some have.
    (
        "_dmarc.gov.uk",
        "v=DMARC1; p=none; sp=none; rua=mailto:d@gov.uk",
    ),
    ("mail.one.gov.uk", "v=spf1 ip4:192.0.2.1 -all"),
    ("two.gov.uk", "v=spf1 ip4:192.0.2.1 -all"),
];

/// A DNS server with a few TXT records.
fn dns() -> SocketAddr {
    let answer = |name: &str, kind| {
        let Some((_, text)) = RECORDS.iter().find(|(known, _)| *known == name) else {
            return Answer::Unknown;
        };
        match kind {
            TXT => Answer::Record(test_dns::text(text).unwrap()),
            _ => Answer::Nothing,
        }
    };
    test_dns::serve(answer).unwrap()
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
    // Someone else's server authenticates someone else's domain.
    let checked = check("b@football.example.com", "192.0.2.1").await;
    assert_eq!(
        (checked.checks.spf.as_str(), checked.checks.verified),
        ("pass", false)
    );
}

#[tokio::test]
async fn neighbours_below_a_public_suffix_prove_nothing_about_each_other() {
    let checker = checker(dns());
    let peer = "192.0.2.1".parse().unwrap();
    let text = "From: a@one.gov.uk\r\nSubject: x\r\n\r\nx\r\n";
    for (sender, verified) in [("a@mail.one.gov.uk", true), ("a@two.gov.uk", false)] {
        let checked = checker.check(&mail(sender, text), peer).await;
        assert_eq!(checked.checks.spf, "pass", "{sender}");
        assert_eq!(
            checked.checks.verified, verified,
            "{sender} {}",
            checked.results
        );
    }
}

#[tokio::test]
async fn without_dns_mail_is_taken_and_unverified() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
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
fn a_domain_proves_what_the_same_organization_registered() {
    for (one, other) in [
        ("a.example", "A.example."),
        ("mail.a.example", "a.example"),
        ("a.example", "x.y.a.example"),
        ("mail.a.example", "news.a.example"),
        ("a.co.uk", "mail.a.co.uk"),
        ("a.github.io", "x.a.github.io"),
    ] {
        assert!(aligned(one, other), "{one} {other}");
    }
    for (one, other) in [
        ("a.example", "b.example"),
        ("ba.example", "a.example"),
        ("a.example", "example"),
        ("a.co.uk", "co.uk"),
        ("a.co.uk", "b.co.uk"),
        ("a.github.io", "b.github.io"),
        ("github.io", "a.github.io"),
        ("co.uk", "co.uk"),
        ("", ""),
    ] {
        assert!(!aligned(one, other), "{one} {other}");
    }
}

/// Processor time of this thread in ns: not affected by other activity on the machine.
fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Creates a mail with `n` of something.
type Shape<'a> = &'a dyn Fn(&str, usize) -> String;

/// The library provides no counters, so this measures time: linear behaviour stays far below the limit, and quadratic
/// behaviour takes seconds.
#[test]
fn eight_times_the_mail_is_no_square_of_the_work() {
    let signature = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\n";
    let header = |unit: &str, times: usize| format!("{signature}{}\r\nx\r\n", unit.repeat(times));
    let value = |name: &'static str| {
        move |unit: &str, times: usize| format!("{name}: {}\r\n\r\nx\r\n", unit.repeat(times))
    };
    let body = |unit: &str, times: usize| {
        format!("{signature}From: a@a.example\r\n\r\n{}", unit.repeat(times))
    };
    let (from, dkim) = (value("From"), value("DKIM-Signature"));
    let shapes: [(Shape<'_>, usize, &[&str]); 4] = [
        (&header, 100, &["a:\r\n", "From: a@b\r\n", "x: \r\n y\r\n"]),
        (
            &from,
            200,
            &["a@b,", "<", "(", "\"", "=?", "a ", ":;", "\\"],
        ),
        (
            &dkim,
            200,
            &["h=a:", "a=b;", ";", "=", "b=AAAA ", "v=1;", ":"],
        ),
        (
            &body,
            40_000,
            &[" ", "a ", "\r\n", " \r\n", "a\r\n", "\t \r\n"],
        ),
    ];
    for (shape, few, units) in shapes {
        for unit in units {
            let cost = |times: usize| {
                let mail = shape(unit, times);
                let run = |_| {
                    let begun = spent();
                    std::hint::black_box(AuthenticatedMessage::parse(mail.as_bytes()));
                    spent() - begun
                };
                (0..4).map(run).min().unwrap()
            };
            let (one, eight) = (cost(few), cost(8 * few));
            assert!(
                eight <= 24 * one + 30_000_000,
                "{unit:?}: {one} ns and {eight} ns"
            );
        }
    }
}
