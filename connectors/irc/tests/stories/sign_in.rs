//! A sign-in that the server does not answer.

use std::time::Duration;

use gateway::Command;
use irc_connector::Settings;

use crate::common::{Story, assignment};

const UNANSWERED: &str = "irc.test did not answer the sign-in within 15 seconds";

fn with_password() -> protocol::Assignment {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("secret".to_owned());
    record.connection.channels = vec!["#a".to_owned()];
    record
}

/// Connected to a server that offers the sign-in and has granted it.
fn asked(record: protocol::Assignment) -> Story {
    let mut story = Story::new(record);
    story.command(Command::Audience { sockets: 1 });
    story.connect();
    story.server(":irc.test CAP * LS :sasl=PLAIN");
    story.server(":irc.test CAP * ACK :sasl");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
    story
}

#[test]
fn a_sign_in_without_an_answer_is_given_up() {
    // Neither the name of the mechanism nor the password is answered.
    for password in [false, true] {
        let mut story = asked(with_password());
        if password {
            story.pass(Duration::from_secs(10));
            story.server("AUTHENTICATE +");
        }
        story.pass(Duration::from_secs(14));
        assert_eq!(story.state().0, "connecting");
        story.pass(Duration::from_secs(2));
        assert_eq!(story.actions.last().unwrap(), "disconnect");
        let (status, sentence) = story.state();
        assert_eq!(status, "offline");
        assert!(sentence.starts_with(UNANSWERED), "{sentence}");
        // Nothing was refused: it is tried again as after a lost connection.
        let settings = Settings::default();
        story.pass(2 * settings.reconnect_min + Duration::from_secs(1));
        assert!(story.actions.last().unwrap().starts_with("connect"));
    }
}

#[test]
fn a_sign_in_that_was_answered_is_not_given_up() {
    let mut story = asked(with_password());
    story.pass(Duration::from_secs(14));
    story.server("AUTHENTICATE +");
    story.pass(Duration::from_secs(14));
    story.server(":irc.test 903 alice :ok");
    story.welcome("alice", "CHANTYPES=#");
    story.pass(Duration::from_secs(60));
    assert_eq!(story.state().1, "Connected to irc.test as alice.");
}

#[test]
fn who_may_go_on_without_the_account_does() {
    let mut record = with_password();
    record.connection.set("without_account", true);
    let mut story = asked(record);
    story.pass(Duration::from_secs(16));
    let end = &story.sent[story.sent.len() - 2..];
    assert_eq!(end, ["AUTHENTICATE *", "CAP END"]);
    story.server(":irc.test 906 * :SASL authentication aborted");
    story.welcome("alice", "CHANTYPES=#");
    assert!(story.sent.contains(&"JOIN #a".to_owned()));
    let told = story.activities();
    let mut troubles = told
        .iter()
        .filter_map(|(activity, ..)| activity.error.clone());
    let sentence = troubles.next().unwrap();
    assert!(
        sentence.starts_with(UNANSWERED) && sentence.contains("without your account"),
        "{sentence}"
    );
}

#[test]
fn services_that_come_back_and_do_not_answer_are_waited_for() {
    let mut story = Story::new(with_password());
    story.command(Command::Audience { sockets: 1 });
    story.connect();
    story.server(":irc.test CAP * LS :batch");
    story.server(":irc.test CAP * NAK :batch");
    story.welcome("alice", "CHANTYPES=#");
    story.server(":irc.test CAP alice NEW :sasl=PLAIN");
    // Not even the request is answered: at the next look it is made again.
    story.sent.clear();
    story.pass(Duration::from_secs(60));
    story.server(":irc.test CAP alice LS :sasl=PLAIN");
    assert!(
        story.sent.contains(&"CAP REQ sasl".to_owned()),
        "{:?}",
        story.sent
    );
    story.server(":irc.test CAP alice ACK :sasl");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
    story.pass(Duration::from_secs(16));
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE *");
    let (status, sentence) = story.state();
    assert_eq!(status, "online");
    assert!(
        sentence.contains(UNANSWERED) && sentence.contains("Your channels are joined once"),
        "{sentence}"
    );
    // An answer that comes all the same counts.
    story.server(":irc.test 903 alice :ok");
    assert!(story.sent.contains(&"JOIN #a".to_owned()));
}
