//! Outgoing mail with TLS, a password and a signature: Postfix as the smarthost, OpenDKIM as the verifier.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::dkim::{record, signing_key};
use common::mail::{Inbox, wait_for};
use common::postfix::{Postfix, SECRET, Setup, USER};
use common::server::free_address;
use common::sink::{Sink, dns};
use serde_json::json;

/// `localhost` and the port of an address: certificates are for names.
fn named(address: &str) -> String {
    format!("localhost:{}", address.rsplit_once(':').unwrap().1)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// A server that sends to a smarthost quickly, as its user with the password in a file, with further flags.
fn sending(server: &str, secret: &str, more: &[&str]) -> Inbox {
    let mut all = vec![
        "--mail-retry",
        "1",
        "--mail-poll",
        "1",
        "--mail-out",
        server,
    ];
    all.extend(["--mail-out-user", USER, "--mail-out-password-file", secret]);
    all.extend(more);
    Inbox::start(&all)
}

fn invite(inbox: &Inbox, email: &str) {
    let body = json!({"email": email});
    let (status, made) = inbox
        .space()
        .call("POST /api/invites", &inbox.session, &body);
    assert_eq!(status, 201, "{made}");
}

/// The server's reports about mails that could not be sent yet.
fn problems(inbox: &Inbox) -> Vec<String> {
    let log = inbox.log();
    let lines = log.lines();
    let lines = lines.filter(|line| line.contains("cannot be sent yet"));
    lines.map(str::to_owned).collect()
}

/// Waits for the reason why a mail could not be sent yet.
fn problem(inbox: &Inbox) -> String {
    wait_for(|| problems(inbox).pop())
}

#[test]
fn a_smarthost_gets_mail_by_starttls_with_user_and_password() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let host = Postfix::start(&at, &target, Setup::SMARTHOST);
    let authority = text(&host.certificate());
    let secret = text(&file(temp.path(), "password", &format!("{SECRET}\n")));
    let inbox = sending(&named(&target), &secret, &["--mail-out-ca", &authority]);
    invite(&inbox, "bob@b.example");
    let mail = wait_for(|| sink.mails().pop());
    assert!(mail.whole.contains("with ESMTPSA"), "{}", mail.whole);
    let log = host.log();
    assert!(log.contains("TLS connection established"), "{log}");
    assert!(log.contains(&signed_in("PLAIN")), "{log}");
    assert!(!inbox.log().contains(SECRET));
}

/// What Postfix logs about a mail from its user.
fn signed_in(mechanism: &str) -> String {
    format!("sasl_method={mechanism}, sasl_username={USER}")
}

#[test]
fn a_smarthost_that_offers_only_login() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let setup = Setup {
        mechanisms: Some("LOGIN"),
        ..Setup::SMARTHOST
    };
    let host = Postfix::start(&at, &target, setup);
    let (server, authority) = (named(&target), text(&host.certificate()));
    let secret = text(&file(temp.path(), "password", "another"));
    let mut inbox = sending(&server, &secret, &["--mail-out-ca", &authority]);
    invite(&inbox, "bob@b.example");
    // The wrong password is retried, and the operator is told once, in one sentence.
    wait_for(|| {
        let log = host.log();
        let refused = log.matches("SASL LOGIN authentication failed").count();
        (refused >= 3).then_some(())
    });
    let said = problems(&inbox);
    let [said] = &said[..] else {
        panic!("{said:?}");
    };
    assert!(
        said.contains("localhost refused our user and password") && said.contains("535"),
        "{said}"
    );
    assert!(!said.contains("another") && !inbox.log().contains("YW5vdGhlcg"));
    assert!(sink.mails().is_empty());
    std::fs::write(&secret, SECRET).unwrap();
    inbox.kill_and_start();
    wait_for(|| sink.mails().pop());
    let log = host.log();
    assert!(log.contains(&signed_in("LOGIN")), "{log}");
    assert!(!log.contains("SASL PLAIN"), "{log}");
}

#[test]
fn a_smarthost_with_tls_from_the_first_byte() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let setup = Setup {
        more: "smtpd_tls_wrappermode = yes\nsmtpd_tls_security_level = encrypt\n",
        ..Setup::SMARTHOST
    };
    let host = Postfix::start(&at, &target, setup);
    let (server, authority) = (named(&target), text(&host.certificate()));
    let secret = text(&file(temp.path(), "password", SECRET));
    let implicit = ["--mail-out-tls", "implicit", "--mail-out-ca", &authority];
    let inbox = sending(&server, &secret, &implicit);
    invite(&inbox, "bob@b.example");
    let mail = wait_for(|| sink.mails().pop());
    assert!(mail.whole.contains("with ESMTPSA"), "{}", mail.whole);
}

