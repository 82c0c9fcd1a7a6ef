//! Nicknames that are taken, changed, and regained.

use std::time::Duration;

use crate::common::{Story, assignment};
use protocol::EventBody;
use serde_json::json;

#[test]
fn another_nickname_is_taken_and_the_wanted_one_won_back() {
    let mut story = Story::new(assignment());
    story.connect();
    story.sent.clear();
    story.server(":irc.test 433 * alice :Nickname is already in use");
    assert_eq!(story.sent, ["NICK alice_"]);
    story.server(":irc.test 433 * alice_ :Nickname is already in use");
    assert_eq!(story.sent, ["NICK alice_", "NICK alice__"]);
    story.welcome("alice__", "CHANTYPES=#");
    assert_eq!(story.state().1, "Connected to irc.test as alice__.");
    story.sent.clear();
    story.pass(Duration::from_secs(26));
    assert!(
        story.sent.contains(&"NICK alice".to_owned()),
        "{:?}",
        story.sent
    );
    // Still taken: nobody is notified, and the next attempt comes later.
    story.outputs.clear();
    story.sent.clear();
    story.server(":irc.test 433 alice__ alice :Nickname is already in use");
    assert!(story.outputs.is_empty());
    story.pass(Duration::from_secs(29));
    assert!(!story.sent.contains(&"NICK alice".to_owned()));
    // Its owner leaves: it is ours immediately.
    story.server(":alice!x@y QUIT :bye");
    assert!(story.sent.contains(&"NICK alice".to_owned()));
    story.server(":alice__!al@host.test NICK alice");
    assert_eq!(story.state().1, "Connected to irc.test as alice.");
    story.sent.clear();
    story.pass(Duration::from_secs(40));
    assert!(!story.sent.iter().any(|line| line.starts_with("NICK")));
}

#[test]
fn a_nickname_too_long_is_cut() {
    let mut record = assignment();
    record.connection.nick = "alice-in-wonderland".to_owned();
    let mut story = Story::new(record);
    story.connect();
    story.server(":irc.test 432 * alice-in-wonderland :Nickname too long, max. 9 characters");
    assert_eq!(story.sent.last().unwrap(), "NICK alice-in-");
}

#[test]
fn nobody_tries_for_ever() {
    let mut story = Story::new(assignment());
    story.connect();
    for _ in 0..9 {
        story.server(":irc.test 433 * x :Nickname is already in use");
    }
    assert_eq!(story.state().0, "offline");
    assert_eq!(
        story.sent.iter().filter(|l| l.starts_with("NICK")).count(),
        9
    );
}

#[test]
fn a_change_by_wish_is_remembered_and_one_by_force_is_not() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice bob");
    let wish = json!({"type": "update", "target": {"id": "al@irc.test", "type": "person"}, "object": {"type": "address"}});
    let request = story.perform(wish.clone());
    assert_eq!(story.sent, ["NICK al"]);
    story.server(":alice!al@host.test NICK :al");
    assert!(story.answer(request).unwrap().is_ok());
    let wanted: Vec<_> = story
        .activities()
        .iter()
        .flat_map(|(_, _, records)| records.iter())
        .filter_map(|(_, body)| match body {
            EventBody::Nick { nick } => Some(nick.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(wanted, ["al"]);
    story.outputs.clear();
    story.server(":al!al@host.test NICK Guest1");
    assert!(!story.activities().iter().any(|(_, _, records)| {
        records
            .iter()
            .any(|(_, body)| matches!(body, EventBody::Nick { .. }))
    }));
    let request = story.perform(wish);
    story.server(":irc.test 433 Guest1 al :Nickname is already in use");
    assert_eq!(
        story.error(request),
        "The nickname al is in use; choose another."
    );
}

#[test]
fn inspircd_answers_with_the_new_name_as_the_source() {
    let mut story = Story::online(assignment(), "labeled-response", "CHANTYPES=#");
    let wish = json!({"type": "update", "target": {"id": "al@irc.test", "type": "person"}, "object": {"type": "address"}});
    let request = story.perform(wish);
    story.server(":al!al@host.test NICK :al");
    let ack = story.answer(request).unwrap().unwrap();
    assert_eq!(ack.actor.as_ref().unwrap().name.as_deref(), Some("alice"));
    assert_eq!(story.state().1, "Connected to irc.test as al.");
}
