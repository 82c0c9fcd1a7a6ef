//! Servers that do not follow the specifications.

use std::time::Duration;

use gateway::{Command, RequestId, SayTask, TaskOutcome};
use irc_connector::Settings;
use protocol::{ArchiveTarget, EventBody, Say, Timestamp};
use serde_json::{Value, json};

use crate::common::{START, Story, assignment};

/// A line that need not be valid text.
fn bytes(story: &mut Story, line: &[u8]) {
    let now = story.now();
    story.session.handle_line(line, now);
    story.drain();
}

fn attendance(room: &str) -> Value {
    json!({"type": "query", "target": {"id": format!("{room}@irc.test"), "type": "room"}, "object": {"type": "attendance"}})
}

#[test]
fn what_a_line_must_not_contain_costs_no_message() {
    for (line, text) in [
        (&b":bob!b@h PRIVMSG #t :a\0b"[..], "ab"),
        (&b":bob!b@h PRIVMSG #t :a\rb"[..], "a b"),
        (&b"\r:bob!b@h PRIVMSG #t :\0\0first"[..], "first"),
        // Truncated within a character, as by a server that shortens lines.
        (&b":bob!b@h PRIVMSG #t :gr\xc3\xbc\xc3"[..], "gr\u{fc}"),
        (&b":bob!b@h PRIVMSG #t :caf\xe9"[..], "caf\u{e9}"),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        story.join("#t", "alice bob");
        bytes(&mut story, line);
        assert_eq!(story.texts(), [text], "{line:?}");
    }
}

#[test]
fn settings_that_make_no_sense_are_survived() {
    for tokens in [
        "CHANTYPES=",
        "CHANTYPES= PREFIX=ov@+",
        "NICKLEN=0 TOPICLEN=-1 LINELEN=0 TARGMAX=JOIN:0 MODES=x",
        "CASEMAPPING=klingon PREFIX=)( CHANMODES=,,,,,,",
        "PREFIX=(ov CHANTYPES=# STATUSMSG= CHATHISTORY=0",
    ] {
        let mut record = assignment();
        record.connection.channels = vec!["#t".to_owned()];
        let mut story = Story::new(record);
        story.go_online("", tokens);
        story.join("#t", "alice @bob");
        story.server(":bob!b@h PRIVMSG #t :hello");
        let (_, _, records) = story.only();
        let EventBody::Message { target, .. } = &records[0].1 else {
            panic!("{tokens}: {records:?}")
        };
        assert_eq!(*target, ArchiveTarget::Channel("#t".to_owned()), "{tokens}");
        let asked = story.perform(attendance("#t"));
        let answer = story.answer(asked).unwrap().unwrap();
        let members = answer.object.as_ref().unwrap().to_value()["members"].clone();
        assert_eq!(members, json!(["alice", "bob"]), "{tokens}");
    }
}

#[test]
fn a_server_that_changes_its_mind_about_names_is_followed_a_few_times() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice bob");
    for number in 0..100 {
        let mapping = ["ascii", "rfc1459"][number % 2];
        story.server(&format!(
            ":irc.test 005 alice CASEMAPPING={mapping} :are supported"
        ));
    }
    assert!(
        story.activities().len() <= 8,
        "{}",
        story.activities().len()
    );
}

#[test]
fn batches_that_are_never_closed_keep_out_no_later_one() {
    let mut story = Story::online(
        assignment(),
        "batch message-tags server-time",
        "CHANTYPES=#",
    );
    story.join("#t", "alice bob");
    for number in 0..1000 {
        story.server(&format!(":irc.test BATCH +b{number} example.org/x"));
    }
    story.server(":irc.test BATCH +h chathistory #t");
    story.server("@batch=h;time=2025-12-31T20:00:01.000Z :bob!b@h PART #t");
    assert!(story.activities().is_empty(), "{:#?}", story.activities());
    story.server(":irc.test BATCH -h");
    // A batch within itself, and two within each other.
    story.server("@batch=l :irc.test BATCH +l example.org/x");
    story.server("@batch=m :irc.test BATCH +n example.org/x");
    story.server("@batch=n :irc.test BATCH +m example.org/x");
    for reference in ["l", "m", "n"] {
        story.server(&format!("@batch={reference} :bob!b@h PRIVMSG #t :hello"));
    }
    assert_eq!(story.texts().len(), 3);
}

