//! Signing in with the certificate of the connection.

use protocol::Assignment;

use crate::common::{Story, assignment};

fn with_certificate(password: Option<&str>) -> Assignment {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.set("client_certificate", true);
    record.connection.password = password.map(str::to_owned);
    record
}

fn offered(story: &mut Story, mechanisms: &str) {
    story.connect();
    story.server(&format!(":irc.test CAP * LS :sasl={mechanisms}"));
    if story.sent.iter().any(|line| line == "CAP REQ sasl") {
        story.server(":irc.test CAP * ACK :sasl");
    }
}

fn is_added(story: &Story) -> bool {
    let add = "PRIVMSG NickServ :CERT ADD";
    story.sent.iter().any(|line| line == add)
}

#[test]
fn the_certificate_is_tried_before_the_password() {
    let mut story = Story::new(with_certificate(Some("hunter2")));
    offered(&mut story, "EXTERNAL,PLAIN");
    assert_eq!(story.actions, ["connect irc.test 6697 true identified"]);
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE EXTERNAL");
    story.server("AUTHENTICATE +");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE +");
    story.server(":irc.test 900 * alice!a@h alice :You are now logged in as alice");
    story.server(":irc.test 903 * :ok");
    story.welcome("alice", "CHANTYPES=#");
    assert!(!is_added(&story), "{:?}", story.sent);
    assert!(!story.state().1.contains("waiting"));
}

#[test]
fn one_that_is_not_known_yet_is_added_after_the_sign_in_with_the_password() {
    for answer in ["AUTHENTICATE +", ""] {
        let mut story = Story::new(with_certificate(Some("hunter2")));
        offered(&mut story, "EXTERNAL,PLAIN");
        if !answer.is_empty() {
            story.server(answer);
        }
        story.server(":irc.test 904 * :SASL authentication failed");
        assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
        story.server("AUTHENTICATE +");
        story.server(":irc.test 903 * :ok");
        story.welcome("alice", "CHANTYPES=#");
        assert!(is_added(&story), "{:?}", story.sent);
        story.sent.clear();
        story.server(":irc.test 900 alice alice!a@h alice :You are now logged in as alice");
        assert!(!is_added(&story), "once");
    }
}

#[test]
fn without_a_password_one_is_let_in_and_it_is_added_once_services_know_us() {
    let mut story = Story::new(with_certificate(None));
    offered(&mut story, "PLAIN,EXTERNAL");
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE EXTERNAL");
    story.server("AUTHENTICATE +");
    story.server(":irc.test 904 * :SASL authentication failed");
    assert_eq!(story.sent.last().unwrap(), "CAP END");
    story.welcome("alice", "CHANTYPES=#");
    assert!(!is_added(&story), "{:?}", story.sent);
    story.server(":irc.test 900 alice alice!a@h alice :You are now logged in as alice");
    assert!(is_added(&story), "{:?}", story.sent);
}

#[test]
fn it_is_shown_over_tls_and_to_servers_that_take_it_only() {
    // Not listed.
    for mechanisms in ["PLAIN", "SCRAM-SHA-256,PLAIN"] {
        let mut story = Story::new(with_certificate(None));
        offered(&mut story, mechanisms);
        assert_eq!(story.sent.last().unwrap(), "CAP END", "{mechanisms}");
        story.welcome("alice", "CHANTYPES=#");
        story.server(":irc.test 900 alice alice!a@h alice :You are now logged in as alice");
        assert!(!is_added(&story), "{:?}", story.sent);
    }
    let mut record = with_certificate(Some("hunter2"));
    record.connection.set("secure", false);
    let mut story = Story::new(record);
    offered(&mut story, "EXTERNAL,PLAIN");
    assert_eq!(story.actions, ["connect irc.test 6697 false"]);
    assert_eq!(story.sent.last().unwrap(), "AUTHENTICATE PLAIN");
}
