//! Mail for a channel, sent by real senders: swaks and Postfix.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::process::Output;

use common::certificate;
use common::irc::Plain;
use common::mail::{Client, Inbox, swaks, wait_for};
use common::postfix::{Postfix, Setup};
use common::server::free_address;

#[test]
fn swaks_brings_mail_that_is_stored_in_full() {
    let inbox = Inbox::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "attached").unwrap();
    let sent = swaks(&inbox.smtp)
        .args(["--to", &inbox.address, "--from", "bob@a.example"])
        .args([
            "--header",
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
            "--body",
            "first\nsecond",
        ])
        .arg("--attach")
        .arg(format!("@{}", file.display()))
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", text(&sent));
    assert!(text(&sent).contains("250 2.0.0 queued as "));
    let mail = wait_for(|| inbox.mails().pop());
    assert_eq!(mail.summary["subject"], "Grüße");
    assert_eq!(mail.summary["from"], "bob@a.example");
    assert_eq!(mail.summary["text"], "first\nsecond");
    assert_eq!(mail.summary["checks"]["verified"], false);
    let attached = mail.summary["attachments"][0]["document"].as_str().unwrap();
    assert!(
        attached.starts_with("1-") && attached.ends_with("notes.txt"),
        "{attached}"
    );
    assert_eq!(
        inbox.read(&format!("{}{attached}", mail.folder)),
        "attached"
    );
    let whole = inbox.read(&format!("{}message.eml", mail.folder));
    assert!(
        whole.starts_with("Return-Path: <bob@a.example>\r\nReceived: from "),
        "{whole}"
    );
    assert!(whole.contains("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"));
}

#[test]
fn a_stranger_fills_no_log_with_mails() {
    let inbox = Inbox::start(&["--log", "info"]);
    for count in 1..=4 {
        let sent = swaks(&inbox.smtp)
            .args(["--to", &inbox.address, "--from", "bob@a.example"])
            .output()
            .unwrap();
        assert!(sent.status.success(), "{}", text(&sent));
        wait_for(|| (inbox.mails().len() == count).then_some(()));
    }
    wait_for(|| inbox.log().contains("mail handed over").then_some(()));
    assert_eq!(inbox.log().matches("mail handed over").count(), 1);
}

#[test]
fn the_channel_reads_it_in_any_irc_client() {
    let inbox = Inbox::start(&[]);
    let guest = Plain::register(&inbox.space().irc, "guest", None, "").unwrap();
    guest.join("#general").unwrap();
    let sent = swaks(&inbox.smtp)
        .args(["--to", &inbox.address, "--from", "bob@a.example"])
        .args(["--header", "Subject: Hello", "--body", "first\n!second"])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", text(&sent));
    guest.expect("Mail from bob@a.example (unverified): Hello");
    guest.expect("> !second");
    let link = guest.expect("Full mail: http");
    let mail = wait_for(|| inbox.mails().pop());
    let folder = mail.folder.trim_end_matches('/');
    assert!(link.ends_with(&format!("/#/{folder}")), "{link} {folder}");
}

#[test]
fn swaks_meets_every_refusal() {
    let inbox = Inbox::start(&[]);
    let says = |arguments: &[&str], code: i32, answer: &str| {
        let sent = swaks(&inbox.smtp).args(arguments).output().unwrap();
        let said = text(&sent);
        assert_eq!(sent.status.code(), Some(code), "{said}");
        assert!(said.contains(answer), "{answer}: {said}");
    };
    let here = inbox.address.as_str();
    // The exit codes of swaks are in its manual: 24 is RCPT, 23 is MAIL, 26 is the mail.
    says(&["--to", "bob@elsewhere.example"], 24, "550 5.7.1");
    says(
        &["--to", "postmaster@mail.localhost", "--quit-after", "RCPT"],
        0,
        "250 2.1.5",
    );
    says(
        &["--to", "Postmaster", "--quit-after", "RCPT"],
        0,
        "250 2.1.5",
    );
    says(
        &["--to", "general.aaaaaaaaaaaaaaaaaaaa@mail.localhost"],
        24,
        "550 5.1.1",
    );
    says(&["--to", here, "--quit-after", "RCPT"], 0, "250 2.1.5");
    says(
        &["--to", &here.to_uppercase(), "--pipeline"],
        0,
        "250 2.0.0 queued",
    );
    says(&["--to", here, "--protocol", "SMTP"], 0, "250 2.0.0 queued");
    says(&["--to", here, "--tls"], 29, "STARTTLS");
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(
        &large,
        format!("{}\n", "0123456789".repeat(7)).repeat(1024 * 400),
    )
    .unwrap();
    let body = format!("@{}", large.display());
    let quiet = "--suppress-data";
    says(&["--to", here, quiet, "--body", &body], 26, "552 5.3.4");
    assert_eq!(
        wait_for(|| Some(inbox.mails()).filter(|mails| mails.len() == 2)).len(),
        2
    );
}

