//! Lost connections, silence, delays, the end.

use std::time::Duration;

use crate::common::{Story, assignment};
use gateway::{Attached, Audience, Command, RequestId};
use serde_json::json;

fn waits(story: &mut Story, losses: usize) -> Vec<Duration> {
    (0..losses)
        .map(|_| {
            story.lost("The connection was lost.");
            let wait = story.session.poll_timeout().unwrap() - story.elapsed;
            story.elapsed += wait;
            story.timeout();
            wait
        })
        .collect()
}

#[test]
fn waits_grow_with_jitter_and_end_at_ten_minutes() {
    let mut story = Story::new(assignment());
    story.timeout();
    let found = waits(&mut story, 12);
    for (index, wait) in found.iter().enumerate() {
        let base = (5_u64 << index).min(600);
        let most = base + base.min(60);
        assert!((base..=most).contains(&wait.as_secs()), "{index}: {wait:?}");
    }
    assert!(
        found.iter().any(|wait| wait.subsec_millis() != 0),
        "no jitter"
    );
}

#[test]
fn a_good_connection_starts_the_waits_anew_and_a_short_one_does_not() {
    let mut story = Story::new(assignment());
    story.timeout();
    waits(&mut story, 4);
    let now = story.now();
    story.session.handle_connected(now);
    story.welcome("alice", "CHANTYPES=#");
    story.elapsed += Duration::from_secs(1);
    assert!(waits(&mut story, 1)[0] >= Duration::from_secs(80));
    let now = story.now();
    story.session.handle_connected(now);
    story.welcome("alice", "CHANTYPES=#");
    story.elapsed += Duration::from_secs(61);
    assert!(waits(&mut story, 1)[0] <= Duration::from_secs(10));
}

#[test]
fn silence_is_questioned_then_taken_for_an_end() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.pass(Duration::from_secs(90));
    assert!(story.sent.last().unwrap().starts_with("PING "));
    story.server(":irc.test PONG irc.test :x");
    story.pass(Duration::from_secs(89));
    assert_eq!(
        story.sent.iter().filter(|l| l.starts_with("PING")).count(),
        1
    );
    story.pass(Duration::from_secs(31));
    assert_eq!(story.actions.last().unwrap(), "disconnect");
    let (status, sentence) = story.state();
    assert_eq!(status, "offline");
    assert!(
        sentence.starts_with("irc.test stopped answering. Next attempt in "),
        "{sentence}"
    );
}

#[test]
fn pings_are_answered_even_when_the_queue_is_full() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice");
    for _ in 0..30 {
        story.say("#t", "x");
    }
    story.server("PING :a b");
    assert_eq!(story.sent.last().unwrap(), "PONG :a b");
}

#[test]
fn channels_are_joined_again_with_their_keys_and_no_news_is_made_of_it() {
    let mut record = assignment();
    record.connection.channels = vec!["#a".to_owned(), "#b key".to_owned()];
    let mut story = Story::new(record);
    story.command(Command::Audience { sockets: 1 });
    for _ in 0..2 {
        story.connect();
        story.welcome("alice", "CHANTYPES=#");
        assert_eq!(story.sent.last().unwrap(), "JOIN #b,#a key");
        story.outputs.clear();
        story.server(":alice!al@h JOIN #a");
        let (activity, audience, records) = story.only();
        assert_eq!(activity.kind, "join");
        assert_eq!((audience, records.len()), (Audience::Full, 0));
        story.sent.clear();
        story.server(":irc.test 475 alice #b :Cannot join channel (+k)");
        let (trouble, ..) = story.activities()[1];
        assert_eq!(
            trouble.error.as_deref(),
            Some("#b needs a key, and the one given is wrong.")
        );
        story.server("ERROR :Closing link: (restarting)");
        story.lost("The server closed the connection.");
        assert!(
            story.state().1.starts_with(
                "irc.test closed the connection: Closing link: (restarting). Next attempt in "
            ),
            "{:?}",
            story.state()
        );
        story.elapsed = story.session.poll_timeout().unwrap();
    }
}

