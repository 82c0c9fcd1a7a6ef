//! Every mail that got the response 250 arrives, exactly once, however the server ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::mail::{Client, Inbox, wait_for};

const ROUNDS: usize = 5;
const SENDERS: usize = 3;

#[test]
fn what_was_answered_250_arrives_once_though_the_server_is_killed() {
    let mut inbox = Inbox::start(&[]);
    let (taken, stop) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(AtomicBool::new(false)),
    );
    let count = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (smtp, to) = (inbox.smtp.clone(), inbox.address.clone());
            let (taken, stop, count) = (Arc::clone(&taken), Arc::clone(&stop), Arc::clone(&count));
            thread::spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    number += 1;
                    let subject = format!("mail-{sender}-{number}");
                    // Like every mail server: the same bytes again until there is a response.
                    while Client::send(&smtp, &to, &subject) != Some(true) {
                        if stop.load(Ordering::SeqCst) {
                            return;
                        }
                        thread::yield_now();
                    }
                    taken.lock().unwrap().push(subject);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..ROUNDS {
        let before = count.load(Ordering::SeqCst);
        wait_for(|| (count.load(Ordering::SeqCst) >= before + 5 + 3 * round).then_some(()));
        // Somewhere in the middle of whatever it does.
        let noise = u64::from(std::process::id()).wrapping_mul(7 + round as u64) % 40;
        thread::sleep(Duration::from_millis(noise));
        inbox.kill_and_start();
    }
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.join().unwrap();
    }
    let taken = taken.lock().unwrap().clone();
    assert!(taken.len() >= 5 * ROUNDS);
    let arrived = wait_for(|| {
        let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
        for mail in inbox.mails() {
            *arrived
                .entry(mail.summary["subject"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        taken
            .iter()
            .all(|subject| arrived.contains_key(subject))
            .then_some(arrived)
    });
    let twice: Vec<_> = arrived.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(inbox.aside(), 0, "nothing was put aside");
}
