//! Who is speaking, to whom, and what is shown without a request.

use gateway::Audience;
use protocol::{ArchiveTarget, EventBody};
use serde_json::json;

use crate::common::{Story, assignment};

fn archived(story: &Story) -> Vec<(ArchiveTarget, String)> {
    let told = story.activities();
    told.iter()
        .flat_map(|(_, _, records)| records.iter())
        .filter_map(|(_, body)| match body {
            EventBody::Message {
                target, message, ..
            } => Some((target.clone(), message.from.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn whoever_has_a_user_or_a_host_is_a_person() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#a", "alice user.name/discord");
    let channel = ArchiveTarget::Channel("#a".to_owned());
    for source in [
        "user.name/discord!bridge@h",
        "user.name/discord@h",
        // Known from NAMES.
        "user.name/discord",
    ] {
        story.outputs.clear();
        story.server(&format!(":{source} PRIVMSG #a :hello"));
        let (activity, audience, _) = story.only();
        let actor = activity.actor.as_ref().unwrap();
        assert_eq!(
            (actor.kind.as_str(), actor.name.as_deref(), audience),
            ("person", Some("user.name/discord"), Audience::All),
            "{source}"
        );
        let expected = (channel.clone(), "user.name/discord".to_owned());
        assert_eq!(archived(&story), [expected]);
    }
    // Others are not known merely from lists.
    story.outputs.clear();
    story.server(":other.name/discord!bridge@h PRIVMSG #a :hello");
    assert_eq!(story.only().0.actor.as_ref().unwrap().kind, "person");
    // Direct messages too, and actions.
    story.outputs.clear();
    story.server(":user.name/discord!bridge@h PRIVMSG alice :psst");
    assert_eq!(archived(&story).len(), 1);
    story.outputs.clear();
    story.server(":user.name/discord!bridge@h TOPIC #a :plans");
    assert_eq!(story.only().0.actor.as_ref().unwrap().kind, "person");
}

#[test]
fn what_persons_say_before_the_welcome_is_shown() {
    let mut story = Story::new(assignment());
    story.connect();
    story.outputs.clear();
    story.server(":irc.test NOTICE alice :*** Looking up your hostname");
    story.server("NOTICE AUTH :*** Checking ident");
    assert!(archived(&story).is_empty());
    // A bouncer that reports a problem.
    story.server(":*status!znc@znc.in PRIVMSG alice :Network x doesn't exist.");
    let expected = (
        ArchiveTarget::User("*status".to_owned()),
        "*status".to_owned(),
    );
    assert_eq!(archived(&story), [expected]);
}

#[test]
fn what_is_said_to_everybody_is_said_to_us() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    for target in ["$*", "$*.test", "$$*"] {
        story.outputs.clear();
        story.server(&format!(":oper!o@h PRIVMSG {target} :going down"));
        let (activity, ..) = story.only();
        let shown = activity.target.as_ref().map(|target| target.id.as_str());
        assert_eq!(shown, Some("alice@irc.test"), "{target}");
        let expected = (ArchiveTarget::User("oper".to_owned()), "oper".to_owned());
        assert_eq!(archived(&story), [expected]);
        // What we announced ourselves is no conversation with ourselves.
        story.outputs.clear();
        story.server(&format!(":alice!al@host.test PRIVMSG {target} :going down"));
        let (activity, audience, records) = story.only();
        assert_eq!(activity.actor.as_ref().unwrap().kind, "service");
        assert_eq!((audience, records.len()), (Audience::Full, 0));
    }
}

#[test]
fn servers_speak_as_the_service_and_in_channels() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#a", "alice");
    for source in ["irc.test", "IRC.TEST", "hub.elsewhere.test"] {
        story.outputs.clear();
        story.server(&format!(":{source} NOTICE alice :going down"));
        let (activity, audience, records) = story.only();
        assert_eq!(activity.actor.as_ref().unwrap().kind, "service");
        assert_eq!((audience, records.len()), (Audience::Full, 0));
        story.outputs.clear();
        story.server(&format!(":{source} NOTICE #a :the mode was changed"));
        let (activity, audience, _) = story.only();
        assert_eq!(activity.actor.as_ref().unwrap().kind, "service");
        assert_eq!(activity.target.as_ref().unwrap().id, "#a@irc.test");
        assert_eq!(audience, Audience::All);
        let channel = ArchiveTarget::Channel("#a".to_owned());
        assert_eq!(archived(&story), [(channel, source.to_owned())]);
    }
    // A server without a dot is recognised by its greeting.
    let mut story = Story::new(assignment());
    story.connect();
    story.server(":hub 001 alice :Welcome");
    story.server(":hub 422 alice :No MOTD");
    story.outputs.clear();
    story.server(":hub NOTICE alice :hello");
    assert_eq!(story.only().0.actor.as_ref().unwrap().kind, "service");
}

#[test]
fn what_only_operators_of_a_channel_see_is_answered_to_them() {
    let mut story = Story::online(
        assignment(),
        "echo-message",
        "CHANTYPES=# PREFIX=(ov)@+ STATUSMSG=@+",
    );
    story.join("#a", "@alice @bob carol");
    story.server(":bob!b@h PRIVMSG @#a :shall we?");
    let (activity, ..) = story.only();
    let target = activity.target.clone().unwrap();
    assert_eq!(
        (target.kind.as_str(), target.name.as_deref()),
        ("room", Some("@#a"))
    );
    let here = ArchiveTarget::Channel("@#a".to_owned());
    assert_eq!(archived(&story), [(here.clone(), "bob".to_owned())]);
    let answer = story.perform(
        json!({"type": "send", "target": target, "object": {"type": "message", "content": "yes"}}),
    );
    assert_eq!(story.sent, ["PRIVMSG @#a yes"]);
    story.outputs.clear();
    story.server(":alice!al@h PRIVMSG @#a :yes");
    assert!(story.answer(answer).unwrap().is_ok());
    assert_eq!(archived(&story), [(here, "alice".to_owned())]);
    // It is not a channel to join; it belongs to a channel we are in.
    let join =
        story.perform(json!({"type": "join", "target": {"id": "@#a@irc.test", "type": "room"}}));
    assert!(story.error(join).contains("cannot be a channel"));
    let elsewhere = story.perform(json!({"type": "send", "target": {"id": "@#b@irc.test", "type": "room"}, "object": {"type": "message", "content": "yes"}}));
    assert_eq!(
        story.error(elsewhere),
        "You are not in #b on irc.test; join it first."
    );
}

#[test]
fn what_answers_nothing_is_shown() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    for (line, shown) in [
        (
            ":irc.test 381 alice :You are now an IRC operator",
            "You are now an IRC operator",
        ),
        (":irc.test 799 alice x y :and z", "x y and z"),
        (
            ":irc.test 901 alice alice!a@h :You are now logged out",
            "alice!a@h You are now logged out",
        ),
        (
            ":bob!b@h WALLOPS :cake in the kitchen",
            "bob to all: cake in the kitchen",
        ),
        (":irc.test WALLOPS :restart", "To all: restart"),
        (
            ":bob!b@h PRIVMSG alice :\x01VERSION\x01",
            "bob sent a CTCP request: VERSION",
        ),
        (
            ":bob!b@h PRIVMSG alice :\x01DCC SEND x 1 2 3\x01",
            "bob sent a CTCP request: DCC SEND x 1 2 3",
        ),
        (
            ":bob!b@h NOTICE alice :\x01VERSION other 1.0\x01",
            "bob sent a CTCP reply: VERSION other 1.0",
        ),
    ] {
        story.outputs.clear();
        story.server(line);
        let (activity, audience, records) = story.only();
        assert_eq!(activity.content(), Some(shown), "{line}");
        assert_eq!(activity.actor.as_ref().unwrap().kind, "service");
        assert_eq!((audience, records.len()), (Audience::Full, 0));
    }
    // What every client is sent on registration is not.
    story.outputs.clear();
    story.server(":irc.test 251 alice :There are 3 users");
    story.server(":irc.test 329 alice #a 1767225500");
    assert!(story.outputs.is_empty());
}
