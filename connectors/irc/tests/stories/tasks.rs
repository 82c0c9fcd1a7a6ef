//! Tasks: lines that are sent once.

use std::time::Duration;

use gateway::{Command, RequestId, SayTask, TaskOutcome};
use protocol::{Say, Timestamp};

use crate::common::{START, Story, assignment};

const CAPS: &str = "echo-message labeled-response message-tags server-time batch";

fn say(target: &str, lines: &[&str]) -> Say {
    Say {
        account: "alice".parse().unwrap(),
        connection: "c1".to_owned(),
        target: target.to_owned(),
        from: "GitHub".to_owned(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        notice: false,
        source: None,
    }
}

fn task(story: &mut Story, number: u64, say: Say, begun: Option<Timestamp>) {
    let saying = SayTask {
        id: format!("t{number}"),
        say,
        said: vec![],
        begun,
    };
    story.command(Command::Say {
        request: RequestId(number),
        saying: Box::new(saying),
    });
}

fn in_tea(caps: &str) -> Story {
    let mut story = Story::online(assignment(), caps, "CHANTYPES=# CHATHISTORY=100");
    story.join("#tea", "alice bob");
    story.pass(Duration::from_secs(1));
    story.sent.clear();
    story
}

fn label(line: &str) -> &str {
    let at = line.find("label=").unwrap() + 6;
    line[at..].split([';', ' ']).next().unwrap()
}

fn later(story: &Story) -> bool {
    matches!(story.said().last(), Some((_, TaskOutcome::Later(_))))
}

#[test]
fn parts_are_tagged_and_confirmed_by_their_echo_after_it_is_recorded() {
    let mut story = in_tea(CAPS);
    task(&mut story, 1, say("#tea", &["one", "\x02two\x01"]), None);
    let sent = story.sent.clone();
    assert!(
        sent[0].contains("+subspace.chat/task=t1/0;label="),
        "{sent:?}"
    );
    assert!(sent[0].ends_with(" PRIVMSG #tea one") && sent[1].ends_with(" PRIVMSG #tea two"));
    assert!(sent[1].contains("task=t1/1"));
    story.outputs.clear();
    for (line, text) in sent.iter().zip(["one", "two"]) {
        let label = label(line);
        story.server(&format!(
            "@label={label};msgid=m-{text} :alice!a@h PRIVMSG #tea :{text}"
        ));
    }
    assert_eq!(
        story.said(),
        [
            (1, TaskOutcome::Part(0)),
            (1, TaskOutcome::Part(1)),
            (1, TaskOutcome::Done)
        ]
    );
    let records: Vec<usize> = story.activities().iter().map(|told| told.2.len()).collect();
    assert_eq!(
        (story.texts(), records),
        (vec!["one".to_owned(), "two".to_owned()], vec![1, 1])
    );
    assert!(matches!(story.outputs[0], gateway::Output::Activity { .. }));
}

#[test]
fn a_relaying_network_shows_who_speaks() {
    let mut story = in_tea(&format!("{CAPS} draft/relaymsg=/"));
    task(&mut story, 1, say("#tea", &["a commit"]), None);
    let line = story.sent.last().unwrap().clone();
    assert!(
        line.ends_with(" RELAYMSG #tea GitHub/hook :a commit"),
        "{line}"
    );
    let label = label(&line);
    story.server(&format!(
        "@label={label};msgid=m1;draft/relaymsg=alice :GitHub/hook!a@h PRIVMSG #tea :a commit"
    ));
    assert_eq!(story.said().last(), Some(&(1, TaskOutcome::Done)));
    let told = story.activities();
    let (activity, _, records) = told.last().unwrap();
    assert_eq!(activity.actor.as_ref().unwrap().id, "GitHub/hook@irc.test");
    let record = serde_json::to_value(&records[0].1).unwrap();
    assert_eq!(record["message"]["from"], "GitHub/hook");
}

#[test]
fn without_the_right_to_relay_it_is_said_under_the_own_name() {
    let mut story = in_tea(&format!("{CAPS} draft/relaymsg standard-replies"));
    task(&mut story, 1, say("#tea", &["a commit"]), None);
    let label = label(story.sent.last().unwrap()).to_owned();
    story.server(&format!(
        "@label={label} :irc.test FAIL RELAYMSG PRIVS_NEEDED :No"
    ));
    let line = story.sent.last().unwrap();
    assert!(
        line.ends_with(" PRIVMSG #tea :a commit") && line.contains("task=t1/0"),
        "{line}"
    );
    assert!(story.said().is_empty());
}

#[test]
fn what_cannot_be_said_is_refused_with_a_sentence() {
    let mut story = in_tea(CAPS);
    task(&mut story, 1, say("#else", &["one"]), None);
    task(&mut story, 2, say("#tea", &["", " "]), None);
    task(&mut story, 3, say("#tea", &["one", "two"]), None);
    let label = label(&story.sent[0]).to_owned();
    story.server(&format!(
        "@label={label} :irc.test 404 alice #tea :Cannot send"
    ));
    let said = story.said();
    let refused = |number: usize, text: &str| {
        let (request, said) = &said[number];
        let good = matches!(said, TaskOutcome::Refused(reason) if reason.contains(text));
        assert!(good, "{request} {said:?}");
    };
    refused(0, "alice is not in #else on irc.test");
    refused(1, "its target is missing");
    refused(2, "does not let you speak in #tea");
}

#[test]
fn a_task_waits_for_its_channel_and_is_refused_if_that_stays_shut() {
    let mut record = assignment();
    record.connection.channels = vec!["#tea".to_owned(), "#shut".to_owned()];
    let mut story = Story::online(record, CAPS, "CHANTYPES=#");
    task(&mut story, 1, say("#tea", &["one"]), None);
    task(&mut story, 2, say("#shut", &["two"]), None);
    assert!(!story.sent.iter().any(|line| line.contains("PRIVMSG")));
    story.server(":irc.test 473 alice #shut :Cannot join channel (+i)");
    assert!(
        matches!(&story.said()[..], [(2, TaskOutcome::Refused(reason))] if reason.contains("invitation"))
    );
    story.server(":alice!al@host.test JOIN #tea");
    assert!(
        story
            .sent
            .iter()
            .any(|line| line.ends_with("PRIVMSG #tea one"))
    );
}

#[test]
fn a_lost_connection_gives_tasks_back() {
    let mut story = in_tea(CAPS);
    task(&mut story, 1, say("#tea", &["one"]), None);
    story.lost("The server closed the connection.");
    assert!(later(&story));
    task(&mut story, 2, say("#tea", &["one"]), None);
    assert!(later(&story));
}

#[test]
fn a_history_that_comes_again_is_searched_again() {
    let mut story = in_tea(&format!("{CAPS} draft/chathistory"));
    story.pass(Duration::from_secs(40));
    let begun = Some(Timestamp::from_millis(START));
    task(&mut story, 1, say("#tea", &["one"]), begun);
    assert!(
        story.sent.last().unwrap().ends_with("PRIVMSG #tea one"),
        "it did not answer: {:?}",
        story.sent
    );
    story.server(":alice!al@host.test JOIN #milk");
    story.server(":irc.test BATCH +j chathistory #milk");
    story.server(":irc.test BATCH -j");
    task(&mut story, 2, say("#milk", &["two"]), begun);
    let last = story.sent.last().unwrap();
    assert!(last.contains("CHATHISTORY AFTER #milk "), "{last}");
}

#[test]
fn what_was_begun_before_is_looked_for_in_the_history() {
    let mut story = in_tea(&format!("{CAPS} draft/chathistory"));
    story.server(":irc.test BATCH +j chathistory #tea");
    story.server(":irc.test BATCH -j");
    let begun = Timestamp::from_millis(START);
    task(
        &mut story,
        1,
        say("#tea", &["one", "two", "three"]),
        Some(begun),
    );
    // Another one for the channel does not overtake it.
    task(&mut story, 2, say("#tea", &["four"]), None);
    let asked: Vec<&String> = story
        .sent
        .iter()
        .filter(|l| l.contains("CHATHISTORY"))
        .collect();
    assert!(
        asked
            .last()
            .unwrap()
            .contains(" AFTER #tea timestamp=2025-12-31T23:58:59"),
        "{asked:?}"
    );
    assert!(!story.sent.iter().any(|line| line.contains("PRIVMSG")));
    let time = "time=2026-01-01T00:00:00.100Z";
    story.server(":irc.test BATCH +h chathistory #tea");
    // One has its tag, one has lost it, one is from someone else who copied it.
    story.server(&format!(
        "@batch=h;{time};msgid=m1;+subspace.chat/task=t1/0 :alice!a@h PRIVMSG #tea :one"
    ));
    story.server(&format!(
        "@batch=h;{time};msgid=m2 :alice!a@h PRIVMSG #tea :two"
    ));
    story.server(&format!(
        "@batch=h;{time};msgid=m3;+subspace.chat/task=t1/2 :eve!e@h PRIVMSG #tea :three"
    ));
    story.server(":irc.test BATCH -h");
    assert_eq!(
        story.said(),
        [(1, TaskOutcome::Part(0)), (1, TaskOutcome::Part(1))]
    );
    let sent: Vec<&String> = story
        .sent
        .iter()
        .filter(|l| l.contains("PRIVMSG"))
        .collect();
    assert!(
        sent.len() == 2 && sent[0].ends_with("three") && sent[1].ends_with("four"),
        "{sent:?}"
    );
}

#[test]
fn parts_do_not_depend_on_the_connection() {
    let long = "word ".repeat(200);
    let cut = |host: &str| {
        let mut story = in_tea("message-tags");
        story.server(&format!(":alice!al@{host} CHGHOST al {host}"));
        task(&mut story, 1, say("#tea", &[&long]), None);
        story.sent.clone()
    };
    assert_eq!(cut("h"), cut(&"h".repeat(60)));
    assert!(cut("h").iter().all(|line| line.len() < 512));
}
