//! Mail that leaves with TLS, a password and a signature: Postfix as the smarthost, OpenDKIM as who checks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::mail::{Inbox, wait_for};
use common::postfix::Postfix;
use common::server::free_address;
use common::sink::{Sink, dns};
use common::submission::{SECRET, Submission, USER, certificate, record, signing_key};
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

/// A server that sends quickly, with further flags.
fn sending(flags: &[&str]) -> Inbox {
    let mut all = vec!["--mail-retry", "1", "--mail-poll", "1"];
    all.extend(flags);
    Inbox::start(&all)
}

fn invite(inbox: &Inbox, email: &str) {
    let body = json!({"email": email});
    let (status, made) = inbox
        .space()
        .call("POST /api/invites", &inbox.session, &body);
    assert_eq!(status, 201, "{made}");
}

/// Waits for why a mail could not be sent yet.
fn problem(inbox: &Inbox) -> String {
    wait_for(|| {
        let log = inbox.log();
        let line = log
            .lines()
            .find(|line| line.contains("cannot be sent yet"))?;
        Some(line.to_owned())
    })
}

#[test]
fn a_smarthost_gets_mail_by_starttls_with_user_and_password() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let host = Submission::start(&at, &target, "localhost", "");
    let (server, authority) = (named(&target), text(&host.certificate()));
    let secret = text(&file(temp.path(), "password", &format!("{SECRET}\n")));
    let inbox = sending(&[
        "--mail-out",
        &server,
        "--mail-out-ca",
        &authority,
        "--mail-out-user",
        USER,
        "--mail-out-password-file",
        &secret,
    ]);
    invite(&inbox, "bob@b.example");
    let mail = wait_for(|| sink.mails().pop());
    assert!(mail.whole.contains("with ESMTPSA"), "{}", mail.whole);
    let log = host.log();
    assert!(log.contains("TLS connection established"), "{log}");
    assert!(
        log.contains(&format!("sasl_method=PLAIN, sasl_username={USER}")),
        "{log}"
    );
    assert!(!inbox.log().contains(SECRET));
}

#[test]
fn a_smarthost_with_tls_from_the_first_byte() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let host = Submission::start(
        &at,
        &target,
        "localhost",
        "smtpd_tls_wrappermode = yes\nsmtpd_tls_security_level = encrypt\n",
    );
    let (server, authority) = (named(&target), text(&host.certificate()));
    let secret = text(&file(temp.path(), "password", SECRET));
    let inbox = sending(&[
        "--mail-out",
        &server,
        "--mail-out-tls",
        "implicit",
        "--mail-out-ca",
        &authority,
        "--mail-out-user",
        USER,
        "--mail-out-password-file",
        &secret,
    ]);
    invite(&inbox, "bob@b.example");
    let mail = wait_for(|| sink.mails().pop());
    assert!(mail.whole.contains("with ESMTPSA"), "{}", mail.whole);
}

#[test]
fn who_cannot_prove_to_be_the_smarthost_gets_neither_mail_nor_password() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let sink = Sink::start(&at, &[]);
    let secret = text(&file(temp.path(), "password", SECRET));
    let login = ["--mail-out-user", USER, "--mail-out-password-file", &secret];
    let server = named(&target);
    let with = |more: &[&str]| {
        let mut flags = vec!["--mail-out", server.as_str()];
        flags.extend(login);
        flags.extend(more);
        let inbox = sending(&flags);
        invite(&inbox, "bob@b.example");
        problem(&inbox)
    };
    // A certificate for somebody else's name, trusted or not.
    let host = Submission::start(&at, &target, "other.example", "");
    let said = with(&["--mail-out-ca", &text(&host.certificate())]);
    assert!(said.contains("certificate not valid for name"), "{said}");
    let said = with(&[]);
    assert!(said.contains("UnknownIssuer"), "{said}");
    assert!(!host.log().contains("sasl_username"), "{}", host.log());
    drop(host);
    // No STARTTLS: somebody on the way may have taken it away.
    let host = Postfix::start(&at, &target);
    let said = with(&[]);
    assert!(said.contains("does not offer STARTTLS"), "{said}");
    drop(host);
    // The wrong password waits as well: it is ours to mend.
    let host = Submission::start(&at, &target, "localhost", "");
    let wrong = text(&file(temp.path(), "wrong", "another"));
    let authority = text(&host.certificate());
    let inbox = sending(&[
        "--mail-out",
        &server,
        "--mail-out-ca",
        &authority,
        "--mail-out-user",
        USER,
        "--mail-out-password-file",
        &wrong,
    ]);
    invite(&inbox, "bob@b.example");
    let said = problem(&inbox);
    assert!(said.contains("refused our user and password"), "{said}");
    assert!(sink.mails().is_empty());
    // Once it is mended, the mail that waited leaves.
    std::fs::write(&wrong, SECRET).unwrap();
    let mut inbox = inbox;
    inbox.kill_and_start();
    wait_for(|| sink.mails().pop());
}

#[test]
fn direct_mail_is_protected_where_it_can_be_and_signed() {
    let (at, target, temp) = (free_address(), free_address(), tempfile::tempdir().unwrap());
    let folder = temp.path();
    let sink = Sink::start(&at, &[]);
    // Nobody asks other mail servers for a certificate of their name.
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    certificate(folder, "whatever.example");
    let postfix = Postfix::start_with(
        &at,
        &target,
        &format!(
            "smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\nsmtpd_tls_cert_file = {0}/certificate.pem\n\
             smtpd_tls_key_file = {0}/key.pem\n",
            folder.display()
        ),
    );
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

    // OpenDKIM reads keys from a file in its tests; this one is openssl's writing of the public half.
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
