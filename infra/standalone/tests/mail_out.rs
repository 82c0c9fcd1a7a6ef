//! Outgoing mail: invites, digests of missed messages, and bounces; with Postfix and its smtp-sink.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::irc::Plain;
use common::mail::{Inbox, swaks, wait_for};
use common::postfix::{Postfix, Setup};
use common::server::free_address;
use common::sink::{Sink, dns};
use serde_json::{Value, json};

/// A server that sends to a smarthost without TLS, quickly.
fn sending_to(smarthost: &str) -> Inbox {
    Inbox::start(&[
        "--mail-out",
        smarthost,
        "--mail-out-tls",
        "off",
        "--mail-retry",
        "1",
        "--mail-poll",
        "1",
        // For each mail that cannot be sent, not only one a minute.
        "--log",
        "warn,smtp_connector=debug",
    ])
}

fn invite(inbox: &Inbox, email: &str) -> Value {
    let body = json!({"email": email});
    let (status, made) = inbox
        .space()
        .call("POST /api/invites", &inbox.session, &body);
    assert_eq!(status, 201, "{made}");
    made
}

/// The outcome of the invite for an address, once it is known.
fn outcome(inbox: &Inbox, email: &str) -> (String, String) {
    wait_for(|| {
        let (_, listed) = inbox
            .space()
            .call("GET /api/invites", &inbox.session, &Value::Null);
        let invites = listed["invites"].as_array().unwrap().clone();
        let invite = invites
            .into_iter()
            .find(|invite| invite["email"] == email)?;
        let result = invite["mail"].as_str()?.to_owned();
        Some((
            result,
            invite["mail_problem"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ))
    })
}

fn sent() -> (String, String) {
    ("sent".to_owned(), String::new())
}

#[test]
fn direct_mail_finds_the_server_of_the_domain() {
    let (at, target) = (free_address(), free_address());
    let sink = Sink::start(&at, &[]);
    let _postfix = Postfix::start(&at, &target, Setup::default());
    let port = target.rsplit_once(':').unwrap().1;
    let resolver = dns("b.example");
    let flags = [
        "--mail-out",
        "direct",
        "--mail-out-port",
        port,
        "--mail-poll",
        "1",
        "--mail-retry",
        "1",
    ];
    let with = |more: &[&str]| {
        let mut all = flags.to_vec();
        all.extend(["--mail-dns", &resolver]);
        all.extend(more);
        Inbox::start_at(&free_address(), &all)
    };
    let inbox = with(&["--mail-out-private", "true"]);
    invite(&inbox, "bob@b.example");
    assert_eq!(outcome(&inbox, "bob@b.example"), sent());
    let mail = wait_for(|| sink.mails().pop());
    assert!(
        mail.whole.contains("(Postfix)") && mail.from().starts_with("bounce."),
        "{}",
        mail.whole
    );
    invite(&inbox, "bob@unknown.example");
    let (result, problem) = outcome(&inbox, "bob@unknown.example");
    assert_eq!(result, "undeliverable");
    assert!(
        problem.contains("there is no domain unknown.example"),
        "{problem}"
    );
    // No address leads into the installation's network.
    let inbox = with(&[]);
    invite(&inbox, "eve@b.example");
    let (_, problem) = outcome(&inbox, "eve@b.example");
    assert!(problem.contains("not on the public internet"), "{problem}");
    assert_eq!(sink.mails().len(), 1);
}

#[test]
fn an_address_that_is_refused_is_marked() {
    let at = free_address();
    let sink = Sink::start(&at, &["-f", "RCPT", "-B", "550 5.1.1 no such user"]);
    let inbox = sending_to(&at);
    invite(&inbox, "bob@b.example");
    let (result, problem) = outcome(&inbox, "bob@b.example");
    assert_eq!(result, "undeliverable");
    assert!(problem.contains("no such user"), "{problem}");
    let body = json!({"email": "bob@b.example"});
    let (status, problem) = inbox
        .space()
        .call("PUT /api/notifications", &inbox.session, &body);
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("no such user"));
    assert!(sink.mails().is_empty());
    // A refusal that is not about the address does not mark it.
    drop(sink);
    let _sink = Sink::start(&at, &["-f", "MAIL", "-B", "554 5.7.1 not from you"]);
    invite(&inbox, "carol@b.example");
    let (result, problem) = outcome(&inbox, "carol@b.example");
    assert_eq!(result, "failed");
    assert!(problem.contains("not from you"), "{problem}");
    invite(&inbox, "carol@b.example");
}

