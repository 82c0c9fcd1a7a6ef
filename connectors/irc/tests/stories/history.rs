//! Messages sent while we were away.

use std::time::Duration;

use irc_connector::Settings;
use protocol::{ArchiveTarget, EventBody, Timestamp};

use crate::common::{START, Story, assignment};

const CAPS: &str = "batch message-tags server-time draft/chathistory echo-message";

fn story(last_seen: Vec<(String, Timestamp)>) -> Story {
    let settings = Settings {
        burst: 1000,
        ..Settings::default()
    };
    let mut story = Story::with(assignment(), last_seen, settings);
    story.command(gateway::Command::Audience { sockets: 1 });
    story.connect();
    story.server(&format!(":irc.test CAP * LS :{CAPS}"));
    story.server(&format!(":irc.test CAP * ACK :{CAPS}"));
    story.sent.clear();
    story.welcome("alice", "CHANTYPES=# CHATHISTORY=2");
    story
}

fn page(story: &mut Story, target: &str, messages: &[(&str, &str, &str)]) {
    story.server(&format!(":irc.test BATCH +p chathistory {target}"));
    for (id, time, text) in messages {
        story.server(&format!(
            "@batch=p;msgid={id};time=2026-01-01T{time}Z :bob!b@h PRIVMSG {target} :{text}"
        ));
    }
    story.server(":irc.test BATCH -p");
}

/// What was said, and whether nothing was missing before it: where it was said, and of what persons write.
fn found(story: &Story) -> Vec<(&str, bool, bool)> {
    let said = story.outputs.iter().filter_map(|output| match output {
        gateway::Output::Activity { activity, seen, .. } if activity.kind == "send" => {
            Some((activity.content().unwrap(), seen.target, seen.persons))
        }
        _ => None,
    });
    said.collect()
}

