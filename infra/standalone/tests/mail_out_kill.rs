//! Every promised mail is sent, however the server ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use common::mail::{Inbox, wait_for};
use common::server::free_address;
use common::sink::Sink;
use serde_json::json;

/// Mails that one account may send in a day.
const MAILS: usize = 18;
const ROUNDS: usize = 6;

#[test]
fn what_was_promised_is_sent_though_the_server_is_killed() {
    let at = free_address();
    let sink = Sink::start(&at, &["-w", "1"]);
    let mut inbox = Inbox::start(&[
        "--mail-out",
        &at,
        "--mail-out-tls",
        "off",
        "--mail-retry",
        "1",
        "--mail-poll",
        "1",
    ]);
    let mut promised = Vec::new();
    for round in 0..ROUNDS {
        for number in 0..MAILS / ROUNDS {
            let email = format!("bob{round}x{number}@b.example");
            let body = json!({"email": email});
            let (status, made) = inbox
                .space()
                .call("POST /api/invites", &inbox.session, &body);
            assert_eq!(status, 201, "{made}");
            promised.push(email);
        }
        // In the middle of accepting them, of a dialogue, of recording the outcome.
        thread::sleep(Duration::from_millis(
            [0, 400, 900, 1_400, 2_100, 3_300][round],
        ));
        inbox.kill_and_start();
    }
    let arrived = wait_for(|| {
        let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
        for mail in sink.mails() {
            let to = mail
                .whole
                .lines()
                .find_map(|line| line.strip_prefix("To: "))
                .unwrap()
                .to_owned();
            *arrived.entry(to).or_default() += 1;
        }
        promised
            .iter()
            .all(|email| arrived.contains_key(email))
            .then_some(arrived)
    });
    // SMTP cannot detect a server that was killed between the 250 and recording it: at most what was in progress at a
    // kill arrives twice.
    let twice = arrived.values().map(|count| count - 1).sum::<usize>();
    assert!(twice <= ROUNDS * 4, "{arrived:?}");
}