#[test]
fn whatever_goes_wrong_it_is_tried_again() {
    let at = free_address();
    let inbox = sending_to(&at);
    // Nothing listening, temporarily refused at every step, broken off at every step, including the end of the mail.
    let mut emails = Vec::new();
    for flags in [
        None,
        Some(["-r", "CONNECT"]),
        Some(["-r", "MAIL"]),
        Some(["-r", "RCPT"]),
        Some(["-r", "DATA"]),
        Some(["-r", "."]),
        Some(["-q", "EHLO"]),
        Some(["-q", "RCPT"]),
        Some(["-q", "DATA"]),
        Some(["-q", "."]),
        Some(["-Q", "RCPT"]),
    ] {
        let sink = flags.map(|flags| Sink::start(&at, &flags));
        let before = delayed(&inbox);
        let email = format!("bob{before}@b.example");
        invite(&inbox, &email);
        wait_for(|| (delayed(&inbox) > before).then_some(()));
        drop(sink);
        emails.push(email);
    }
    let sink = Sink::start(&at, &[]);
    for email in &emails {
        assert_eq!(outcome(&inbox, email), sent());
    }
    assert_eq!(sink.mails().len(), emails.len());
}

/// The number of mails that could not be sent at once.
fn delayed(inbox: &Inbox) -> usize {
    let log = inbox.log();
    let ids = log
        .lines()
        .filter(|line| line.contains("cannot be sent yet"))
        .filter_map(|line| line.split('"').nth(1));
    ids.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_mail_that_comes_back_later_marks_its_address() {
    let (at, smarthost) = (free_address(), free_address());
    // Postfix accepts it, the next server does not, and Postfix sends a bounce.
    let sink = Sink::start(&at, &["-f", "RCPT", "-B", "550 5.1.1 no such user"]);
    let inbox_at = free_address();
    let route = format!(
        "transport_maps = inline:{{ mail.localhost=smtp:[127.0.0.1]:{} }}",
        inbox_at.rsplit_once(':').unwrap().1
    );
    let setup = Setup {
        more: &route,
        ..Setup::default()
    };
    let _postfix = Postfix::start(&at, &smarthost, setup);
    let inbox = Inbox::start_at(
        &inbox_at,
        &[
            "--mail-out",
            &smarthost,
            "--mail-out-tls",
            "off",
            "--mail-poll",
            "1",
            "--mail-dns",
            "127.0.0.1:9",
        ],
    );
    invite(&inbox, "bob@b.example");
    let problem = wait_for(|| {
        let (result, problem) = outcome(&inbox, "bob@b.example");
        (result == "undeliverable").then_some(problem)
    });
    assert!(problem.contains("no such user"), "{problem}");
    assert!(sink.mails().is_empty());
    // A forged return path is not an address.
    let sent = swaks(&inbox.smtp)
        .args(["--to", "bounce.aaaaaaaaaaaaaaaaaaaa@mail.localhost"])
        .output()
        .unwrap();
    assert_eq!(sent.status.code(), Some(24));
}

#[test]
fn what_somebody_missed_comes_by_mail_until_one_click_ends_it() {
    let at = free_address();
    let sink = Sink::start(&at, &[]);
    let inbox = sending_to(&at);
    let space = inbox.space();
    // There is an always-on connection from now on, and no browser once this one is gone.
    drop(space.attach("alice", &inbox.session, None).unwrap());
    let guest = Plain::register(&space.irc, "guest", None, "").unwrap();
    guest.join("#general").unwrap();
    let body = json!({"email": "alice@home.example", "minutes": 0});
    let (status, shown) = space.call("PUT /api/notifications", &inbox.session, &body);
    assert_eq!(
        (status, &shown["confirmed"]),
        (200, &json!(false)),
        "{shown}"
    );
    let mail = wait_for(|| sink.mails().pop());
    let confirm = mail.after("/notifications/confirm/");
    let (status, page) = common::http::request(
        &space.web,
        &format!("POST /notifications/confirm/{confirm}"),
        "",
    )
    .unwrap();
    assert_eq!(status, 200, "{page}");
    let digest = wait_for(|| {
        // Until the gateway notices that the browser is gone.
        guest.say("PRIVMSG #general :alice: Grüße, are you there?");
        std::thread::sleep(std::time::Duration::from_millis(200));
        sink.mails()
            .into_iter()
            .find(|mail| mail.text.contains("are you there"))
    });
    assert!(
        digest.text.contains("guest: alice: Grüße, are you there?"),
        "{}",
        digest.text
    );
    assert!(
        digest
            .whole
            .contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\n")
    );
    let end = digest.after("/notifications/unsubscribe/");
    assert!(
        digest
            .whole
            .replace("\n ", "")
            .contains(&format!("/notifications/unsubscribe/{end}>")),
        "{}",
        digest.whole
    );
    let head = format!(
        "POST /notifications/unsubscribe/{end}\ncontent-type: application/x-www-form-urlencoded"
    );
    let (status, page) =
        common::http::request(&space.web, &head, "List-Unsubscribe=One-Click").unwrap();
    assert_eq!(status, 200, "{page}");
    let (_, shown) = space.call("GET /api/notifications", &inbox.session, &Value::Null);
    assert_eq!(shown["enabled"], false);
}
