//! Messages to and from services, and nicknames they take away.

use protocol::EventBody;
use serde_json::json;

use crate::common::{Story, assignment};

/// Everything that is stored permanently, as one text.
fn kept(story: &Story) -> String {
    let told = story.activities();
    let records = told.iter().flat_map(|(_, _, records)| records.iter());
    records
        .map(|(id, body)| format!("{id} {body:?}\n"))
        .collect()
}

#[test]
fn what_services_repeat_is_kept_without_the_secret() {
    for (target, said) in [
        ("NickServ", "REGISTER hunter-22 a@example.test"),
        ("nickserv", "SET PASSWORD hunter-22"),
        ("NickServ@services.test", "IDENTIFY alice hunter-22"),
        ("AuthServ@Services.Test", "auth alice hunter-22"),
        ("HostServ", "REQUEST hunter-22"),
        ("ChanServ", "REGISTER #a hunter-22 a channel"),
        ("UserServ", "LOGIN alice hunter-22"),
        ("Q", "AUTH alice hunter-22"),
        ("X@channels.undernet.org", "login alice hunter-22"),
        ("*sasl", "set alice hunter-22"),
        ("BouncerServ", "network create -pass hunter-22"),
        ("NickServ", "VERIFY REGISTER alice hunter-22"),
        ("NickServ", "CONFIRM hunter-22"),
        ("NickServ", "SETPASS alice 1234 hunter-22"),
        ("NickServ", "RESETPASS alice hunter-22"),
        ("OperServ", "OPER alice hunter-22"),
        ("SaslServ", "AUTHENTICATE hunter-22"),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        let request = story.say(target, said);
        let sent = format!("PRIVMSG {target} :{said}");
        assert_eq!(story.sent, [sent], "{target}");
        assert!(story.answer(request).unwrap().is_ok());
        let name = target.split('@').next().unwrap();
        for answer in [
            "alice is now registered to a@example.test, with password \u{2}hunter-22\u{2}.",
            "hunter-22?",
        ] {
            story.server(&format!(
                ":{name}!{name}@services.test NOTICE alice :{answer}"
            ));
        }
        assert!(!kept(&story).contains("hunter-22"), "{}", kept(&story));
        // The user sees the services' messages unchanged.
        assert!(story.texts().iter().any(|text| text.contains("hunter-22")));
    }
}

#[test]
fn what_is_no_secret_is_kept() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.say("NickServ", "INFO hunter");
    story.server(":NickServ!s@services.test NOTICE alice :Information on hunter: none");
    story.say("Q", "shall we meet at hunter's?");
    story.say("bob", "SET hunter free");
    story.server(":bob!b@host.test PRIVMSG alice :the password is to be hunter, is it?");
    let kept = kept(&story);
    assert_eq!(kept.matches("hunter").count(), 5, "{kept}");
}

#[test]
fn own_secrets_and_links_of_services_are_not_kept() {
    let mut record = assignment();
    record.connection.password = Some("sesame-1".to_owned());
    record.connection.channels = vec!["#k door-key".to_owned()];
    let mut story = Story::online(record, "", "CHANTYPES=#");
    story.join("#k", "alice");
    for line in [
        ":NickServ!s@h NOTICE alice :You used sesame-1 before",
        ":ChanServ!s@h NOTICE alice :#k has +k door-key",
        ":UserServ!s@h NOTICE alice :Go to https://net.test/verify?code=tok3n-9 now",
        ":Helper!cservice@h NOTICE alice :Your new password is: tok3n-9",
        ":irc.test NOTICE #k :door-key is the key",
        ":NickServ!s@h NOTICE alice :Use this code to reset: tok3n-9",
        ":NickServ!s@h NOTICE alice :Your one-time pin tok3n-9 expires soon",
        ":NickServ!s@h NOTICE alice :Open https://net.test/reset/tok3n-9/fay",
        ":NickServ!s@h NOTICE alice :Ihr Passwort lautet tok3n-9",
        ":NickServ!s@h NOTICE alice :Votre mot de passe est tok3n-9",
        ":ChanServ!s@h NOTICE alice :Mode lock of #other: +ntk tok3n-9",
        ":irc.test NOTICE #k :Failed OPER attempt: OPER bob tok3n-9",
        ":*status!znc@znc.in PRIVMSG alice :[>>] PASS tok3n-9",
        ":NickServ!s@h NOTICE alice :Type /msg NickServ VERIFY REGISTER alice tok3n-9",
        ":irc.test 381 alice :OPER alice tok3n-9",
        ":irc.test 421 alice CHALLENGE :alice tok3n-9",
    ] {
        story.server(line);
    }
    let kept = kept(&story);
    for secret in ["sesame-1", "door-key", "tok3n-9"] {
        assert!(!kept.contains(secret), "{secret}: {kept}");
    }
    assert!(kept.contains("https://net.test/verify"), "{kept}");
}

