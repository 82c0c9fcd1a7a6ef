//! Reactions, answers, deletions, and who is typing.

use protocol::ChatState;

use super::*;

fn with(kind: &str, object: ActivityObject) -> Activity {
    let mut activity = about(kind, "bob", "#c");
    activity.object = Some(object);
    activity
}

#[test]
fn reactions_answers_and_typing_go_both_ways() {
    let mut story = Story::in_room("message-tags echo-message");
    let mut reaction = with("add", ActivityObject::reaction("👍", "m1"));
    reaction.id = Some("r1".to_owned());
    let tags = "+draft/react=👍;+draft/reply=m1;+reply=m1";
    let told = format!("@msgid=r1;{tags} :bob!bob@irc.test TAGMSG #c");
    assert_eq!(story.tell(reaction.clone()), [told]);
    let typing = with("update", ActivityObject::chat_state(ChatState::Composing));
    let told = "@+typing=active :bob!bob@irc.test TAGMSG #c";
    assert_eq!(story.tell(typing.clone()), [told]);
    let mut answer = said("bob", "#c", "yes");
    if let Some(ActivityObject::Message(text)) = &mut answer.object {
        text.in_reply_to = Some("m0".to_owned());
    }
    let told = "@+draft/reply=m0;+reply=m0;msgid=m1 :bob!bob@irc.test PRIVMSG #c yes";
    assert_eq!(story.tell(answer.clone()), [told]);

    assert!(
        story
            .say("@+draft/unreact=👍;+reply=m1 TAGMSG #c")
            .is_empty()
    );
    let lines = story.answer(|one| {
        assert_eq!(
            (one.kind.as_str(), one.object_type()),
            ("remove", Some("reaction"))
        );
        assert_eq!(one.object.as_ref().unwrap().in_reply_to(), Some("m1"));
        one.id = Some("r2".to_owned());
    });
    assert!(
        lines[0].starts_with("@msgid=r2;+draft/unreact=👍;"),
        "{lines:?}"
    );
    assert!(
        lines[0].ends_with(":alice!alice@irc.test TAGMSG #c"),
        "{lines:?}"
    );
    story.say("@+draft/react=👍;+reply=m1 TAGMSG #c");
    let lines = story.answer(|one| one.error = Some("It has none.".to_owned()));
    assert_eq!(lines, [":bouncer.test 404 alice #c :It has none."]);
    story.say("@+typing=done TAGMSG bob");
    let typed = story.answer(|one| {
        assert_eq!(
            one.object,
            Some(ActivityObject::chat_state(ChatState::Active))
        );
        assert_eq!(one.target.as_ref().unwrap().kind, "person");
    });
    assert!(typed.is_empty());
    story.say("@+draft/reply=m1 PRIVMSG #c :yes");
    story.answer(|one| assert_eq!(one.object.as_ref().unwrap().in_reply_to(), Some("m1")));
    for nothing in [
        "TAGMSG #c",
        "@+else=x TAGMSG #c",
        "@+draft/react=x TAGMSG #c",
        "TAGMSG",
    ] {
        assert!(
            story.say(nothing).is_empty() && story.orders.is_empty(),
            "{nothing}"
        );
    }

    let mut story = Story::in_room("");
    assert!(story.tell(reaction).is_empty() && story.tell(typing).is_empty());
    assert_eq!(story.tell(answer), [":bob!bob@irc.test PRIVMSG #c yes"]);
}

#[test]
fn deletions_go_both_ways() {
    let mut story = Story::in_room("draft/message-redaction echo-message");
    let deletion = with("delete", ActivityObject::reference("m1"));
    assert_eq!(
        story.tell(deletion.clone()),
        [":bob!bob@irc.test REDACT #c m1"]
    );
    story.say("REDACT #c m2 :by mistake");
    let lines = story.answer(|one| {
        assert_eq!(
            (one.kind.as_str(), one.content()),
            ("delete", Some("by mistake"))
        );
    });
    assert_eq!(lines, [":alice!alice@irc.test REDACT #c m2 :by mistake"]);
    story.say("REDACT #c m2");
    let lines = story.answer(|one| one.error = Some("No.".to_owned()));
    assert_eq!(
        lines,
        [":bouncer.test FAIL REDACT REDACT_FORBIDDEN #c m2 No."]
    );
    assert!(story.say("REDACT #c")[0].contains(" 461 "));

    let mut story = Story::in_room("");
    assert!(story.tell(deletion).is_empty());
    assert!(story.say("REDACT #c m2")[0].contains(" 421 "));
}

#[test]
fn tags_that_the_network_does_not_carry_are_denied() {
    let mut story = Story::in_room("");
    let state = json!({"type": "connection", "status": "online", "supports": ["typing"]});
    let lines = story.tell(with("update", state.clone().into()));
    assert!(
        lines[0].contains(" 005 alice CLIENTTAGDENY=*,-typing :"),
        "{lines:?}"
    );
    assert!(story.tell(with("update", state.into())).is_empty());
}

#[test]
fn the_history_has_what_is_about_messages_for_who_asks_for_it() {
    for (caps, count) in [("", 3), (" draft/event-playback", 4)] {
        let caps = format!("batch message-tags server-time draft/chathistory{caps}");
        let mut story = Story::in_room(&caps);
        story.say("CHATHISTORY LATEST #c * 10");
        let Some(Output::Recall(request, _)) = story.orders.pop() else {
            panic!("{:?}", story.orders);
        };
        let reaction = with("add", ActivityObject::reaction("👍", "m1"));
        let all = vec![said("bob", "#c", "hi"), reaction];
        let lines = story.take(Input::Recalled(request, all));
        assert_eq!(lines.len(), count, "{lines:?}");
        assert!(lines[1].contains(" PRIVMSG #c hi"), "{lines:?}");
    }
}