#[test]
fn hostile_mails_are_refused_and_others_arrive() {
    let inbox = Inbox::start(&[]);
    let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    for (mail, answer) in [
        (
            "Content-Type: message/rfc822\r\n\r\n".repeat(40_000),
            "554 5.6.0",
        ),
        (
            format!(
                "Content-Type: text/plain{}\r\n\r\n",
                ";a*1*=b".repeat(3 << 20)
            ),
            "552 5.3.4",
        ),
        ("a:\r\n".repeat(6_000_000), "554 5.6.0"),
        (
            format!("{head}{}", "--b\r\n".repeat(3_600_000)),
            "554 5.6.0",
        ),
        (
            "From: a@b.example\r\nFrom: c@d.example\r\n\r\n".to_owned(),
            "554 5.6.0",
        ),
        ("Subject: a\r\nSubject: b\r\n\r\n".to_owned(), "554 5.6.0"),
    ] {
        let shown: String = mail.chars().take(40).collect();
        let said = Client::bring(&inbox.smtp, "postmaster", mail.as_bytes()).unwrap();
        assert!(said.starts_with(answer), "{shown}: {said}");
    }
    let long = format!("Subject: long\r\n\r\n{}\r\n", "x".repeat(1 << 20));
    let said = Client::bring(&inbox.smtp, &inbox.address, long.as_bytes()).unwrap();
    assert!(said.starts_with("250 2.0.0 queued"), "{said}");
    let mail = wait_for(|| inbox.mails().pop());
    assert_eq!(mail.summary["subject"], "long");
}

#[test]
fn what_cannot_be_taken_apart_is_put_aside_and_others_arrive() {
    let mut inbox = Inbox::start(&[]);
    let incoming = inbox.space().data().join("smtp/incoming");
    let envelope = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"received\":\"2026-01-15T10:00:00Z\",\"from\":\"\",\"to\":[\"{}\"],\"checks\":\
             {{\"verified\":false,\"spf\":\"none\",\"dkim\":\"none\",\"dmarc\":\"none\"}}}}\n",
            inbox.address
        )
    };
    // As kept by a server without limits.
    let hostile = "Content-Type: message/rfc822\r\n\r\n".repeat(40_000);
    let (old, twice, once) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
    let write = |path: String, id: &str, mail: &str| {
        std::fs::write(incoming.join(path), format!("{}{mail}", envelope(id))).unwrap();
    };
    write(format!("queue/{old}.mail"), &old, &hostile);
    // As left by processes that ended while working on it.
    write(
        format!("trying/{twice}.2.mail"),
        &twice,
        "Subject: twice\r\n\r\nx\r\n",
    );
    write(
        format!("trying/{once}.1.mail"),
        &once,
        "Subject: once\r\n\r\nx\r\n",
    );
    inbox.kill_and_start();
    let mail = wait_for(|| inbox.mails().pop());
    assert_eq!(mail.summary["subject"], "once");
    let said = Client::bring(&inbox.smtp, &inbox.address, b"Subject: next\r\n\r\nx\r\n").unwrap();
    assert!(said.starts_with("250"), "{said}");
    wait_for(|| Some(inbox.mails()).filter(|mails| mails.len() == 2));
    for id in [&old, &twice] {
        let place = incoming.join(format!("broken/{id}.mail"));
        wait_for(|| place.exists().then_some(()));
        assert!(inbox.log().contains(id), "{}", inbox.log());
    }
    let left = |below: &str| std::fs::read_dir(incoming.join(below)).unwrap().count();
    wait_for(|| (left("queue") + left("trying") == 0).then_some(()));
}

#[test]
fn chunks_may_end_their_lines_as_they_like() {
    let inbox = Inbox::start(&[]);
    let said = Client::bring_in_chunks(
        &inbox.smtp,
        &inbox.address,
        &[b"Subject: chunks\n", b"\none\nQUIT\n"],
    );
    assert!(
        said.as_ref()
            .is_some_and(|said| said.starts_with("250 2.0.0 queued")),
        "{said:?}"
    );
    let mail = wait_for(|| inbox.mails().pop());
    assert_eq!(
        (&mail.summary["subject"], &mail.summary["text"]),
        (&"chunks".into(), &"one\nQUIT".into())
    );
    let whole = inbox.read(&format!("{}message.eml", mail.folder));
    assert!(
        whole.ends_with("Subject: chunks\r\n\r\none\r\nQUIT\r\n"),
        "{whole}"
    );
}

#[test]
fn swaks_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = certificate(folder.path(), "mail.localhost");
    let inbox = Inbox::start(&["--mail-certificate", &certificate, "--mail-key", &key]);
    let sent = swaks(&inbox.smtp)
        .args([
            "--to",
            &inbox.address,
            "--tls",
            "--header",
            "Subject: secret",
        ])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", text(&sent));
    let mail = wait_for(|| inbox.mails().pop());
    let whole = inbox.read(&format!("{}message.eml", mail.folder));
    assert!(whole.contains(" with ESMTPS id "), "{whole}");
}

#[test]
fn postfix_relays_to_a_channel() {
    let inbox = Inbox::start(&[]);
    let postfix = Postfix::start(&inbox.smtp, &free_address(), Setup::default());
    let sent = swaks(&postfix.address)
        .args(["--to", &inbox.address, "--from", "bob@a.example"])
        .args([
            "--header",
            "Subject: over postfix",
            "--body",
            "Grüße\n.dot\n",
        ])
        .output()
        .unwrap();
    assert!(sent.status.success(), "{}", text(&sent));
    let mail = wait_for(|| inbox.mails().pop());
    assert_eq!(mail.summary["subject"], "over postfix");
    assert_eq!(mail.summary["text"], "Grüße\n.dot");
    let whole = inbox.read(&format!("{}message.eml", mail.folder));
    assert!(whole.contains("(Postfix)"), "{whole}");
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