#[test]
fn a_gap_is_filled_page_by_page_in_order() {
    let seen = Timestamp::from_millis(START - 3_600_000);
    let mut story = story(vec![("#T".to_owned(), seen)]);
    story.sent.clear();
    story.outputs.clear();
    story.server(":alice!al@host.test JOIN #t");
    assert_eq!(
        story.sent,
        ["CHATHISTORY AFTER #t timestamp=2025-12-31T22:59:59.999Z 2"]
    );
    story.elapsed += Duration::from_secs(7200);
    page(
        &mut story,
        "#t",
        &[("a", "00:00:01.000", "one"), ("b", "00:00:02.000", "two")],
    );
    assert_eq!(
        story.sent[1],
        "CHATHISTORY AFTER #t timestamp=2026-01-01T00:00:01.999Z 2"
    );
    // Someone speaks meanwhile, which does not end the search.
    story.server("@msgid=z;time=2026-01-01T02:00:00.000Z :bob!b@h PRIVMSG #t :live");
    page(
        &mut story,
        "#t",
        &[("b", "00:00:02.000", "two"), ("c", "00:00:03.000", "three")],
    );
    assert_eq!(
        story.sent[2],
        "CHATHISTORY AFTER #t timestamp=2026-01-01T00:00:02.999Z 2"
    );
    page(&mut story, "#t", &[("c", "00:00:03.000", "three")]);
    assert_eq!(story.sent.len(), 3);
    assert_eq!(story.texts(), ["one", "two", "live", "three"]);
    let records: Vec<_> = story
        .activities()
        .iter()
        .flat_map(|(_, _, records)| records.iter())
        .filter_map(|(_, body)| match body {
            EventBody::Message { message, .. } if message.text == "two" => Some(message.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].timestamp, START + 2000);
    assert_eq!(records[0].id.as_deref(), Some("b"));
    // Lost and back: everything up to the live message is known.
    story.lost("gone.");
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.server(&format!(":irc.test CAP * LS :{CAPS}"));
    story.server(&format!(":irc.test CAP * ACK :{CAPS}"));
    story.welcome("alice", "CHANTYPES=# CHATHISTORY=2");
    story.sent.clear();
    story.server(":alice!al@host.test JOIN #t");
    assert_eq!(
        story.sent,
        ["CHATHISTORY AFTER #t timestamp=2026-01-01T01:59:59.999Z 2"]
    );
}

#[test]
fn a_page_ends_the_search_if_the_server_says_so_and_what_belongs_to_messages_does_not_count() {
    let begun = || {
        let seen = Timestamp::from_millis(START - 3_600_000);
        let mut story = story(vec![("#T".to_owned(), seen)]);
        story.sent.clear();
        story.server(":alice!al@host.test JOIN #t");
        story.elapsed += Duration::from_secs(7200);
        story
    };
    let line = |id: &str, second: u32, tags: &str| {
        format!(
            "@batch=p;msgid={id};time=2026-01-01T00:00:0{second}.000Z{tags} :bob!b@h PRIVMSG #t :{id}"
        )
    };
    let told = |opening: &str, lines: &[String]| {
        let mut story = begun();
        story.server(opening);
        for line in lines {
            story.server(line);
        }
        story.server(":irc.test BATCH -p");
        story.sent.len()
    };
    let plain = ":irc.test BATCH +p chathistory #t";
    let ends = "@draft/chathistory-end :irc.test BATCH +p chathistory #t";
    let two = [line("a", 1, ""), line("b", 2, "")];
    assert_eq!(told(plain, &two), 2);
    assert_eq!(told(ends, &two), 1);
    // A page of two with one message and something about it: nothing is left.
    let about = [line("a", 1, ""), line("b", 2, ";draft/chathistory-context")];
    assert_eq!(told(plain, &about), 1);
}

#[test]
fn a_gap_stays_open_when_the_connection_goes_while_it_is_filled() {
    let seen = Timestamp::from_millis(START - 3_600_000);
    let mut story = story(vec![("#t".to_owned(), seen)]);
    story.server(":alice!al@host.test JOIN #t");
    story.elapsed += Duration::from_secs(7200);
    page(
        &mut story,
        "#t",
        &[("a", "00:00:01.000", "one"), ("b", "00:00:02.000", "two")],
    );
    story.server("@msgid=z;time=2026-01-01T02:00:00.000Z :bob!b@h PRIVMSG #t :live");
    story.lost("gone.");
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.server(&format!(":irc.test CAP * LS :{CAPS}"));
    story.server(&format!(":irc.test CAP * ACK :{CAPS}"));
    story.welcome("alice", "CHANTYPES=# CHATHISTORY=2");
    story.sent.clear();
    story.server(":alice!al@host.test JOIN #t");
    assert_eq!(
        story.sent,
        ["CHATHISTORY AFTER #t timestamp=2026-01-01T00:00:01.999Z 2"]
    );
}

#[test]
fn persons_who_wrote_meanwhile_are_asked_for() {
    let seen = Timestamp::from_millis(START);
    let mut story = story(vec![("#t".to_owned(), seen)]);
    let asked = story.sent.last().unwrap().clone();
    assert!(
        asked.starts_with("CHATHISTORY TARGETS timestamp=2025-12-31T23:59:59.999Z timestamp="),
        "{asked}"
    );
    story.sent.clear();
    story.outputs.clear();
    story.server(":irc.test BATCH +t draft/chathistory-targets");
    story.server("@batch=t :irc.test CHATHISTORY TARGETS #t 2026-01-01T00:10:00.000Z");
    story.server("@batch=t :irc.test CHATHISTORY TARGETS bob 2026-01-01T00:11:00.000Z");
    story.server(":irc.test BATCH -t");
    assert_eq!(
        story.sent,
        ["CHATHISTORY AFTER bob timestamp=2025-12-31T23:59:59.999Z 2"]
    );
    story.server(":irc.test BATCH +q chathistory bob");
    story.server(
        "@batch=q;msgid=1;time=2026-01-01T00:10:00.000Z :bob!b@h PRIVMSG alice :are you there?",
    );
    story.server(":irc.test BATCH -q");
    let (_, _, records) = story.only();
    let EventBody::Message { target, .. } = &records[0].1 else {
        panic!()
    };
    assert_eq!(*target, ArchiveTarget::User("bob".to_owned()));
}

#[test]
fn a_message_with_an_id_keeps_its_day_when_our_clock_is_set_back() {
    let caps = "batch message-tags server-time";
    let mut story = Story::online(assignment(), caps, "CHANTYPES=#");
    story.join("#t", "alice bob");
    // The clock of these stories shows the first of January.
    for (tags, published) in [
        (
            "time=2026-01-02T06:00:00.000Z;msgid=a",
            "2026-01-02T06:00:00.000Z",
        ),
        ("time=2026-01-02T06:00:00.000Z", "2026-01-01T00:00:00.000Z"),
        (
            "time=2027-01-02T06:00:00.000Z;msgid=b",
            "2026-01-01T00:00:00.000Z",
        ),
    ] {
        story.outputs.clear();
        story.server(&format!("@{tags} :bob!b@h PRIVMSG #t :hello"));
        let (activity, ..) = story.only();
        assert_eq!(activity.published.as_deref(), Some(published), "{tags}");
    }
}

#[test]
fn a_new_channel_shows_its_latest_and_no_history_is_no_harm() {
    let mut story = story(vec![]);
    story.sent.clear();
    story.server(":alice!al@host.test JOIN #new");
    assert_eq!(story.sent, ["CHATHISTORY LATEST #new * 2"]);
    story.outputs.clear();
    story.server(":irc.test FAIL CHATHISTORY INVALID_TARGET LATEST #new :No history");
    assert!(story.outputs.is_empty());
}

#[test]
fn history_that_nobody_asked_for_is_taken_and_changes_no_members() {
    let mut story = Story::online(
        assignment(),
        "batch message-tags server-time",
        "CHANTYPES=#",
    );
    story.join("#t", "alice bob");
    story.server(":irc.test BATCH +h chathistory #t");
    story.server("@batch=h;time=2025-12-31T20:00:00.000Z;msgid=x :bob!b@h PRIVMSG #t :earlier");
    story.server("@batch=h;time=2025-12-31T20:00:01.000Z :bob!b@h PART #t");
    story.server("@batch=h :mallory!m@h PRIVMSG #t :\x01VERSION\x01");
    story.server(":irc.test BATCH -h");
    let (activity, ..) = story.only();
    assert_eq!(
        activity.published.as_deref(),
        Some("2025-12-31T20:00:00.000Z")
    );
    assert!(story.sent.is_empty());
    story.server("@msgid=x :bob!b@h PRIVMSG #t :earlier");
    assert_eq!(story.texts(), ["earlier"]);
    // A netsplit in a batch is not history.
    story.server(":irc.test BATCH +n netsplit a.test b.test");
    story.server("@batch=n :bob!b@h QUIT :a.test b.test");
    assert_eq!(story.activities().last().unwrap().0.kind, "leave");
}

#[test]
fn what_is_said_while_a_gap_is_filled_does_not_hide_the_gap() {
    let seen = Timestamp::from_millis(START - 3_600_000);
    let last_seen = ["#t", "bob", "*"].map(|name| (name.to_owned(), seen));
    let last_seen = last_seen.to_vec();
    let mut story = story(last_seen);
    // Who wrote is requested from the time up to which everything was known, not from the newest message.
    assert!(
        story
            .sent
            .iter()
            .any(|line| line.starts_with("CHATHISTORY TARGETS timestamp=2025-12-31T22:59:59.999Z")),
        "{:?}",
        story.sent
    );
    story.server(":alice!al@host.test JOIN #t");
    story.server("@msgid=l1;time=2026-01-01T02:00:00.000Z :bob!b@h PRIVMSG #t :live");
    story.server("@msgid=l2;time=2026-01-01T02:00:00.001Z :bob!b@h PRIVMSG alice :direct");
    page(&mut story, "#t", &[("a", "00:00:01.000", "missed")]);
    story.server("@msgid=l3;time=2026-01-01T02:00:00.002Z :bob!b@h PRIVMSG #t :after");
    story.server(":irc.test BATCH +x draft/chathistory-targets");
    story.server("@batch=x :irc.test CHATHISTORY TARGETS bob 2026-01-01T00:00:02.000Z");
    assert_eq!(
        story.sent.last().unwrap(),
        "CHATHISTORY AFTER bob timestamp=2025-12-31T22:59:59.999Z 2"
    );
    story.server(":irc.test BATCH -x");
    story.server("@msgid=l4;time=2026-01-01T02:00:00.003Z :bob!b@h PRIVMSG alice :still");
    page(&mut story, "bob", &[("b", "00:00:02.000", "missed too")]);
    story.server("@msgid=l5;time=2026-01-01T02:00:00.004Z :bob!b@h PRIVMSG alice :whole");
    assert_eq!(
        found(&story),
        [
            ("live", false, false),
            ("direct", false, false),
            ("missed", true, false),
            ("after", true, false),
            ("still", false, false),
            ("missed too", true, false),
            ("whole", true, true),
        ]
    );
}

#[test]
fn whoever_is_let_in_once_more_has_a_gap_again() {
    let mut story = story(vec![]);
    story.server(":alice!al@host.test JOIN #t");
    page(&mut story, "#t", &[]);
    story.server("@msgid=l1;time=2026-01-01T02:00:00.000Z :bob!b@h PRIVMSG #t :whole");
    // That we were out nobody told us.
    story.server(":alice!al@host.test JOIN #t");
    story.server("@msgid=l2;time=2026-01-01T03:00:00.000Z :bob!b@h PRIVMSG #t :live");
    assert_eq!(
        found(&story),
        [("whole", true, false), ("live", false, false)]
    );
}

#[test]
fn a_page_is_waited_for_as_long_as_it_goes_on() {
    let mut story = story(vec![]);
    story.server(":alice!al@host.test JOIN #t");
    story.server(":irc.test BATCH +p chathistory #t");
    for n in 0..4 {
        story.pass(Duration::from_secs(20));
        story.server(&format!(
            "@batch=p;msgid={n};time=2026-01-01T00:00:0{n}.000Z :bob!b@h PRIVMSG #t :{n}"
        ));
    }
    story.server(":irc.test BATCH -p");
    story.outputs.clear();
    story.server("@msgid=l;time=2026-01-01T02:00:00.000Z :bob!b@h PRIVMSG #t :live");
    assert_eq!(found(&story), [("live", true, false)]);
}

#[test]
fn a_person_whose_page_never_comes_leaves_the_gap_open() {
    for comes in [true, false] {
        let mut story = story(vec![("#t".to_owned(), Timestamp::from_millis(START))]);
        story.server(":irc.test BATCH +x draft/chathistory-targets");
        for who in ["bob", "carol"] {
            story.server(&format!(
                "@batch=x :irc.test CHATHISTORY TARGETS {who} 2026-01-01T00:10:00.000Z"
            ));
        }
        story.server(":irc.test BATCH -x");
        story.pass(Duration::from_secs(20));
        if comes {
            page(&mut story, "bob", &[]);
        }
        // There is more of what the other one wrote.
        page(
            &mut story,
            "carol",
            &[("a", "00:00:01.000", "one"), ("b", "00:00:02.000", "two")],
        );
        story.pass(Duration::from_secs(20));
        page(&mut story, "carol", &[]);
        story.outputs.clear();
        story.server("@msgid=l;time=2026-01-01T02:00:00.000Z :bob!b@h PRIVMSG alice :live");
        assert_eq!(found(&story), [("live", comes, comes)]);
    }
}

#[test]
fn messages_without_an_id_have_the_same_id_at_each_replay() {
    let ids = || {
        let mut story = story(Vec::new());
        story.server(":alice!al@host.test JOIN #t");
        story.outputs.clear();
        story.server(":irc.test BATCH +p chathistory #t");
        for (time, text) in [("01", "hi"), ("01", "hi"), ("02", "hi"), ("01", "ho")] {
            story.server(&format!(
                "@batch=p;time=2026-01-01T00:00:{time}.000Z :bob!b@h PRIVMSG #t :{text}"
            ));
        }
        story.server(":irc.test BATCH -p");
        let told = story.activities();
        told.iter()
            .map(|(activity, ..)| activity.id.clone().unwrap())
            .collect::<Vec<_>>()
    };
    let first = ids();
    let different: std::collections::BTreeSet<_> = first.iter().collect();
    assert_eq!((first.len(), different.len()), (4, 4));
    assert_eq!(ids(), first);
}

#[test]
fn a_replay_of_what_came_without_an_id_is_known() {
    let mut story = story(Vec::new());
    story.server(":alice!al@host.test JOIN #t");
    let said = "time=2026-01-01T00:00:01.000Z :bob!b@h PRIVMSG #t :hi";
    story.server(&format!("@{said}"));
    story.server(&format!("@{said}"));
    assert_eq!(story.texts().len(), 2);
    story.server(":irc.test BATCH +p chathistory #t");
    story.server(&format!("@batch=p;{said}"));
    story.server(&format!("@batch=p;{said}"));
    story.server(":irc.test BATCH -p");
    assert_eq!(story.texts().len(), 2);
}
