//! Registering an account with the network, and confirming it.

use std::time::Duration;

use gateway::RequestId;
use serde_json::{Value, json};

use crate::common::{Story, assignment};

const MAIL: &str = "a@example.test";

fn wish(story: &mut Story, object: Value) -> RequestId {
    let mut object = object;
    object["type"] = "account".into();
    story.perform(json!({"type": "update", "object": object}))
}

fn register(story: &mut Story) -> RequestId {
    wish(story, json!({"email": MAIL, "password": "hunter-22"}))
}

fn confirm(story: &mut Story) -> RequestId {
    let object = json!({"name": "alice", "password": "hunter-22", "code": "c0de"});
    wish(story, object)
}

/// How far it is, as the answer says.
fn status(story: &Story, request: RequestId) -> (String, Value) {
    let answer = story.answer(request).unwrap().unwrap();
    let object = answer.object.as_ref().unwrap().to_value();
    let text = object.to_string();
    assert!(
        !text.contains("hunter-22") && !text.contains("c0de"),
        "{text}"
    );
    (object["status"].as_str().unwrap().to_owned(), object)
}

fn says(story: &mut Story, text: &str) {
    story.server(&format!(":NickServ!s@services.test NOTICE alice :{text}"));
}

fn quiet(story: &mut Story) {
    story.pass(Duration::from_secs(4));
}

#[test]
fn the_servers_own_command_is_used_where_it_is() {
    let caps = "draft/account-registration=before-connect,email-required";
    let mut story = Story::online(assignment(), caps, "CHANTYPES=#");
    let without = wish(&mut story, json!({"password": "hunter-22"}));
    assert!(story.error(without).contains("e-mail address"));
    let request = register(&mut story);
    assert_eq!(story.sent, [format!("REGISTER * {MAIL} hunter-22")]);
    assert!(story.answer(request).is_none());
    story.server(":irc.test REGISTER VERIFICATION_REQUIRED alice :Look at your mail");
    let (far, object) = status(&story, request);
    assert_eq!(far, "unconfirmed");
    assert_eq!(object["name"], "alice");
    assert_eq!(object["content"], "Look at your mail");
    story.sent.clear();
    let request = confirm(&mut story);
    assert_eq!(story.sent, ["VERIFY alice c0de"]);
    story.server("FAIL VERIFY INVALID_CODE alice :That is not the code");
    assert_eq!(
        story.error(request),
        "irc.test did not register the account: That is not the code."
    );
    let request = confirm(&mut story);
    story.server(":irc.test VERIFY SUCCESS alice :Welcome");
    assert_eq!(status(&story, request).0, "registered");
    // Without an address where none is wanted.
    let caps = "draft/account-registration";
    let mut story = Story::online(assignment(), caps, "CHANTYPES=#");
    let request = wish(&mut story, json!({"password": "hunter-22"}));
    assert_eq!(story.sent, ["REGISTER * * hunter-22"]);
    story.server(":irc.test REGISTER SUCCESS alice :Welcome");
    assert_eq!(status(&story, request).0, "registered");
}

#[test]
fn services_are_asked_and_have_said_all_when_they_are_quiet() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = register(&mut story);
    let asked = format!("PRIVMSG NickServ :REGISTER hunter-22 {MAIL}");
    assert_eq!(story.sent, [asked]);
    // Others do not answer for them.
    story.server(":bob!b@host.test NOTICE alice :alice is now registered");
    story.server(":NickServ!s@services.test PRIVMSG alice :alice is now registered");
    quiet(&mut story);
    assert!(story.answer(request).is_none());
    says(
        &mut story,
        "\u{2}alice\u{2} is now registered to \u{2}a@example.test\u{2}, with hunter-22.",
    );
    story.pass(Duration::from_secs(2));
    assert!(story.answer(request).is_none());
    says(&mut story, "Welcome!");
    quiet(&mut story);
    let (far, object) = status(&story, request);
    assert_eq!(far, "registered");
    let said = object["content"].as_str().unwrap();
    assert!(said.starts_with("alice is now registered") && said.ends_with("Welcome!"));
}

#[test]
fn a_code_that_was_sent_is_given_in_the_dialect_of_the_services() {
    let atheme =
        "An email containing nickname activation instructions has been sent to a@example.test.";
    let anope = "A passcode has been sent to a@example.test, please type /msg NickServ CONFIRM <passcode> to confirm your email address.";
    let ergo =
        "Account created, pending verification; verification code has been sent to a@example.test";
    for (said, lines) in [
        (atheme, &["VERIFY REGISTER alice c0de"][..]),
        (anope, &["IDENTIFY hunter-22", "CONFIRM c0de"][..]),
        (ergo, &["VERIFY alice c0de"][..]),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        let request = register(&mut story);
        says(&mut story, said);
        says(&mut story, "alice is now registered to a@example.test.");
        quiet(&mut story);
        assert_eq!(status(&story, request).0, "unconfirmed");
        story.sent.clear();
        let request = confirm(&mut story);
        let asked: Vec<String> = lines
            .iter()
            .map(|l| format!("PRIVMSG NickServ :{l}"))
            .collect();
        assert_eq!(story.sent, asked);
        says(&mut story, "Invalid passcode.");
        assert!(story.error(request).contains("Invalid passcode"));
    }
}

