//! How fast lines are sent, and what happens when there are too many.

use std::time::Duration;

use irc_connector::Settings;

use crate::common::{Story, assignment};

#[test]
fn ten_at_once_then_one_in_two_seconds() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice");
    story.pass(Duration::from_secs(30));
    story.sent.clear();
    for n in 0..15 {
        story.say("#t", &format!("line {n}"));
    }
    assert_eq!(story.sent.len(), 10);
    story.pass(Duration::from_millis(1999));
    assert_eq!(story.sent.len(), 10);
    story.pass(Duration::from_millis(1));
    assert_eq!(story.sent.len(), 11);
    story.pass(Duration::from_secs(8));
    assert_eq!(story.sent.len(), 15);
    assert_eq!(story.sent[14], "PRIVMSG #t :line 14");
    assert_eq!(story.texts().len(), 15);
}

#[test]
fn a_server_that_wants_no_pace_gets_everything_at_once() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=# soju.im/SAFERATE");
    story.join("#t", "alice");
    for n in 0..100 {
        story.say("#t", &format!("line {n}"));
    }
    assert_eq!(story.sent.len(), 100);
}

#[test]
fn a_full_queue_refuses_in_words() {
    let settings = Settings {
        queue: 5,
        ..Settings::default()
    };
    let mut story = Story::with(assignment(), vec![], settings);
    story.go_online("", "CHANTYPES=#");
    story.join("#t", "alice");
    story.pass(Duration::from_secs(30));
    for n in 0..15 {
        story.say("#t", &format!("line {n}"));
    }
    let refused = story.say("#t", "one too many");
    assert_eq!(
        story.error(refused),
        "Too much is waiting to be sent to irc.test; try again in a minute."
    );
    story.pass(Duration::from_secs(60));
    assert_eq!(story.texts().len(), 15);
}

#[test]
fn what_people_want_goes_before_what_we_ask_by_ourselves() {
    let mut story = Story::online(assignment(), "away-notify", "CHANTYPES=#");
    story.join("#t", "alice");
    for n in 0..12 {
        story.say("#t", &format!("line {n}"));
    }
    story.server(":alice!al@host.test JOIN #u");
    story.server(":irc.test 366 alice #u :End");
    story.sent.clear();
    story.say("#t", "still first");
    story.pass(Duration::from_secs(60));
    let place = |text: &str| story.sent.iter().position(|l| l.contains(text)).unwrap();
    assert!(place("still first") < place("WHO #u"));
}
