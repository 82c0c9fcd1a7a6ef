//! What is said to a server before it lets us in, and right after: its password, and the account's commands.

use std::time::Duration;

use gateway::Command;
use protocol::{Assignment, EventBody};

use crate::common::{Story, assignment};

fn with(fields: &[(&str, &str)]) -> Assignment {
    let mut record = assignment();
    for (name, value) in fields {
        record.connection.set(name, *value);
    }
    record.connection.channels = vec!["#a".to_owned()];
    record
}

#[test]
fn the_servers_password_is_said_besides_that_of_the_account() {
    let mut record = with(&[("server_password", "open sesame")]);
    record.connection.set("sasl", true);
    record.connection.password = Some("hunter2".to_owned());
    let mut story = Story::new(record.clone());
    story.connect();
    assert_eq!(story.sent[0], "PASS :open sesame");
    assert!(story.sent[1].starts_with("CAP LS"), "{:?}", story.sent);
    story.server(":irc.test CAP * LS :sasl=PLAIN");
    story.server(":irc.test CAP * ACK :sasl");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
    // Without SASL it is the account's that is left out, as only one can be said.
    record.connection.set("sasl", false);
    let mut story = Story::new(record.clone());
    story.connect();
    let said = story.sent.iter().filter(|line| line.starts_with("PASS"));
    assert_eq!(said.collect::<Vec<_>>(), ["PASS :open sesame"]);
    // Another one makes another connection.
    story.welcome("alice", "CHANTYPES=#");
    story.sent.clear();
    record.connection.set("server_password", "other");
    story.command(Command::Reassign(Box::new(record)));
    assert_eq!(story.sent, ["QUIT :Settings changed"]);
    story.connect();
    assert!(story.sent.contains(&"PASS other".to_owned()));
}

#[test]
fn a_refused_password_of_the_server_is_told_as_that() {
    let mut record = with(&[("server_password", "wrong")]);
    record.connection.set("sasl", true);
    record.connection.password = Some("hunter2".to_owned());
    let mut story = Story::new(record);
    story.connect();
    story.server(":irc.test 464 * :Password incorrect");
    let sentence = story.state().1;
    assert!(sentence.contains("server password"), "{sentence}");
    assert!(!sentence.contains("wrong"), "{sentence}");
}

#[test]
fn commands_come_after_the_welcome_and_before_the_joins() {
    let commands = "/msg NickServ IDENTIFY alice hunter2\n\nMODE $nick +B\nQUIT\n/oper al secret9";
    let mut story = Story::new(with(&[("commands", commands)]));
    story.connect();
    story.server(":irc.test CAP * LS :echo-message");
    story.server(":irc.test CAP * ACK :echo-message");
    assert!(!story.sent.iter().any(|line| line.contains("hunter2")));
    story.sent.clear();
    story.welcome("alice", "CHANTYPES=#");
    assert_eq!(
        story.sent[..4],
        [
            "PRIVMSG NickServ :IDENTIFY alice hunter2",
            "MODE alice +B",
            "OPER al secret9",
            "JOIN #a",
        ]
    );
    let troubles: Vec<String> = story
        .activities()
        .iter()
        .filter_map(|(activity, ..)| activity.error.clone())
        .collect();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert!(troubles[0].starts_with("Line 4 of your commands"));
    story.outputs.clear();
    // Nobody sees the echo, and it is not archived.
    story.server(":alice!a@h PRIVMSG NickServ :IDENTIFY alice hunter2");
    assert!(story.activities().is_empty(), "{:?}", story.outputs);
    // What services and servers repeat is not archived.
    story.server(":NickServ!s@services. NOTICE alice :hunter2 and secret9 are wrong");
    let (.., records) = story.only();
    let EventBody::Message { message, .. } = &records[0].1 else {
        panic!("{records:?}");
    };
    assert_eq!(message.text, "••• and ••• are wrong");
}

#[test]
fn commands_are_bounded_and_sent_on_each_connection() {
    let many: Vec<String> = (0..40).map(|n| format!("/msg bob {n}")).collect();
    let mut story = Story::new(with(&[("commands", &many.join("\n"))]));
    for _ in 0..2 {
        story.connect();
        story.sent.clear();
        story.welcome("alice", "CHANTYPES=#");
        story.pass(Duration::from_secs(60));
        let said = story.sent.iter().filter(|l| l.starts_with("PRIVMSG bob"));
        assert_eq!(said.count(), 10);
        story.lost("The connection was lost.");
        story.elapsed = story.session.poll_timeout().unwrap();
    }
}
