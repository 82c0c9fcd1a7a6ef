//! Signing in with SCRAM-SHA-256, and when the password is shown instead.

use protocol::Assignment;

use crate::common::{Story, assignment};
use crate::scram::{Services, decoded, encoded};

const LISTED: &str = ":irc.test CAP * LS :sasl=PLAIN,SCRAM-SHA-256";

fn with_password(secure: bool, host: &str) -> Assignment {
    let mut record = assignment();
    record.connection.set("sasl", true);
    record.connection.set("secure", secure);
    record.connection.set("host", host);
    record.connection.set("username", "al,ice");
    record.connection.password = Some("sésame".to_owned());
    record
}

/// A story to where the server has listed what it takes.
fn listed(record: Assignment, line: &str) -> Story {
    let mut story = Story::new(record);
    story.connect();
    story.server(line);
    story.server(":irc.test CAP * ACK :sasl");
    story
}

fn last(story: &Story) -> &str {
    story.sent.last().unwrap()
}

/// To where the client has given its proof.
fn proved(story: &mut Story, services: &mut Services) -> String {
    assert_eq!(last(story), "AUTHENTICATE SCRAM-SHA-256");
    story.server("AUTHENTICATE +");
    let challenge = services.challenge(last(story));
    story.server(&format!("AUTHENTICATE {challenge}"));
    last(story).to_owned()
}

#[test]
fn scram_comes_before_plain_and_the_server_proves_itself() {
    for host in ["irc.test", "localhost"] {
        let mut services = Services::of("sésame");
        let mut story = listed(with_password(host == "irc.test", host), LISTED);
        let proof = proved(&mut story, &mut services);
        assert_eq!(story.derived, 1);
        assert!(services.said[0].starts_with("n=al=2Cice,r="));
        let answer = services.check(&proof).unwrap();
        story.server(&format!("AUTHENTICATE {answer}"));
        assert_eq!(last(&story), "AUTHENTICATE +");
        story.server(":irc.test 903 alice :ok");
        assert_eq!(last(&story), "CAP END");
        story.welcome("alice", "CHANTYPES=#");
        assert_eq!(story.state().1, "Connected to irc.test as alice.");
        assert!(!story.sent.iter().any(|line| line.contains("PLAIN")));
        // The next connection computes nothing, and has another nonce.
        story.lost("The connection was lost.");
        story.pass(std::time::Duration::from_secs(70));
        story.connected();
        let before = services.said[0].clone();
        story.server(LISTED);
        story.server(":irc.test CAP * ACK :sasl");
        let proof = proved(&mut story, &mut services);
        assert!(services.check(&proof).is_ok());
        assert_ne!(services.said[0], before);
        assert_eq!(story.derived, 1);
    }
}

#[test]
fn a_challenge_may_come_in_pieces() {
    let mut services = Services::of("sésame");
    let mut story = listed(with_password(true, "irc.test"), LISTED);
    story.server("AUTHENTICATE +");
    let challenge = services.challenge(last(&story));
    services.said[1].push_str(",x=");
    while encoded(&services.said[1]).len() < 800 {
        services.said[1].push('y');
    }
    let long = encoded(&services.said[1]);
    assert!(long.len() == 800 && challenge.len() < 400);
    story.server(&format!("AUTHENTICATE {}", &long[..400]));
    story.server(&format!("AUTHENTICATE {}", &long[400..]));
    story.server("AUTHENTICATE +");
    assert!(services.check(last(&story)).is_ok());
    // One without an end is given up.
    let mut story = listed(with_password(true, "irc.test"), LISTED);
    story.server("AUTHENTICATE +");
    for _ in 0..9 {
        story.server(&format!("AUTHENTICATE {}", &long[..400]));
    }
    assert_eq!(last(&story), "AUTHENTICATE *");
    assert_eq!(story.actions.last().unwrap(), "disconnect");
}

