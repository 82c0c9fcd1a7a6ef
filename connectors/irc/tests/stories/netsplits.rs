//! Netsplits and their ends are told and archived as one event.

use std::time::Duration;

use gateway::Output;
use protocol::EventBody;

use crate::common::{Story, assignment};

const ISUPPORT: &str = "CHANTYPES=# PREFIX=(ov)@+";

/// In channels with these people.
fn with(channels: usize, people: usize, caps: &str) -> Story {
    let mut story = Story::online(assignment(), caps, ISUPPORT);
    for channel in 0..channels {
        story.server(&format!(":alice!a@h JOIN #c{channel}"));
        for n in 0..people {
            story.server(&format!(":irc.test 353 alice = #c{channel} :p{n}"));
        }
        story.server(&format!(":irc.test 366 alice #c{channel} :End"));
    }
    story.sent.clear();
    story.outputs.clear();
    story
}

fn archived(story: &Story) -> Vec<String> {
    let records = story.outputs.iter().filter_map(|output| match output {
        Output::Activity { records, .. } => Some(records),
        _ => None,
    });
    let text = |body: &EventBody| match body {
        EventBody::Message { message, .. } => Some(message.text.clone()),
        _ => None,
    };
    records
        .flatten()
        .filter_map(|(_, body)| text(body))
        .collect()
}

#[test]
fn who_goes_at_once_is_told_at_once() {
    for batch in [false, true] {
        let mut story = with(2, 30, "batch");
        let tag = if batch { "@batch=n " } else { "" };
        if batch {
            story.server(":irc.test BATCH +n netsplit hub.net leaf.net");
        }
        for n in 0..25 {
            story.server(&format!("{tag}:p{n}!u@h QUIT :hub.net leaf.net"));
        }
        if batch {
            story.server(":irc.test BATCH -n");
        }
        // Members are gone at once.
        let leaves = |story: &Story| {
            let all = story.activities();
            all.iter().filter(|(a, ..)| a.kind == "leave").count()
        };
        assert_eq!(leaves(&story), 50);
        assert!(archived(&story).is_empty());
        story.pass(Duration::from_secs(5));
        assert_eq!(leaves(&story), 52);
        let told = archived(&story);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0]
                .starts_with("25 people quit in a netsplit between hub.net and leaf.net: p0, p1"),
            "{told:?}"
        );
        assert!(told[0].ends_with("p19 and 5 more"), "{told:?}");
        story.outputs.clear();
        if batch {
            story.server(":irc.test BATCH +j netjoin hub.net leaf.net");
        }
        let tag = if batch { "@batch=j " } else { "" };
        for n in 0..25 {
            story.server(&format!("{tag}:p{n}!u@h JOIN #c0"));
        }
        if batch {
            story.server(":irc.test BATCH -j");
        }
        story.pass(Duration::from_secs(5));
        let told = archived(&story);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("25 people are back after a netsplit"),
            "{told:?}"
        );
        story.outputs.clear();
        // Whoever quits or joins otherwise is told as ever.
        story.server(":p3!u@h QUIT :Quit: hub.net leaf.net");
        story.server(":stranger!u@h JOIN #c0");
        let told = archived(&story);
        assert_eq!(
            told,
            ["p3 quit (Quit: hub.net leaf.net)", "stranger joined"]
        );
    }
}

#[test]
fn what_is_going_on_is_told_when_the_connection_ends() {
    let mut story = with(1, 3, "");
    story.server(":p1!u@h QUIT :hub.net leaf.net");
    story.lost("The connection was lost.");
    assert_eq!(
        archived(&story),
        ["1 person quit in a netsplit between hub.net and leaf.net: p1"]
    );
}

#[test]
fn a_netsplit_of_thousands_costs_as_much_for_each_and_is_archived_once() {
    let outputs = |people: usize| {
        let mut story = with(3, people, "");
        for n in 0..people {
            story.server(&format!(":p{n}!u@h QUIT :hub.net leaf.net"));
        }
        story.pass(Duration::from_secs(5));
        for n in 0..people {
            for channel in 0..3 {
                story.server(&format!(":p{n}!u@h JOIN #c{channel}"));
            }
        }
        story.pass(Duration::from_secs(5));
        assert_eq!(archived(&story).len(), 6);
        // Nothing is asked of the server for any of them.
        assert!(story.sent.len() < 10, "{:?}", story.sent);
        story.outputs.len()
    };
    let (some, all) = (outputs(625), outputs(5_000));
    assert!(all <= 8 * some, "{some} {all}");
}
