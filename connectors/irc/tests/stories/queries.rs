//! WHOIS, LIST, attendance.

use serde_json::{Value, json};

use crate::common::{Story, assignment};

fn whois() -> Value {
    json!({"type": "query", "target": {"id": "Bob@irc.test", "type": "person"}, "object": {"type": "whois"}})
}

#[test]
fn whois_gathers_its_lines() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=# PREFIX=(ov)@+");
    let request = story.perform(whois());
    assert_eq!(story.sent, ["WHOIS Bob Bob"]);
    for line in [
        "311 alice bob b host.test * :Bob B.",
        "319 alice bob :@#team +#dev #misc",
        "312 alice bob hub.test :A server",
        "330 alice bob bobby :is logged in as",
        "671 alice bob :is using a secure connection",
        "301 alice bob :gone fishing",
        "317 alice bob 42 1767225500 :seconds idle, signon time",
        "318 alice bob :End of /WHOIS list.",
    ] {
        story.server(&format!(":irc.test {line}"));
    }
    let answer = story.answer(request).unwrap().unwrap();
    assert_eq!(
        answer.object,
        Some(json!({
            "type": "whois", "nick": "bob", "username": "b", "host": "host.test", "realname": "Bob B.",
            "server": "hub.test", "account": "bobby", "secure": true, "away": "gone fishing", "idle": 42,
            "channels": ["#team", "#dev", "#misc"],
        }).into())
    );
    assert_eq!(story.outputs.len(), 1);
}

#[test]
fn whois_of_nobody_says_so() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = story.perform(whois());
    story.server(":irc.test 401 alice Bob :No such nick");
    story.server(":irc.test 318 alice Bob :End of /WHOIS list.");
    assert_eq!(
        story.error(request),
        "There is nobody called Bob on irc.test at the moment."
    );
    assert_eq!(story.outputs.len(), 1);
}

#[test]
fn an_error_finds_its_request_by_label() {
    let mut story = Story::online(assignment(), "labeled-response batch", "CHANTYPES=#");
    let (one, two) = (story.perform(whois()), story.perform(whois()));
    let label = story.sent[1].split(' ').next().unwrap().to_owned();
    story.server(&format!("{label} :irc.test BATCH +1 labeled-response"));
    story.server("@batch=1 :irc.test 401 alice Bob :No such nick");
    story.server("@batch=1 :irc.test 318 alice Bob :End of /WHOIS list.");
    story.server(":irc.test BATCH -1");
    assert!(story.answer(two).unwrap().is_err());
    // The end of the list answered the other request; the numeric itself did not.
    assert_ne!(story.answer(one).map(|a| a.is_ok()), Some(true));
}

#[test]
fn a_standard_reply_fails_its_request() {
    let mut story = Story::online(assignment(), "standard-replies", "CHANTYPES=#");
    let request = story.perform(whois());
    story.server(":irc.test FAIL WHOIS TRY_LATER :Too busy");
    assert!(
        story.error(request).contains("Too busy"),
        "{}",
        story.error(request)
    );
    story.outputs.clear();
    story.server(":irc.test FAIL * ACCOUNT_REQUIRED :Sign in");
    assert!(story.only().0.error.as_deref().unwrap().contains("Sign in"));
}

#[test]
fn lists_end_at_500_rooms() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = story.perform(json!({"type": "query", "object": {"type": "rooms"}}));
    assert_eq!(story.sent, ["LIST"]);
    for n in 0..600 {
        story.server(&format!(":irc.test 322 alice #c{n} {n} :[+nt] topic {n}"));
    }
    story.server(":irc.test 323 alice :End of /LIST");
    let answer = story.answer(request).unwrap().unwrap();
    let items = answer.object.as_ref().unwrap().get("items").unwrap();
    let items = items.as_array().unwrap();
    assert_eq!(items.len(), 500);
    assert_eq!(
        items[7],
        json!({"name": "#c7", "members": 7, "topic": "[+nt] topic 7"})
    );
}

#[test]
fn attendance_is_known_within_and_asked_for_without() {
    let mut story = Story::online(
        assignment(),
        "userhost-in-names multi-prefix",
        "CHANTYPES=#",
    );
    story.join("#t", "alice @+bob!b@h");
    let ask = |room: &str| json!({"type": "query", "target": {"id": format!("{room}@irc.test"), "type": "room"}, "object": {"type": "attendance"}});
    let inside = story.perform(ask("#t"));
    assert!(story.sent.is_empty());
    let object = |story: &Story, request| {
        story
            .answer(request)
            .unwrap()
            .unwrap()
            .object
            .as_ref()
            .unwrap()
            .to_value()
    };
    assert_eq!(object(&story, inside)["members"], json!(["alice", "bob"]));
    let outside = story.perform(ask("#u"));
    assert_eq!(story.sent, ["NAMES #u"]);
    story.server(":irc.test 353 alice = #u :@x y");
    story.server(":irc.test 366 alice #u :End");
    assert_eq!(object(&story, outside)["members"], json!(["x", "y"]));
}