#[test]
fn floods_that_nobody_asked_for_make_nothing() {
    for (line, caps) in [
        (":irc.test 353 alice = #none :n%", ""),
        (":irc.test 366 alice #none% :End", ""),
        (":irc.test 322 alice #c% 5 :topic", ""),
        (":irc.test 352 alice #none u h s n% G :0 x", "away-notify"),
        (":irc.test 354 alice 67 n% G", "away-notify"),
        (":irc.test 311 alice n% u h * :x", ""),
        (":irc.test CAP alice LS * :cap%", ""),
        (":irc.test CAP alice ACK :cap%", ""),
        (":irc.test CAP alice NAK :cap%", ""),
        (":irc.test BATCH +% example.org/x", "batch"),
        (":irc.test 903 alice :ok", ""),
        (":irc.test 907 alice :again", ""),
        (":irc.test 904 alice :no", ""),
        ("AUTHENTICATE +", ""),
        (":n% NICK", ""),
        (":n%!u@h PART #none", ""),
        (":n%!u@h QUIT :x", ""),
        (":n%!u@h KICK #none n% :x", ""),
        (":n%!u@h KICK #t", ""),
        (":n%!u@h AWAY", ""),
        (":alice!a@h AWAY", ""),
    ] {
        let mut story = Story::online(assignment(), caps, "CHANTYPES=#");
        story.join("#t", "alice bob");
        for number in 0..2_000 {
            story.server(&line.replace('%', &number.to_string()));
        }
        assert!(
            story.outputs.is_empty() && story.sent.is_empty(),
            "{line}: {} and {}",
            story.outputs.len(),
            story.sent.len()
        );
    }
}

#[test]
fn tags_of_eight_kibibytes_are_read() {
    let mut story = Story::online(assignment(), "message-tags", "CHANTYPES=#");
    story.join("#t", "alice bob");
    let many: String = (0..1_310).map(|n| format!("x{n}=;")).collect();
    assert!(many.len() > 8_000);
    for tags in [
        many.as_str(),
        &"=".repeat(8_000),
        &";".repeat(8_000),
        &format!("+x={}", "\\".repeat(8_000)),
        &format!("msgid={}", "m".repeat(8_000)),
    ] {
        story.server(&format!("@{tags} :bob!b@h PRIVMSG #t :hello"));
    }
    assert_eq!(story.texts().len(), 5);
}

#[test]
fn a_text_of_who_is_away_is_kept_as_long_as_it_makes_sense() {
    let mut story = Story::online(assignment(), "away-notify", "CHANTYPES=#");
    story.join("#t", "alice bob");
    story.server(&format!(":bob!b@h AWAY :{}", "\u{e4}".repeat(4_001)));
    let (activity, ..) = story.only();
    assert_eq!(activity.content().unwrap().len(), 512);
}

#[test]
fn a_history_that_never_comes_holds_nothing_up() {
    let caps = "batch message-tags server-time draft/chathistory";
    let mut story = Story::online(assignment(), caps, "CHANTYPES=#");
    story.join("#t", "alice bob");
    let say = |number: u64| Command::Say {
        request: RequestId(number),
        saying: Box::new(SayTask {
            id: "t1".to_owned(),
            say: Say {
                account: "alice".parse().unwrap(),
                connection: "c1".to_owned(),
                target: "#t".to_owned(),
                from: "GitHub".to_owned(),
                lines: vec!["news".to_owned()],
                notice: false,
                source: None,
            },
            said: vec![],
            begun: Some(Timestamp::from_millis(START)),
        }),
    };
    story.command(say(1));
    story.pass(Duration::from_secs(40));
    assert!(
        matches!(story.said().as_slice(), [(1, TaskOutcome::Later(_))]),
        "{:?}",
        story.said()
    );
    story.command(say(2));
    assert!(
        story.sent.iter().any(|line| line.ends_with("#t news")),
        "{:?}",
        story.sent
    );
}

