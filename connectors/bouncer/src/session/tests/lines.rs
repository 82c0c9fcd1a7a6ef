//! What every line has to be, and what the first ones say.

use super::*;

#[test]
fn no_line_is_longer_than_a_line() {
    // `take` checks each.
    let (long, nick) = ("äöü ".repeat(300), "n".repeat(120));
    let mut story = Story::in_room("message-tags away-notify soju.im/bouncer-networks-notify");
    let text = |kind: &str, more: Value| {
        let mut activity = about(kind, &nick, "#c");
        activity.object = Some(more.into());
        activity
    };
    let mut lines = story.tell(about("join", &nick, "#c"));
    lines.extend(story.tell(text("update", json!({"type": "topic", "content": long}))));
    let away = json!({"type": "presence", "show": "away", "content": long});
    lines.extend(story.tell(text("update", away)));
    lines.extend(story.say("TOPIC #c"));
    lines.extend(story.tell(text(
        "leave",
        json!({"type": "message", "content": long, "quit": true}),
    )));
    lines.extend(story.tell(about("join", &nick, "#c")));
    lines.extend(story.tell(text(
        "leave",
        json!({"type": "message", "content": long, "by": "bob"}),
    )));
    let mut named = about("update", "bob", "#c");
    named.target = Some(Entity::person(&"b".repeat(600), "irc.test"));
    named.object = Some(ActivityObject::address());
    lines.extend(story.tell(named));
    let mut error = about("error", "alice", "#c");
    error.error = Some(long.clone());
    lines.extend(story.tell(error));
    let mut odd = network("n2", &"n".repeat(300));
    odd.record
        .fields
        .insert("realname".to_owned(), long.clone().into());
    lines.extend(story.take(Input::Networks(vec![odd])));
    assert!(
        lines.iter().any(|line| line.ends_with(";nickname=alice")),
        "{lines:?}"
    );
    lines.extend(story.take(Input::News(News::Ended(long))));
    for command in [
        " TOPIC ", " AWAY ", " 332 ", " QUIT ", " KICK ", " NICK ", " NOTICE ", "BOUNCER ",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(command)),
            "{command}: {lines:?}"
        );
    }

    let mut story = Story::new();
    story.say("PASS alice:pw");
    story.say("NICK alice");
    story.say("USER alice 0 * :Alice");
    story.sign_in(vec![network("n1", &"x".repeat(500))]);
    let lines = story.take(Input::Attached(Ok(network("n1", &"x".repeat(500)))));
    assert!(
        lines.iter().filter(|line| line.contains(" 005 ")).count() > 1,
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.contains(" MODES=1 ")),
        "{lines:?}"
    );
}

#[test]
fn without_a_network_no_kind_of_channel_is_promised() {
    let mut story = Story::new();
    story.say("CAP REQ :soju.im/bouncer-networks");
    story.say("PASS alice:pw");
    story.say("NICK alice");
    story.say("USER alice 0 * :Alice");
    story.say("CAP END");
    let lines = story.sign_in(Vec::new()).join("\n");
    assert!(
        lines.contains(" 005 ") && !lines.contains("CHANTYPES"),
        "{lines}"
    );
}

#[test]
fn whois_is_what_is_known_and_nothing_that_is_not() {
    let mut story = Story::in_room("");
    assert!(
        story
            .say("WHO #c")
            .iter()
            .any(|line| line.contains(" bob H@ "))
    );
    story.say("WHOIS bob");
    let whois = json!({
        "type": "whois", "nick": "bob", "server": "hub.test", "channels": ["#c", "#other"], "idle": 7,
    });
    let lines = story.answer(|one| one.object = Some(whois.into()));
    for end in [
        " 319 alice bob :@#c #other",
        " 312 alice bob hub.test net",
        " 320 alice bob :has been idle for 7 seconds",
    ] {
        assert!(
            lines.iter().any(|line| line.ends_with(end)),
            "{end}: {lines:?}"
        );
    }
    assert!(
        !lines.iter().any(|line| line.contains(" 317 ")),
        "{lines:?}"
    );
}

#[test]
fn who_wants_to_be_another_account_is_told_why_not() {
    let mut story = Story::new();
    story.say("CAP REQ sasl");
    story.say("AUTHENTICATE PLAIN");
    // bob\0alice\0pw
    let lines = story.say("AUTHENTICATE Ym9iAGFsaWNlAHB3");
    let told = "leave the authorization identity (authzid) empty";
    assert!(
        lines[0].contains(" 904 ") && lines[0].ends_with(told),
        "{lines:?}"
    );
    assert!(story.orders.is_empty(), "no password is checked");
    // alice\0alice/net\0pw
    story.say("AUTHENTICATE PLAIN");
    story.say("AUTHENTICATE YWxpY2UAYWxpY2UvbmV0AHB3");
    assert!(matches!(story.orders[..], [Output::SignIn(_)]));
}
