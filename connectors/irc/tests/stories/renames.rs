//! Channels that get another name.

use protocol::EventBody;

use crate::common::{Story, assignment};

fn in_channel() -> Story {
    let mut record = assignment();
    record.connection.channels = vec!["#old key1".to_owned()];
    let mut story = Story::online(record, "draft/channel-rename", "CHANTYPES=#");
    story.join("#old", "alice bob");
    story
}

#[test]
fn who_is_in_a_channel_stays_in_it_under_its_new_name() {
    let mut story = in_channel();
    story.server(":op!o@h RENAME #old #new :tidying up");
    let all = story.activities();
    let records: Vec<&EventBody> = all
        .iter()
        .flat_map(|(.., r)| r.iter())
        .map(|(_, b)| b)
        .collect();
    let left = EventBody::Left {
        channel: "#old".to_owned(),
    };
    let joined = EventBody::Joined {
        channel: "#new key1".to_owned(),
    };
    assert_eq!(records[..2], [&left, &joined]);
    let kinds: Vec<&str> = all.iter().map(|(a, ..)| a.kind.as_str()).collect();
    assert_eq!(kinds, ["leave", "join", "query", "send"]);
    let (told, ..) = all[3];
    assert_eq!(told.content(), Some("#old is called #new now (tidying up)"));
    assert_eq!(told.target.as_ref().unwrap().name.as_deref(), Some("#new"));
    story.outputs.clear();
    story.server(":bob!b@h PRIVMSG #new :hi");
    assert_eq!(story.texts(), ["hi"]);
    story.say("#new", "hello");
    assert!(
        story
            .sent
            .iter()
            .any(|line| line.starts_with("PRIVMSG #new"))
    );
    // And joins it under that name the next time.
    story.lost("The connection was lost.");
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.welcome("alice", "CHANTYPES=#");
    assert!(
        story.sent.contains(&"JOIN #new key1".to_owned()),
        "{:?}",
        story.sent
    );
}

#[test]
fn what_can_be_no_rename_is_none() {
    let mut story = in_channel();
    story.join("#other", "alice");
    for line in [
        "RENAME #none #x",
        "RENAME #old",
        "RENAME #old bob",
        "RENAME #old #other",
        "RENAME #old :#a b",
    ] {
        story.server(&format!(":op!o@h {line}"));
    }
    assert!(story.activities().is_empty(), "{:?}", story.outputs);
    story.server(":op!o@h RENAME #old #OLD");
    story.outputs.clear();
    story.server(":bob!b@h PRIVMSG #old :hi");
    let (told, ..) = story.only();
    assert_eq!(told.target.as_ref().unwrap().name.as_deref(), Some("#OLD"));
}