#[test]
fn channels_that_we_are_made_to_join_and_leave_cost_no_history_of_persons() {
    let settings = Settings {
        burst: 1_000,
        ..Settings::default()
    };
    let mut story = Story::with(assignment(), vec![], settings);
    let caps = "batch message-tags server-time draft/chathistory";
    story.go_online(caps, "CHANTYPES=#");
    for number in 0..200 {
        story.server(&format!(":alice!al@h JOIN #c{number}"));
        story.server(&format!(":alice!al@h PART #c{number}"));
    }
    story.server(":irc.test BATCH +t draft/chathistory-targets");
    story.server("@batch=t :irc.test CHATHISTORY TARGETS bob 2026-01-01T00:00:00.000Z");
    let last = story.sent.last().unwrap();
    assert!(last.starts_with("CHATHISTORY AFTER bob "), "{last}");
}

#[test]
fn who_is_there_can_be_asked_before_the_list_is_complete() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.server(":alice!al@host.test JOIN #t");
    story.server(":irc.test 353 alice = #t :alice @bob");
    let asked = story.perform(attendance("#t"));
    story.server(":irc.test 353 alice = #t :carol");
    story.server(":irc.test 366 alice #t :End");
    let answer = story.answer(asked).unwrap().unwrap();
    let members = answer.object.as_ref().unwrap().to_value()["members"].clone();
    assert_eq!(members, json!(["alice", "bob", "carol"]));
}

#[test]
fn joins_that_wait_are_not_asked_for_again() {
    let mut record = assignment();
    record.connection.channels = (0..30).map(|n| format!("#c{n}")).collect();
    let mut story = Story::online(record, "", "CHANTYPES=#");
    // A network that keeps renaming us and signing us in, and lets us join nothing.
    for number in 0..200 {
        let nick = match number {
            0 => "alice".to_owned(),
            _ => format!("Guest{}", number - 1),
        };
        story.server(&format!(":{nick}!al@h NICK Guest{number}"));
        story.server(&format!(
            ":irc.test 900 Guest{number} Guest{number}!al@h alice :You are now logged in"
        ));
    }
    story.pass_alive(10);
    let joins = story.sent.iter().filter(|line| line.starts_with("JOIN "));
    assert!(joins.count() < 20);
}

#[test]
fn a_channel_that_is_not_available_is_no_nickname() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let wish = json!({"type": "update", "target": {"id": "al@irc.test", "type": "person"}, "object": {"type": "address"}});
    let request = story.perform(wish);
    story.server(":irc.test 437 alice #full :There are too many channels");
    assert!(story.answer(request).is_none());
    story.server(":alice!al@host.test NICK :al");
    assert!(story.answer(request).unwrap().is_ok());
}

#[test]
fn lines_that_are_too_long_are_told_of_now_and_then() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let too_long = |story: &mut Story| {
        let now = story.now();
        story.session.handle_too_long(8_191, now);
        story.drain();
    };
    for _ in 0..100 {
        too_long(&mut story);
    }
    let sentence = story.only().0.error.clone().unwrap();
    assert!(
        sentence.starts_with("irc.test sent a line of more than 8191 bytes"),
        "{sentence}"
    );
    story.outputs.clear();
    story.pass_alive(11);
    story.outputs.clear();
    too_long(&mut story);
    assert!(story.only().0.error.is_some());
    // It is a sign of life all the same.
    story.pass(Duration::from_secs(89));
    story.sent.clear();
    too_long(&mut story);
    story.pass(Duration::from_secs(89));
    assert!(story.sent.is_empty(), "{:?}", story.sent);
}
