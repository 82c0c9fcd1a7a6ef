//! Registration: capabilities, SASL, PASS, refusals.

use std::time::Duration;

use crate::common::{Story, assignment};
use irc_connector::Settings;

#[test]
fn capabilities_are_negotiated_before_the_welcome() {
    let mut story = Story::new(assignment());
    story.connect();
    assert_eq!(
        story.sent,
        ["CAP LS 302", "NICK alice", "USER alice 0 * alice"]
    );
    story.sent.clear();
    story.server(":irc.test CAP * LS * :batch  server-time unknown/thing=1 ");
    assert!(story.sent.is_empty());
    story.server(":irc.test CAP * LS :echo-message sasl=PLAIN");
    assert_eq!(story.sent, ["CAP REQ :batch echo-message server-time"]);
    story.sent.clear();
    story.server(":irc.test CAP alice ACK :batch echo-message server-time");
    assert_eq!(story.sent, ["CAP END"]);
    story.welcome("alice", "CHANTYPES=#");
    let (status, sentence) = story.state();
    assert_eq!(status, "online");
    assert_eq!(sentence, "Connected to irc.test as alice.");
}

#[test]
fn a_server_without_capabilities_will_do() {
    let mut story = Story::new(assignment());
    story.connect();
    story.server(":irc.test 421 alice CAP :Unknown command");
    story.welcome("alice", "NICKLEN=9");
    assert_eq!(story.state().0, "online");
}

#[test]
fn sasl_answers_in_pieces_of_400_bytes() {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.set("username", "al");
    // \0al\0 and the password: 300 bytes are exactly 400 in base64.
    record.connection.password = Some("p".repeat(296));
    let mut story = Story::new(record);
    story.connect();
    assert!(!story.sent.iter().any(|line| line.starts_with("PASS")));
    story.server(":irc.test CAP * LS :sasl=EXTERNAL,PLAIN");
    story.server(":irc.test CAP * ACK :sasl");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
    story.sent.clear();
    story.server("AUTHENTICATE :+");
    assert_eq!(story.sent.len(), 2);
    assert_eq!(story.sent[0].len(), "AUTHENTICATE ".len() + 400);
    assert_eq!(story.sent[1], "AUTHENTICATE +");
    story.server(":irc.test 900 alice alice!a@h al :You are now logged in as al");
    story.server(":irc.test 903 alice :ok");
    assert_eq!(story.sent.last().unwrap(), "CAP END");
}

#[test]
fn a_refused_password_is_said_and_not_tried_again_soon() {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("wrong".to_owned());
    let mut story = Story::new(record);
    story.connect();
    story.server(":irc.test CAP * LS :sasl");
    story.server(":irc.test CAP * ACK :sasl");
    story.server("AUTHENTICATE +");
    story.server(":irc.test 904 alice :SASL authentication failed");
    assert_eq!(story.actions.last().unwrap(), "disconnect");
    let (status, sentence) = story.state();
    assert_eq!(status, "offline");
    assert!(
        sentence.starts_with("irc.test refused the password of alice: check it in the settings"),
        "{sentence}"
    );
    let connects = |story: &Story| {
        story
            .actions
            .iter()
            .filter(|a| a.starts_with("conn"))
            .count()
    };
    story.pass(Settings::default().refused_wait - Duration::from_secs(1));
    assert_eq!(connects(&story), 1);
    story.pass(Duration::from_secs(62));
    assert_eq!(connects(&story), 2);
}

#[test]
fn pass_is_sent_first_when_sasl_is_off() {
    let mut record = assignment();
    record.connection.password = Some("secret".to_owned());
    let mut story = Story::new(record);
    story.connect();
    assert_eq!(story.sent[0], "PASS secret");
    story.server(":irc.test 464 alice :Password incorrect");
    let (status, sentence) = story.state();
    assert_eq!(status, "offline");
    assert!(sentence.contains("refused the password"), "{sentence}");
}

#[test]
fn capabilities_come_and_go() {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("secret".to_owned());
    let mut story = Story::online(record, "cap-notify", "CHANTYPES=#");
    story.server(":irc.test CAP alice NEW :sasl=PLAIN away-notify");
    assert_eq!(story.sent, ["CAP REQ away-notify", "CAP REQ sasl"]);
    story.server(":irc.test CAP alice ACK :away-notify");
    story.server(":irc.test CAP alice ACK :sasl");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
    story.server("AUTHENTICATE +");
    story.server(":irc.test 903 alice :ok");
    assert!(!story.sent.iter().any(|line| line == "CAP END"));
    // Without echo-message a message is reported when it is written; with it, when it is echoed.
    story.join("#t", "alice");
    story.server(":irc.test CAP alice NEW :echo-message");
    story.server(":irc.test CAP alice ACK :echo-message");
    let waits = story.say("#t", "one");
    assert!(story.answer(waits).is_none());
    story.server(":alice!al@host.test PRIVMSG #t :one");
    assert!(story.answer(waits).unwrap().is_ok());
    story.server(":irc.test CAP alice DEL :echo-message");
    let told = story.say("#t", "two");
    assert!(story.answer(told).unwrap().is_ok());
}