#[test]
fn who_does_not_know_the_password_is_not_believed() {
    let liars: [fn(&mut Story); 5] = [
        |story| story.server(":irc.test 903 alice :ok"),
        |story| story.server(&format!("AUTHENTICATE {}", encoded("v=AAAA"))),
        |story| story.server(&format!("AUTHENTICATE {}", encoded("e=other-error"))),
        |story| story.server("AUTHENTICATE +"),
        |story| story.server("AUTHENTICATE !!!"),
    ];
    for (number, lie) in liars.into_iter().enumerate() {
        let mut services = Services::of("sésame");
        let mut story = listed(with_password(true, "irc.test"), LISTED);
        proved(&mut story, &mut services);
        lie(&mut story);
        assert_eq!(last(&story), "AUTHENTICATE *", "{number}");
        assert_eq!(story.actions.last().unwrap(), "disconnect", "{number}");
        let (status, sentence) = story.state();
        assert_eq!(status, "offline");
        assert!(sentence.contains("cannot sign you in: it "), "{sentence}");
    }
    // Nor is one that skips all of it.
    let mut story = listed(with_password(true, "irc.test"), LISTED);
    story.server(":irc.test 903 alice :ok");
    assert!(story.state().1.contains("it did not prove"));
}

#[test]
fn a_hostile_challenge_is_not_computed() {
    for iterations in [1, 4095, 1_000_001, u32::MAX] {
        let mut services = Services::of("sésame");
        services.iterations = iterations;
        let mut story = listed(with_password(true, "irc.test"), LISTED);
        proved(&mut story, &mut services);
        assert_eq!(last(&story), "AUTHENTICATE *");
        assert_eq!(story.derived, 0);
        let sentence = story.state().1;
        assert!(sentence.contains(&iterations.to_string()), "{sentence}");
    }
}

#[test]
fn a_wrong_password_is_not_shown_instead() {
    let mut services = Services::of("other");
    let mut story = listed(with_password(true, "irc.test"), LISTED);
    let proof = proved(&mut story, &mut services);
    assert!(services.check(&proof).is_err());
    story.server(":irc.test 904 alice :SASL authentication failed");
    assert!(!story.sent.iter().any(|line| line.contains("PLAIN")));
    let sentence = story.state().1;
    assert!(
        sentence.contains("refused the password of al,ice: check it in the settings"),
        "{sentence}"
    );
}

#[test]
fn plain_follows_where_the_server_does_not_take_scram_and_nobody_listens() {
    for (secure, host, shown) in [
        (true, "irc.test", true),
        (false, "localhost", true),
        (false, "127.0.0.1", true),
        (false, "::1", true),
        (false, "irc.test", false),
    ] {
        // Before it has asked anything, and for this account only.
        for begun in [false, true] {
            let mut story = listed(with_password(secure, host), LISTED);
            assert_eq!(last(&story), "AUTHENTICATE SCRAM-SHA-256");
            if begun {
                story.server("AUTHENTICATE +");
            }
            story.server(":irc.test 908 alice PLAIN,EXTERNAL :are available SASL mechanisms");
            story.server(":irc.test 904 alice :SASL authentication failed");
            if shown {
                assert_eq!(last(&story), "AUTHENTICATE PLAIN", "{host}");
                story.server("AUTHENTICATE +");
                assert_eq!(decoded(last(&story)), "\0al,ice\0sésame");
                story.server(":irc.test 903 alice :ok");
                assert_eq!(last(&story), "CAP END");
            } else {
                let sentence = story.state().1;
                assert!(sentence.contains("turn on TLS"), "{sentence}");
                assert!(!story.sent.iter().any(|line| line.contains("PLAIN")));
            }
        }
    }
}

#[test]
fn what_a_server_takes_it_may_say_only_when_asked() {
    let mut story = listed(with_password(true, "irc.test"), ":irc.test CAP * LS :sasl");
    assert_eq!(last(&story), "AUTHENTICATE PLAIN");
    story.server(":irc.test 908 alice SCRAM-SHA-256 :are available SASL mechanisms");
    story.server(":irc.test 904 alice :SASL authentication failed");
    let mut services = Services::of("sésame");
    let proof = proved(&mut story, &mut services);
    assert!(services.check(&proof).is_ok());
    // What it has refused is not tried twice.
    let mut story = listed(with_password(true, "irc.test"), ":irc.test CAP * LS :sasl");
    for _ in 0..4 {
        story.server(":irc.test 904 alice :SASL authentication failed");
    }
    let tried = story.sent.iter().filter(|l| l.starts_with("AUTH")).count();
    assert_eq!(tried, 2, "{:?}", story.sent);
    assert_eq!(story.actions.last().unwrap(), "disconnect");
}

#[test]
fn a_password_that_scram_cannot_take_goes_with_plain() {
    let mut record = with_password(true, "irc.test");
    record.connection.password = Some("bell\u{7}".to_owned());
    let story = listed(record, LISTED);
    assert_eq!(last(&story), "AUTHENTICATE PLAIN");
}