#[test]
fn who_cannot_prove_to_be_the_smarthost_gets_neither_mail_nor_password() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let secret = text(&file(temp.path(), "password", SECRET));
    let server = named(&target);
    let with = |more: &[&str]| {
        let inbox = sending(&server, &secret, more);
        invite(&inbox, "bob@b.example");
        problem(&inbox)
    };
    // A certificate for another name, trusted or not.
    let other = Setup {
        name: Some("other.example"),
        ..Setup::SMARTHOST
    };
    let host = Postfix::start(&at, &target, other);
    let said = with(&["--mail-out-ca", &text(&host.certificate())]);
    assert!(said.contains("certificate not valid for name"), "{said}");
    let said = with(&[]);
    assert!(said.contains("UnknownIssuer"), "{said}");
    assert!(!host.log().contains("sasl_username"), "{}", host.log());
    drop(host);
    // No STARTTLS: a man in the middle may have removed it.
    let host = Postfix::start(&at, &target, Setup::default());
    let said = with(&[]);
    assert!(said.contains("does not offer STARTTLS"), "{said}");
    drop(host);
    // Passwords through an authentication mechanism that we do not support.
    let unknown = Setup {
        mechanisms: Some("SCRAM-SHA-256"),
        ..Setup::SMARTHOST
    };
    let host = Postfix::start(&at, &target, unknown);
    let said = with(&["--mail-out-ca", &text(&host.certificate())]);
    assert!(
        said.contains("localhost accepts passwords with neither PLAIN nor LOGIN"),
        "{said}"
    );
    drop(host);
    // A wrong password waits as well: it is ours to correct.
    let host = Postfix::start(&at, &target, Setup::SMARTHOST);
    let wrong = text(&file(temp.path(), "wrong", "another"));
    let authority = text(&host.certificate());
    let mut inbox = sending(&server, &wrong, &["--mail-out-ca", &authority]);
    invite(&inbox, "bob@b.example");
    let said = problem(&inbox);
    assert!(said.contains("refused our user and password"), "{said}");
    assert!(sink.mails().is_empty());
    // Once it is corrected, the waiting mail is sent.
    std::fs::write(&wrong, SECRET).unwrap();
    inbox.kill_and_start();
    wait_for(|| sink.mails().pop());
}

#[test]
fn direct_mail_is_protected_where_it_can_be_and_signed() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let folder = temp.path();
    let sink = Sink::start(&at, &[]);
    // Other mail servers need no certificate for their name.
    let setup = Setup {
        name: Some("whatever.example"),
        ..Setup::default()
    };
    let postfix = Postfix::start(&at, &target, setup);
    let key = text(&signing_key(folder));
    let resolver = dns("b.example");
    let port = target.rsplit_once(':').unwrap().1;
    let inbox = Inbox::start_at(
        &free_address(),
        &[
            "--mail-out",
            "direct",
            "--mail-out-port",
            port,
            "--mail-out-private",
            "true",
            "--mail-poll",
            "1",
            "--mail-dns",
            &resolver,
            "--mail-domain",
            "chat.example.org",
            "--mail-dkim-key",
            &key,
            "--mail-dkim-selector",
            "s2026",
        ],
    );
    invite(&inbox, "bob@b.example");
    let mail = wait_for(|| sink.mails().pop());
    assert!(mail.whole.contains("with ESMTPS "), "{}", mail.whole);
    assert!(postfix.log().contains("TLS connection established"));

    // In its tests OpenDKIM reads keys from a file; this one is openssl's form of the public half.
    let record = record(Path::new(&key));
    let keys = file(
        folder,
        "keys",
        &format!("s2026._domainkey.chat.example.org {record}\n"),
    );
    let config = file(
        folder,
        "opendkim.conf",
        &format!("TestPublicKeys {}\n", keys.display()),
    );
    let check = |name: &str, mail: &str| {
        let path = file(folder, name, mail);
        let checked = Command::new("/usr/sbin/opendkim")
            .arg("-x")
            .arg(&config)
            .arg("-t")
            .arg(&path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned()
    };
    let whole = mail.mail();
    assert!(whole.starts_with("Received:"), "{whole}");
    let said = check("mail", &whole);
    assert!(
        said.contains("verification (s=s2026, d=chat.example.org, 2048-bit key) succeeded"),
        "{said}"
    );
    let said = check("forged", &whole.replace("bob@", "eve@"));
    assert!(!said.contains("succeeded"), "{said}");
}