#[test]
fn what_waits_when_the_connection_goes_is_told_so() {
    let mut story = Story::online(assignment(), "echo-message", "CHANTYPES=#");
    story.join("#t", "alice");
    let said = story.say("#t", "hello");
    let whois = story.perform(
        json!({"type": "query", "target": {"id": "bob@irc.test"}, "object": {"type": "whois"}}),
    );
    story.lost("The connection was lost.");
    assert_eq!(
        story.error(said),
        "The message may not have arrived: The connection was lost."
    );
    assert_eq!(story.error(whois), "The connection was lost.");
    let offline = story.say("#t", "hello?");
    assert!(
        story
            .error(offline)
            .starts_with("There is no connection to irc.test at the moment"),
        "{}",
        story.error(offline)
    );
}

#[test]
fn a_plain_socket_waits_for_the_connection_or_its_failure() {
    let plain = Attached {
        socket: 1,
        full: false,
    };
    let attach = |id| Command::Attach {
        request: RequestId(id),
        socket: plain,
    };
    let mut story = Story::new(assignment());
    story.command(attach(100));
    story.timeout();
    story.lost("irc.test does not answer.");
    assert_eq!(story.error(RequestId(100)), "irc.test does not answer.");
    story.command(attach(101));
    assert!(story.error(RequestId(101)).contains("does not answer"));
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.command(attach(102));
    assert!(story.answer(RequestId(102)).is_none());
    story.welcome("alice", "CHANTYPES=#");
    assert!(story.answer(RequestId(102)).unwrap().is_ok());
}

#[test]
fn stopping_says_good_bye_and_ends() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.command(Command::Stop {
        reason: "see you".to_owned(),
    });
    assert_eq!(story.sent, ["QUIT :see you"]);
    story.pass(Duration::from_secs(5));
    assert_eq!(story.actions.last().unwrap(), "ended");
    assert_eq!(story.session.poll_timeout(), None);
}

#[test]
fn settings_that_change_are_followed() {
    let mut record = assignment();
    record.connection.channels = vec!["#a".to_owned(), "#b".to_owned()];
    let mut story = Story::online(record.clone(), "", "CHANTYPES=#");
    for channel in ["#a", "#b", "#mine"] {
        story.join(channel, "alice");
    }
    record.connection.channels = vec!["#b".to_owned(), "#c key".to_owned()];
    record.connection.nick = "al".to_owned();
    story.command(Command::Reassign(Box::new(record.clone())));
    // #mine was joined since and is not in the record yet: it stays.
    story.sent.sort();
    assert_eq!(story.sent, ["JOIN #c key", "NICK al", "PART #a"]);
    record.connection.set("port", 7000);
    story.command(Command::Reassign(Box::new(record)));
    assert_eq!(story.actions.last().unwrap(), "disconnect");
    story.timeout();
    assert_eq!(story.actions.last().unwrap(), "connect irc.test 7000 true");
}

#[test]
fn a_certificate_that_is_accepted_is_tried_at_once() {
    let mut story = Story::new(assignment());
    story.timeout();
    assert_eq!(story.actions.last().unwrap(), "connect irc.test 6697 true");
    let now = story.now();
    story
        .session
        .handle_certificate([0xab; 32], "It is self-signed.", now);
    story.drain();
    let shown = |story: &Story| {
        let told = story.activities();
        let (state, ..) = told.last().unwrap();
        state.object.as_ref().unwrap().to_value()["certificate"].clone()
    };
    assert_eq!(shown(&story), "ab".repeat(32));
    assert_eq!(story.state().1, "It is self-signed.");
    let mut record = assignment();
    record.connection.set("certificate", "ab".repeat(32));
    story.command(Command::Reassign(Box::new(record)));
    story.timeout();
    let last = story.actions.last().unwrap();
    assert_eq!(last, "connect irc.test 6697 true accepted");
    assert!(shown(&story).is_null());
}
