//! Servers that want to be connected to with TLS.

use std::time::Duration;

use gateway::Command;
use irc_connector::session::Policy;
use protocol::Assignment;

use crate::common::{Story, assignment};

fn plain(host: &str) -> Assignment {
    let mut record = assignment();
    record.connection.set("secure", false);
    record.connection.set("port", 6667);
    record.connection.set("host", host);
    record
}

fn connects(story: &Story) -> Vec<&str> {
    let connects = story.actions.iter().filter(|a| a.starts_with("connect"));
    connects.map(String::as_str).collect()
}

#[test]
fn the_connection_is_made_again_with_tls_before_any_password_is_said() {
    let mut record = plain("irc.test");
    record.connection.set("sasl", true);
    record.connection.password = Some("sesame".to_owned());
    let mut story = Story::new(record);
    story.connect();
    story.server(":irc.test CAP * LS * :batch sts=port=6697,duration=5");
    assert_eq!(story.actions.last().unwrap(), "disconnect");
    assert!(!story.sent.iter().any(|line| line.contains("AUTHENTICATE")));
    let sentence = story.state().1;
    assert!(
        sentence.contains("wants to be connected to with TLS"),
        "{sentence}"
    );
    story.connect();
    assert_eq!(
        connects(&story),
        ["connect irc.test 6667 false", "connect irc.test 6697 true"]
    );
    // There a port is of no interest, and how long it holds is.
    story.server(":irc.test CAP * LS :sasl=PLAIN sts=duration=300,port=7000");
    story.server(":irc.test CAP * ACK :sasl");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
    story.lost("The connection was lost.");
    story.pass(Duration::from_secs(70));
    assert_eq!(
        connects(&story).last().unwrap(),
        &"connect irc.test 6697 true"
    );
    story.pass(Duration::from_secs(300));
    story.lost("The connection was lost.");
    story.pass(Duration::from_secs(70));
    assert_eq!(
        connects(&story).last().unwrap(),
        &"connect irc.test 6667 false"
    );
}

#[test]
fn what_fails_with_tls_is_not_tried_without() {
    let mut story = Story::new(plain("irc.test"));
    story.connect();
    story.server(":irc.test CAP * LS :sts=port=6697");
    for _ in 0..3 {
        story.pass(Duration::from_secs(900));
        assert_eq!(
            connects(&story).last().unwrap(),
            &"connect irc.test 6697 true"
        );
        story.lost("The certificate is not accepted.");
    }
    // The person may want something else, and the server may end it.
    let mut record = plain("irc.test");
    record.connection.set("port", 6668);
    story.command(Command::Reassign(Box::new(record)));
    story.connect();
    assert_eq!(
        connects(&story).last().unwrap(),
        &"connect irc.test 6668 false"
    );
    story.server(":irc.test CAP * LS :sts=port=6697");
    story.connect();
    story.server(":irc.test CAP * LS :sts=duration=0");
    story.lost("The connection was lost.");
    story.pass(Duration::from_secs(70));
    assert_eq!(
        connects(&story).last().unwrap(),
        &"connect irc.test 6668 false"
    );
}

#[test]
fn a_policy_that_cannot_be_meant_is_no_policy() {
    for policy in [
        "sts",
        "sts=",
        "sts=port=",
        "sts=port=0",
        "sts=port=70000",
        "sts=duration=9",
        "xsts=port=1",
    ] {
        let mut story = Story::new(plain("irc.test"));
        story.connect();
        story.server(&format!(":irc.test CAP * LS :batch {policy}"));
        assert_eq!(story.sent.last().unwrap(), "CAP REQ batch", "{policy}");
    }
    let mut private = plain("ircd");
    private.connection.id = protocol::PRIVATE_CONNECTION.to_owned();
    for record in [
        plain("localhost"),
        plain("192.0.2.7"),
        private,
        assignment(),
    ] {
        let mut story = Story::new(record);
        story.connect();
        story.server(":irc.test CAP * LS :batch sts=port=6697");
        assert_eq!(story.sent.last().unwrap(), "CAP REQ batch");
    }
    // Also later.
    let mut story = Story::online(plain("irc.test"), "cap-notify", "CHANTYPES=#");
    story.server(":irc.test CAP alice NEW :sts=port=6697");
    assert_eq!(story.actions.last().unwrap(), "disconnect");
}

#[test]
fn what_was_said_over_tls_is_remembered_and_counts_from_the_end_of_the_connection() {
    let mut story = Story::new(assignment());
    story.connect();
    story.server(":irc.test CAP * LS :sts=duration=300");
    assert_eq!(story.actions.last().unwrap(), "remember irc.test 6697 300");
    story.welcome("alice", "CHANTYPES=#");
    story.pass_alive(20);
    story.actions.clear();
    story.lost("The connection was lost.");
    assert_eq!(story.actions, ["remember irc.test 6697 300"]);
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.server(":irc.test CAP * LS :sts=duration=0");
    assert_eq!(story.actions.last().unwrap(), "remember irc.test 6697 0");
    // What the network says when it is asked to let go is not undone by the end.
    story.actions.clear();
    story.lost("The connection was lost.");
    assert!(story.actions.is_empty(), "{:?}", story.actions);
}

#[test]
fn what_is_remembered_is_obeyed_and_not_ended_without_tls() {
    let policy = Policy {
        port: 6697,
        holds: Duration::from_secs(300),
    };
    let mut story = Story::new(plain("irc.test"));
    let now = story.now();
    story.session.handle_policy(policy, now);
    story.connect();
    assert_eq!(connects(&story), ["connect irc.test 6697 true"]);
    story.lost("The certificate is not accepted.");
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    assert_eq!(connects(&story)[1..], ["connect irc.test 6697 true"]);
    // The server does not say it any more: until its end it holds nevertheless.
    story.server(":irc.test CAP * LS :batch");
    story.lost("The connection was lost.");
    story.pass(Duration::from_secs(400));
    story.lost("The connection was lost.");
    story.pass(Duration::from_secs(70));
    assert_eq!(
        connects(&story).last().unwrap(),
        &"connect irc.test 6667 false"
    );
    // What is on another machine's name, or on this one, has none.
    for host in ["localhost", "192.0.2.7"] {
        let mut story = Story::new(plain(host));
        let now = story.now();
        story.session.handle_policy(policy, now);
        story.connect();
        assert_eq!(connects(&story), [format!("connect {host} 6667 false")]);
    }
}

#[test]
fn an_accepted_certificate_says_nothing_to_others() {
    let mut record = assignment();
    record.connection.set("certificate", "ab".repeat(32));
    let mut story = Story::new(record);
    story.connect();
    story.actions.clear();
    story.server(":irc.test CAP * LS :sts=duration=300");
    assert!(story.actions.is_empty(), "{:?}", story.actions);
}