#[test]
fn another_dialect_is_tried_where_the_first_is_not_understood() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = confirm(&mut story);
    assert_eq!(story.sent, ["PRIVMSG NickServ :VERIFY REGISTER alice c0de"]);
    story.sent.clear();
    says(
        &mut story,
        "Unknown command VERIFY. \"/msg NickServ HELP\" for help.",
    );
    assert_eq!(
        story.sent,
        [
            "PRIVMSG NickServ :IDENTIFY hunter-22",
            "PRIVMSG NickServ :CONFIRM c0de"
        ]
    );
    says(&mut story, "Password accepted - you are now recognized.");
    says(
        &mut story,
        "Your email address of a@example.test has been confirmed.",
    );
    quiet(&mut story);
    assert_eq!(status(&story, request).0, "registered");
    // And not a third.
    let request = confirm(&mut story);
    says(&mut story, "Unknown command CONFIRM.");
    assert!(story.error(request).contains("Unknown command"));
}

#[test]
fn what_is_not_understood_is_for_the_person_unless_the_network_knows_us_then() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = register(&mut story);
    says(&mut story, "Votre pseudo est maintenant enregistre.");
    quiet(&mut story);
    let (far, object) = status(&story, request);
    assert_eq!(far, "unclear");
    assert_eq!(object["content"], "Votre pseudo est maintenant enregistre.");
    let request = register(&mut story);
    says(&mut story, "Votre pseudo est maintenant enregistre.");
    story.server(":irc.test 900 alice alice!a@h alice :You are now logged in as alice");
    quiet(&mut story);
    assert_eq!(status(&story, request).0, "registered");
}

#[test]
fn what_goes_wrong_is_said() {
    for (answer, about) in [
        (
            ":irc.test 401 alice NickServ :No such nick",
            "There is no NickServ on irc.test",
        ),
        (
            ":NickServ!s@services.test NOTICE alice :\u{2}alice\u{2} is already registered.",
            "alice is already registered.",
        ),
        (
            ":irc.test 440 alice NickServ :Services are down",
            "Services are down",
        ),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        let request = register(&mut story);
        let busy = register(&mut story);
        assert!(story.error(busy).contains("not answered the last"));
        story.server(answer);
        assert!(
            story.error(request).contains(about),
            "{}",
            story.error(request)
        );
    }
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = register(&mut story);
    story.pass(Duration::from_secs(31));
    assert!(
        story
            .error(request)
            .contains("NickServ did not answer in time")
    );
    let request = register(&mut story);
    story.lost("The connection was lost.");
    assert!(story.error(request).contains("The connection was lost"));
    // The next one is on its own.
    let caps = "draft/account-registration";
    let mut story = Story::online(assignment(), caps, "CHANTYPES=#");
    let request = register(&mut story);
    story.server(":irc.test 421 alice REGISTER :Unknown command");
    assert!(story.error(request).contains("Unknown command"));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    for (object, about) in [
        (json!({"email": MAIL}), "object.password is missing"),
        (
            json!({"email": MAIL, "password": "a b"}),
            "object.password must be",
        ),
        (
            json!({"email": MAIL, "password": "a\r\nQUIT"}),
            "object.password must be",
        ),
        (
            json!({"email": MAIL, "password": "x".repeat(101)}),
            "object.password must be",
        ),
        (
            json!({"email": "a b@c", "password": "x"}),
            "object.email must be",
        ),
        (
            json!({"email": "nobody", "password": "x"}),
            "no e-mail address",
        ),
        (json!({"password": "x"}), "wants an e-mail address"),
        (
            json!({"code": ":x", "password": "x"}),
            "object.code must be",
        ),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        let request = wish(&mut story, object);
        assert!(
            story.error(request).contains(about),
            "{}",
            story.error(request)
        );
        assert!(story.sent.is_empty());
    }
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.server(":irc.test 900 alice alice!a@h alice :You are now logged in as alice");
    let request = register(&mut story);
    assert!(story.error(request).contains("have an account"));
    // There is no connection, and so nobody to ask.
    story.lost("The connection was lost.");
    let request = register(&mut story);
    assert!(story.error(request).contains("no connection"));
}
