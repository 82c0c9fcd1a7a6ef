//! Servers with unusual registrations or refusals.

use gateway::Command;

use crate::common::{Story, assignment};

#[test]
fn a_welcome_without_a_name_leaves_us_ours() {
    for welcome in [":irc.test 001", ":irc.test 001 *", ":irc.test 001 :"] {
        let mut story = Story::new(assignment());
        story.connect();
        story.server(welcome);
        story.server(":irc.test 376 alice :End");
        assert_eq!(
            story.state().1,
            "Connected to irc.test as alice.",
            "{welcome}"
        );
    }
}

#[test]
fn a_list_of_capabilities_may_be_as_long_as_it_likes() {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("secret".to_owned());
    let mut story = Story::new(record);
    story.connect();
    story.sent.clear();
    for line in 0..200 {
        let list: String = (0..10)
            .map(|n| format!("example.org/c{line}x{n}=v "))
            .collect();
        story.server(&format!(":irc.test CAP * LS * :{list}"));
    }
    assert!(story.sent.is_empty(), "{:?}", story.sent);
    story.server(":irc.test CAP * LS :server-time sasl=PLAIN");
    assert_eq!(story.sent, ["CAP REQ server-time", "CAP REQ sasl"]);
}

#[test]
fn what_a_server_says_between_welcome_and_the_end_of_it_is_shown() {
    let mut story = Story::new(assignment());
    story.connect();
    story.server(":irc.test NOTICE * :*** Looking up your hostname");
    story.server(":irc.test 001 alice :Welcome");
    story.server(":irc.test NOTICE alice :Read the rules");
    story.server(":irc.test 376 alice :End");
    assert_eq!(story.texts(), ["Read the rules"]);
}

/// Minutes with a server that offers the sign-in when asked, and refuses it.
fn refusing(story: &mut Story, minutes: u32) {
    for _ in 0..minutes {
        let before = story.sent.len();
        let asked =
            |story: &Story, line: &str| story.sent[before..].iter().any(|sent| sent == line);
        story.pass_alive(1);
        if asked(story, "CAP LS 302") {
            story.server(":irc.test CAP alice LS :sasl=PLAIN");
        }
        if asked(story, "CAP REQ sasl") {
            story.server(":irc.test CAP alice ACK :sasl");
        }
        if asked(story, "AUTHENTICATE PLAIN") {
            story.server("AUTHENTICATE +");
            story.server(":irc.test 904 alice :SASL authentication failed");
        }
    }
}

#[test]
fn a_password_that_is_refused_is_not_shown_every_minute() {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("wrong".to_owned());
    record.connection.channels = vec!["#a".to_owned()];
    let mut story = Story::new(record);
    story.command(Command::Audience { sockets: 1 });
    story.connect();
    story.server(":irc.test CAP * LS :");
    story.welcome("alice", "CHANTYPES=#");
    story.sent.clear();
    story.outputs.clear();
    let attempts = |story: &Story| {
        let is = |line: &&String| *line == "AUTHENTICATE PLAIN";
        story.sent.iter().filter(is).count()
    };
    let complaints = |story: &Story| {
        let told = story.activities().into_iter();
        let errors = told.filter_map(|(activity, ..)| activity.error.as_deref());
        errors
            .filter(|error| error.contains("refused the password"))
            .count()
    };
    // The services come back and refuse.
    refusing(&mut story, 14);
    assert_eq!((attempts(&story), complaints(&story)), (1, 1));
    // Said twice it is refused once.
    story.server(":irc.test 904 alice :SASL authentication failed");
    assert_eq!(complaints(&story), 1);
    // Something else that is offered does not make it right.
    story.server(":irc.test CAP alice NEW :away-notify");
    story.server(":irc.test CAP alice ACK :away-notify");
    assert_eq!(attempts(&story), 1);
    // After a long time, or when it is offered again, it is retried.
    refusing(&mut story, 6);
    assert_eq!((attempts(&story), complaints(&story)), (2, 2));
    story.server(":irc.test CAP alice NEW :sasl=PLAIN");
    assert_eq!(attempts(&story), 3);
    story.server("AUTHENTICATE +");
    story.server(":irc.test 903 alice :ok");
    assert!(story.sent.contains(&"JOIN #a".to_owned()));
}

#[test]
fn only_mechanisms_that_we_do_not_have_are_complained_of_once() {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.password = Some("secret".to_owned());
    let mut story = Story::new(record);
    story.connect();
    story.server(":irc.test CAP * LS :");
    story.welcome("alice", "CHANTYPES=#");
    story.server(":irc.test CAP alice NEW :sasl=EXTERNAL");
    story.server(":irc.test CAP alice ACK :sasl");
    story.outputs.clear();
    for _ in 0..5 {
        story.server(":irc.test CAP alice NEW :example.org/x");
    }
    assert!(story.activities().is_empty(), "{:#?}", story.activities());
}

#[test]
fn what_a_server_says_last_is_why_it_closes() {
    let mut story = Story::new(assignment());
    story.connect();
    story.server(":tmi.test NOTICE * :Checking\u{2} you");
    story.server(":tmi.test NOTICE * :Login authentication failed");
    story.lost("The server closed the connection.");
    let (_, sentence) = story.state();
    assert!(
        sentence.starts_with(
            "The server closed the connection. Its last message was: Login authentication failed. Next"
        ),
        "{sentence}"
    );
    // ERROR is more precise, and nothing from the last connection is left.
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.server(":tmi.test NOTICE * :Looking up your host");
    story.server("ERROR :Closing link: go away");
    story.lost("The server closed the connection.");
    let (_, sentence) = story.state();
    assert!(
        sentence.starts_with("irc.test closed the connection: Closing link: go away. Next"),
        "{sentence}"
    );
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.server(":tmi.test NOTICE * :Looking up your host");
    story.welcome("alice", "CHANTYPES=#");
    story.lost("The server closed the connection.");
    let (_, sentence) = story.state();
    assert!(
        sentence.starts_with("The server closed the connection. Next"),
        "{sentence}"
    );
}