fn with_password() -> protocol::Assignment {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("secret".to_owned());
    record.connection.channels = vec!["#a".to_owned()];
    record
}

#[test]
fn one_capability_that_is_not_granted_costs_no_other() {
    let mut story = Story::new(with_password());
    story.connect();
    story.server(":irc.test CAP * LS :batch echo-message sasl=PLAIN");
    story.sent.clear();
    story.server(":irc.test CAP * NAK :batch echo-message");
    assert_eq!(story.sent, ["CAP REQ batch", "CAP REQ echo-message"]);
    story.sent.clear();
    story.server(":irc.test CAP * ACK :sasl ");
    // Not requested.
    story.server(":irc.test CAP * ACK :x/forced");
    story.server(":irc.test CAP * NAK :batch");
    assert!(story.sent.is_empty(), "{:?}", story.sent);
    story.server(":irc.test CAP * ACK :echo-message");
    assert_eq!(story.sent, ["AUTHENTICATE PLAIN"]);
    story.server("AUTHENTICATE +");
    story.server(":irc.test 903 alice :ok");
    assert_eq!(story.sent.last().unwrap(), "CAP END");
    story.welcome("alice", "CHANTYPES=#");
    assert_eq!(story.state().1, "Connected to irc.test as alice.");
    assert!(story.sent.contains(&"JOIN #a".to_owned()));
    // What was refused alone is not requested again until it is offered again.
    story.sent.clear();
    story.server(":irc.test CAP alice NEW :away-notify");
    story.server(":irc.test CAP alice ACK :away-notify");
    story.server(":irc.test CAP alice NEW :batch");
    assert_eq!(story.sent, ["CAP REQ away-notify", "CAP REQ batch"]);
}

#[test]
fn without_a_sign_in_nothing_is_joined_until_there_is_one() {
    for refusal in ["LS :batch", "LS :sasl=PLAIN"] {
        let mut story = Story::new(with_password());
        story.command(gateway::Command::Audience { sockets: 1 });
        story.connect();
        story.server(&format!(":irc.test CAP * {refusal}"));
        story.server(":irc.test CAP * NAK :batch");
        story.server(":irc.test CAP * NAK :sasl");
        assert_eq!(story.sent.last().unwrap(), "CAP END");
        story.welcome("alice", "CHANTYPES=#");
        let (status, sentence) = story.state();
        assert_eq!(status, "online");
        assert!(sentence.contains("your channels are waiting"), "{sentence}");
        story.pass(Duration::from_secs(20));
        assert!(
            !story.sent.iter().any(|l| l.starts_with("JOIN")),
            "{:?}",
            story.sent
        );
        // Services come back: we are signed in and join.
        story.sent.clear();
        story.server(":irc.test CAP alice NEW :sasl=PLAIN");
        assert_eq!(story.sent, ["CAP REQ sasl"]);
        story.server(":irc.test CAP alice ACK :sasl");
        story.server("AUTHENTICATE +");
        story.server(":irc.test 900 alice alice!a@h alice :You are now logged in as alice");
        story.server(":irc.test 903 alice :ok");
        let joins = story.sent.iter().filter(|l| *l == "JOIN #a").count();
        assert_eq!(joins, 1, "{:?}", story.sent);
        assert_eq!(story.state().1, "Connected to irc.test as alice.");
    }
}

#[test]
fn services_that_come_back_without_a_word_are_found() {
    let mut story = Story::new(with_password());
    story.command(gateway::Command::Audience { sockets: 1 });
    story.connect();
    story.server(":irc.test CAP * LS :sasl=PLAIN batch");
    story.server(":irc.test CAP * NAK :batch");
    story.server(":irc.test CAP * NAK :sasl");
    story.welcome("alice", "CHANTYPES=#");
    for _ in 0..2 {
        story.sent.clear();
        story.pass(Duration::from_secs(60));
        assert_eq!(story.sent, ["CAP LS 302"]);
        story.server(":irc.test CAP alice LS :batch");
        assert_eq!(story.sent, ["CAP LS 302"], "what was refused is left");
    }
    story.pass(Duration::from_secs(60));
    story.sent.clear();
    story.server(":irc.test CAP alice LS :batch sasl");
    story.server(":irc.test CAP alice ACK :sasl");
    assert_eq!(story.sent, ["CAP REQ sasl", "AUTHENTICATE PLAIN"]);
    story.server("AUTHENTICATE +");
    story.server(":irc.test 903 alice :ok");
    assert!(story.sent.contains(&"JOIN #a".to_owned()));
    story.sent.clear();
    story.pass(Duration::from_secs(60));
    assert!(!story.sent.contains(&"CAP LS 302".to_owned()));
}