#[test]
fn a_command_that_a_client_does_not_know_tells_nobody() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "alice");
    for text in [
        "/ns identify hunter-22",
        "/MSG NickServ IDENTIFY hunter-22",
        "/quote PASS hunter-22",
        "/oper alice hunter-22",
        "/raw OPER alice hunter-22",
        "/OPER alice hunter-22 more",
        "/pass hunter-22",
        "/authenticate hunter-22",
        "/challenge hunter-22",
        "/verify alice hunter-22",
        "/Register alice@example.test hunter-22",
        "/squery NickServ :identify hunter-22",
        "/server irc.test 6667 hunter-22",
        "/join #k hunter-22",
        "/mode +k hunter-22",
    ] {
        let request = story.say_plain("#t", text);
        let sentence = story.error(request);
        assert!(sentence.contains("nothing was sent"), "{sentence}");
        assert!(!sentence.contains("hunter-22"), "{sentence}");
    }
    assert!(story.sent.is_empty(), "{:?}", story.sent);
    // Something that only looks like one is text.
    for text in [
        "/oper",
        "/verification is due",
        "/srv/pass is full",
        "//oper is a command",
    ] {
        story.say_plain("#t", text);
        assert!(story.sent.pop().is_some(), "{text}");
    }
}

#[test]
fn a_nickname_that_services_take_away_is_not_fought_for() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.server(":alice!al@host.test NICK :Guest4711");
    let (_, sentence) = story.state();
    assert!(
        sentence.contains("took the nickname alice away: sign in there"),
        "{sentence}"
    );
    story.server(":alice!x@y QUIT :bye");
    story.pass_alive(60);
    assert!(
        !story.sent.iter().any(|line| line.starts_with("NICK")),
        "{:?}",
        story.sent
    );
    // Once signed in, by whatever method, it is ours again.
    story.say("NickServ", "IDENTIFY alice hunter-22");
    story.server(":irc.test 900 Guest4711 Guest4711!al@h alice :You are now logged in as alice");
    assert!(
        story.sent.contains(&"NICK alice".to_owned()),
        "{:?}",
        story.sent
    );
    story.server(":Guest4711!al@host.test NICK :alice");
    assert_eq!(story.state().1, "Connected to irc.test as alice.");
    // Once more, with the same end.
    story.server(":alice!al@host.test NICK :Guest1");
    story.sent.clear();
    story.pass_alive(60);
    assert!(!story.sent.iter().any(|line| line.starts_with("NICK")));
}

#[test]
fn a_nickname_that_the_server_cuts_is_the_wished_one() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let wish = json!({"type": "update", "target": {"id": "alice-in-wonderland@irc.test", "type": "person"}, "object": {"type": "address"}});
    let request = story.perform(wish);
    story.server(":alice!al@host.test NICK :alice-in-");
    assert!(story.answer(request).unwrap().is_ok());
    let told = story.activities();
    let nicks = told.iter().flat_map(|(_, _, records)| records.iter());
    let nicks = nicks.filter(|(_, body)| matches!(body, EventBody::Nick { .. }));
    assert_eq!(nicks.count(), 1);
}