#[test]
fn why_channels_wait_is_told_to_whoever_comes_later_too() {
    let mut story = Story::new(with_password());
    story.connect();
    story.server(":irc.test CAP * LS :batch");
    story.server(":irc.test CAP * NAK :batch");
    story.welcome("alice", "CHANTYPES=#");
    assert!(story.state().1.contains("It offers no sign-in"));
    story.pass(Duration::from_secs(60));
    story.server(":irc.test CAP alice LS :sasl=PLAIN");
    story.server(":irc.test CAP alice ACK :sasl");
    story.server("AUTHENTICATE +");
    story.server(":irc.test 904 alice :SASL authentication failed");
    let (status, sentence) = story.state();
    assert_eq!(status, "online");
    assert!(
        sentence.contains("refused the password of alice")
            && sentence.contains("Your channels are joined once")
            && !sentence.contains("offers no sign-in"),
        "{sentence}"
    );
    // The same applies to one that offers only other mechanisms.
    let mut story = Story::new(with_password());
    story.connect();
    story.server(":irc.test CAP * LS :batch");
    story.server(":irc.test CAP * NAK :batch");
    story.welcome("alice", "CHANTYPES=#");
    story.pass(Duration::from_secs(60));
    story.server(":irc.test CAP alice LS :sasl=EXTERNAL");
    story.server(":irc.test CAP alice ACK :sasl");
    let (_, sentence) = story.state();
    assert!(sentence.contains("PLAIN"), "{sentence}");
}

#[test]
fn joining_without_the_account_is_the_persons_choice() {
    let mut record = with_password();
    record.connection.set("without_account", true);
    let mut story = Story::new(record);
    story.connect();
    story.server(":irc.test 421 alice CAP :Unknown command");
    story.welcome("alice", "CHANTYPES=#");
    assert!(story.sent.contains(&"JOIN #a".to_owned()));
    let told = story.activities();
    let trouble = told
        .iter()
        .find_map(|(activity, ..)| activity.error.clone());
    assert!(trouble.unwrap().contains("without your account"));
    // Joined by hand, while everything else waits.
    let mut story = Story::new(with_password());
    story.connect();
    story.welcome("alice", "CHANTYPES=#");
    story.sent.clear();
    story.perform(
        serde_json::json!({"type": "join", "target": {"id": "#b@irc.test", "type": "room"}}),
    );
    assert_eq!(story.sent, ["JOIN #b"]);
    // And by the setting.
    let mut record = with_password();
    record.connection.set("without_account", true);
    story.command(gateway::Command::Reassign(Box::new(record)));
    assert_eq!(story.sent, ["JOIN #b", "JOIN #a"]);
}

#[test]
fn services_that_come_back_are_signed_in_to_again() {
    let mut story = Story::online(with_password(), "sasl=PLAIN", "CHANTYPES=#");
    story.server(":irc.test CAP alice DEL :sasl");
    story.sent.clear();
    story.server(":irc.test CAP alice NEW :sasl=PLAIN");
    story.server(":irc.test CAP alice ACK :sasl");
    assert_eq!(story.sent, ["CAP REQ sasl", "AUTHENTICATE PLAIN"]);
    story.server("AUTHENTICATE +");
    story.server(":irc.test 904 alice :failed");
    let told = story.activities();
    let trouble = told
        .iter()
        .find_map(|(activity, ..)| activity.error.clone());
    assert!(trouble.unwrap().contains("refused the password of alice"));
    assert_eq!(story.actions.last().unwrap(), "connect irc.test 6697 true");
}

#[test]
fn a_welcome_without_an_end_is_complete_after_a_silence() {
    let mut story = Story::new(assignment());
    story.connect();
    story.server(":irc.test 001 alice :Welcome");
    story.pass(Duration::from_secs(4));
    story.server(":irc.test 005 alice CHANTYPES=# :are supported");
    story.pass(Duration::from_secs(4));
    assert_eq!(story.state().0, "connecting");
    story.pass(Duration::from_secs(2));
    assert_eq!(story.state().0, "online");
    // A second end changes nothing.
    story.outputs.clear();
    story.server(":irc.test 376 alice :End");
    assert!(story.outputs.is_empty());
}

#[test]
fn a_server_that_never_welcomes_is_left() {
    let mut story = Story::new(assignment());
    story.connect();
    story.pass(Duration::from_secs(60));
    let (status, sentence) = story.state();
    assert_eq!(status, "offline");
    assert!(
        sentence.starts_with("irc.test did not let us in in time"),
        "{sentence}"
    );
}
