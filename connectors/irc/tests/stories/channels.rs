//! Joining, leaving, kicks, topics, roles, presence.

use gateway::{Audience, Command, RequestId};
use protocol::EventBody;
use serde_json::{Value, json};

use crate::common::{SOCKET, Story, assignment};

fn room(kind: &str) -> Value {
    json!({"type": kind, "target": {"id": "#t@irc.test", "type": "room", "name": "#t"}})
}

fn bodies(story: &Story) -> Vec<EventBody> {
    story
        .activities()
        .iter()
        .flat_map(|(_, _, records)| records.iter().map(|(_, body)| body.clone()))
        .filter(|body| !matches!(body, EventBody::Message { .. }))
        .collect()
}

#[test]
fn a_join_by_wish_is_remembered_and_the_room_is_shown() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=# PREFIX=(qaohv)~&@%+");
    let mut wish = room("join");
    wish["target"]["key"] = json!("sesame");
    let request = story.perform(wish.clone());
    assert_eq!(story.sent, ["JOIN #t sesame"]);
    story.server(":alice!al@host.test JOIN :#t");
    story.server(":irc.test 332 alice #t :Plans and more");
    story.server(":irc.test 333 alice #t bob!b@h 1767225500");
    story.server(":irc.test 353 alice = #t :alice ~@bob %carol +dave");
    story.server(":irc.test 366 alice #t :End of /NAMES list.");
    let joined = EventBody::Joined {
        channel: "#t sesame".to_owned(),
    };
    assert_eq!(bodies(&story), [joined]);
    assert_eq!(story.answer(request).unwrap().unwrap().kind, "join");
    let shown: Vec<_> = story
        .activities()
        .iter()
        .skip(1)
        .map(|(activity, ..)| activity.object.as_ref().unwrap().to_value())
        .collect();
    assert_eq!(shown[0]["topic"], "Plans and more");
    assert_eq!(
        shown[1],
        json!({"type": "attendance", "members": ["alice", "bob", "carol", "dave"]})
    );
    let roles: Vec<_> = shown[2..]
        .iter()
        .map(|object| object["role"].clone())
        .collect();
    assert_eq!(roles, ["owner", "admin", "participant"]);
    // Again: immediate success, and the room is shown to the requester.
    story.outputs.clear();
    story.sent.clear();
    let again = story.perform(wish);
    assert!(story.sent.is_empty() && story.answer(again).unwrap().is_ok());
    assert!(
        story
            .activities()
            .iter()
            .all(|(_, a, _)| *a == Audience::Only(SOCKET.socket))
    );
    assert_eq!(story.activities().len(), 5);
}

#[test]
fn joins_that_fail_say_why() {
    for (numeric, sentence) in [
        ("403", "There is no channel #t on irc.test."),
        (
            "405",
            "You are in too many channels to join #t; leave one first.",
        ),
        ("471", "#t is full."),
        ("473", "#t can be joined by invitation only."),
        ("474", "You are banned from #t."),
        ("475", "#t needs a key, and the one given is wrong."),
        ("477", "#t is for registered nicknames only; sign in first."),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        let request = story.perform(room("join"));
        story.server(&format!(":irc.test {numeric} alice #t :no"));
        assert_eq!(story.error(request), sentence);
        assert_eq!(story.outputs.len(), 1);
    }
}

#[test]
fn an_answer_that_never_comes_ends_the_wait() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    let request = story.perform(room("join"));
    story.pass(std::time::Duration::from_secs(33));
    assert_eq!(
        story.error(request),
        "irc.test did not answer JOIN in time; try again."
    );
}

#[test]
fn leaving_and_being_kicked_are_both_for_good() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.server(":alice!al@host.test JOIN #t");
    story.server(":alice!al@host.test JOIN #u");
    story.outputs.clear();
    let request = story.perform(room("leave"));
    story.server(":alice!al@host.test PART #t :bye");
    assert!(story.answer(request).unwrap().is_ok());
    story.server(":bob!b@h KICK #u alice :out");
    let left = |channel: &str| EventBody::Left {
        channel: channel.to_owned(),
    };
    assert_eq!(bodies(&story), [left("#t"), left("#u")]);
    let all = story.activities();
    let (kick, ..) = all.last().unwrap();
    assert_eq!(
        kick.object,
        Some(json!({"type": "message", "content": "out", "by": "bob"}).into())
    );
    // Not in it: nothing to do.
    let again = story.perform(room("leave"));
    assert!(story.answer(again).unwrap().is_ok());
    story.lost("gone.");
    story.sent.clear();
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.welcome("alice", "CHANTYPES=#");
    assert!(!story.sent.iter().any(|line| line.starts_with("JOIN")));
}

#[test]
fn others_come_go_and_change_with_readable_records() {
    let mut story = Story::online(assignment(), "extended-join", "CHANTYPES=#");
    story.join("#t", "alice");
    story.join("#u", "alice");
    for line in [
        ":bob!b@h JOIN #t * :Bob B",
        ":bob!b@h JOIN #u * :Bob B",
        ":bob!b@h TOPIC #t :new plans",
        ":bob!b@h NICK rob",
        ":rob!b@h PART #u",
        ":carol!c@h JOIN #t",
        ":rob!b@h KICK #t carol :spam",
        ":rob!b@h QUIT :Ping timeout",
    ] {
        story.server(line);
    }
    let texts: Vec<_> = story
        .activities()
        .iter()
        .flat_map(|(_, _, records)| records.iter())
        .map(|(_, body)| match body {
            EventBody::Message {
                target, message, ..
            } => {
                format!("{} {}", target.name(), message.text)
            }
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        texts,
        [
            "#t bob joined",
            "#u bob joined",
            "#t bob changed the topic to: new plans",
            "#t bob is now known as rob",
            "#u bob is now known as rob",
            "#u rob left",
            "#t carol joined",
            "#t carol was kicked by rob (spam)",
            "#t rob quit (Ping timeout)",
        ]
    );
    let all = story.activities();
    let (quit, ..) = all.last().unwrap();
    assert_eq!(quit.object.as_ref().unwrap().to_value()["quit"], true);
}

#[test]
fn kicks_topics_invitations_and_roles_are_asked_and_answered() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "@alice bob");
    let bob = json!({"id": "bob@irc.test", "type": "person"});
    let t = json!({"type": "room", "id": "#t@irc.test", "name": "#t"});
    let topic = story.perform(json!({"type": "update", "target": {"id": "#t@irc.test"}, "object": {"type": "topic", "content": "a b"}}));
    story.server(":alice!al@host.test TOPIC #t :a b");
    assert!(story.answer(topic).unwrap().is_ok());
    let role = json!({"type": "add", "target": bob, "object": {"type": "relationship", "relationship": "role", "subject": {"type": "presence", "role": "participant"}, "object": t}});
    let voice = story.perform(role);
    story.server(":alice!al@host.test MODE #t +v :bob");
    assert!(story.answer(voice).unwrap().is_ok());
    let invite =
        story.perform(json!({"type": "invite", "target": {"id": "eve@irc.test"}, "object": t}));
    story.server(":irc.test 341 alice eve #t");
    assert!(story.answer(invite).unwrap().is_ok());
    let kick = json!({"type": "remove", "target": bob, "object": {"type": "room", "id": "#t@irc.test", "name": "#t", "content": "out"}});
    let kicked = story.perform(kick.clone());
    story.server(":alice!al@host.test KICK #t bob :out");
    assert!(story.answer(kicked).unwrap().is_ok());
    let refused = story.perform(kick);
    story.server(":irc.test 482 alice #t :You're not channel operator");
    assert_eq!(story.error(refused), "Only operators of #t may do that.");
    assert_eq!(
        story.sent,
        [
            "TOPIC #t :a b",
            "MODE #t +v bob",
            "INVITE eve #t",
            "KICK #t bob out",
            "KICK #t bob out"
        ]
    );
}

#[test]
fn who_is_away_is_known_and_so_is_that_nobody_looks() {
    let mut story = Story::online(assignment(), "away-notify", "CHANTYPES=# WHOX");
    story.server(":alice!al@host.test JOIN #t");
    story.server(":irc.test 353 alice = #t :alice bob carol");
    story.server(":irc.test 366 alice #t :End");
    assert_eq!(story.sent, ["WHO #t %tnf,67"]);
    story.outputs.clear();
    story.server(":irc.test 354 alice 67 bob G@");
    story.server(":irc.test 354 alice 67 carol H");
    assert_eq!(
        story.only().0.object.as_ref().unwrap().to_value()["show"],
        "away"
    );
    story.server(":carol!c@h AWAY :lunch");
    story.server(":carol!c@h AWAY :lunch");
    story.server(":carol!c@h AWAY");
    assert_eq!(story.activities().len(), 3);
    story.sent.clear();
    story.command(Command::Audience { sockets: 0 });
    story.pass(std::time::Duration::from_secs(9));
    assert!(story.sent.is_empty());
    story.pass(std::time::Duration::from_secs(2));
    assert_eq!(story.sent, ["AWAY :Not at the keyboard; messages are kept"]);
    story.command(Command::Audience { sockets: 1 });
    assert_eq!(story.sent[1], "AWAY");
    // What the user sets takes precedence.
    let away = story.perform(json!({"type": "update", "object": {"type": "presence", "show": "away", "content": "gone fishing"}}));
    story.server(":irc.test 306 alice :You have been marked as being away");
    assert!(story.answer(away).unwrap().is_ok());
    story.sent.clear();
    story.command(Command::Audience { sockets: 0 });
    story.pass(std::time::Duration::from_secs(60));
    story.command(Command::Audience { sockets: 1 });
    assert!(
        !story.sent.iter().any(|line| line.starts_with("AWAY")),
        "{:?}",
        story.sent
    );
}

#[test]
fn a_full_socket_is_shown_everything_that_is() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t", "@alice bob");
    story.server(":bob!b@h TOPIC #t :plans");
    story.outputs.clear();
    story.command(Command::Attach {
        request: RequestId(99),
        socket: SOCKET,
    });
    let kinds: Vec<_> = story
        .activities()
        .iter()
        .map(|(a, audience, _)| {
            assert_eq!(*audience, Audience::Only(SOCKET.socket));
            format!("{} {}", a.kind, a.object_type().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "update connection",
            "join ",
            "update topic",
            "query attendance",
            "update presence"
        ]
    );
    assert_eq!(
        story.answer(RequestId(99)).unwrap().unwrap().kind,
        "connect"
    );
}

#[test]
fn a_server_that_makes_up_names_fills_nothing() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    for number in 0..3_000 {
        story.server(&format!(
            ":irc.test 473 alice #c{number} :You need an invitation"
        ));
    }
    assert_eq!(story.activities().len(), 1_000);
}

#[test]
fn every_refusal_of_a_join_is_told_at_once() {
    for (numeric, params, said) in [
        ("926", "alice #t :Channel #t is forbidden: no", "no"),
        ("937", "alice #t :You cannot", "You cannot"),
        ("999", "alice #t :whatever it means", "whatever it means"),
        ("489", "alice #t :Cannot join channel (+S)", "(+S)"),
        ("520", "alice :#t is for operators", "for operators"),
    ] {
        let mut story = Story::online(assignment(), "labeled-response", "CHANTYPES=#");
        let request = story.perform(room("join"));
        let label = story.sent[0].split(' ').next().unwrap().to_owned();
        let label = if numeric == "520" {
            label
        } else {
            String::new()
        };
        story.server(format!("{label} :irc.test {numeric} {params}").trim());
        assert!(story.error(request).contains(said), "{numeric}");
    }
}

#[test]
fn somebody_who_is_here_already_is_told_whoever_the_server_names() {
    for (params, sentence) in [
        (
            "alice bob #t :is already on channel",
            "bob is already in #t.",
        ),
        (
            "alice #t :is already on channel",
            "That person is already in #t.",
        ),
        (
            "alice bob :is already on channel",
            "bob is already in the channel.",
        ),
    ] {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        story.join("#t", "@alice bob");
        let invite = json!({"type": "invite", "target": {"id": "bob@irc.test"}, "object": {"type": "room", "id": "#t@irc.test", "name": "#t"}});
        let request = story.perform(invite);
        story.server(&format!(":irc.test 443 {params}"));
        assert_eq!(story.error(request), sentence);
    }
}

#[test]
fn a_changed_key_is_learned() {
    let mut record = assignment();
    record.connection.channels = vec!["#t old".to_owned()];
    let mut story = Story::online(record, "", "CHANTYPES=# CHANMODES=b,k,l,imnt");
    story.join("#t", "@alice bob");
    story.server(":bob!b@h MODE #t -k old");
    story.server(":bob!b@h MODE #t +k *");
    assert!(bodies(&story).is_empty(), "{:?}", bodies(&story));
    story.server(":bob!b@h MODE #t +ik-n new");
    let learned = EventBody::Joined {
        channel: "#t new".to_owned(),
    };
    assert_eq!(bodies(&story), [learned]);
    story.server(":irc.test 324 alice #t +ik new");
    assert_eq!(bodies(&story).len(), 1);
    story.lost("The connection was lost.");
    story.elapsed = story.session.poll_timeout().unwrap();
    story.connect();
    story.welcome("alice", "CHANTYPES=#");
    assert!(
        story.sent.contains(&"JOIN #t new".to_owned()),
        "{:?}",
        story.sent
    );
}

#[test]
fn more_channels_than_are_remembered_are_told() {
    let mut record = assignment();
    record.connection.channels = (0..protocol::MAX_CHANNELS)
        .map(|n| format!("#c{n}"))
        .collect();
    let mut story = Story::online(record, "", "CHANTYPES=#");
    let request = story.perform(room("join"));
    assert!(story.sent.is_empty());
    let sentence = story.error(request);
    assert!(
        sentence.contains("at most 200 channels") && sentence.contains("#t"),
        "{sentence}"
    );
    // Forced to join by the network: we are in, and clients are told.
    story.outputs.clear();
    story.server(":alice!al@h JOIN #t");
    let told = story.activities();
    let trouble = told
        .iter()
        .find_map(|(activity, ..)| activity.error.clone());
    assert!(trouble.unwrap().contains("at most 200 channels"));
    assert!(bodies(&story).is_empty(), "{:?}", bodies(&story));
    // Nor does a network add to the channels joined the next time.
    story.lost("The connection was lost.");
    story.elapsed = story.session.poll_timeout().unwrap();
    story.sent.clear();
    story.connect();
    story.welcome("alice", "CHANTYPES=# soju.im/SAFERATE");
    story.pass(std::time::Duration::from_secs(20));
    let joined = story.sent.iter().filter(|line| line.starts_with("JOIN"));
    let names: usize = joined.map(|line| line.split(',').count()).sum();
    assert_eq!(names, protocol::MAX_CHANNELS);
}

#[test]
fn joins_keep_to_what_the_server_takes_at_once() {
    let mut record = assignment();
    record.connection.channels = vec!["#a".to_owned(), "#b".to_owned(), "#c".to_owned()];
    let mut story = Story::new(record);
    story.connect();
    story.welcome("alice", "CHANTYPES=# TARGMAX=JOIN:2,KICK:1");
    let joins: Vec<_> = story
        .sent
        .iter()
        .filter(|l| l.starts_with("JOIN"))
        .collect();
    assert_eq!(joins, ["JOIN #a,#b", "JOIN #c"]);
}

#[test]
fn memberships_are_bounded_and_counted() {
    let mut story = Story::online(assignment(), "away-notify", "CHANTYPES=#");
    // A hostile server makes us join channels and fills them.
    for channel in 0..4 {
        story.server(&format!(":alice!al@h JOIN #c{channel}"));
        for line in 0..450 {
            let names: Vec<String> = (0..100).map(|n| format!("n{channel}x{line}x{n}")).collect();
            story.server(&format!(
                ":irc.test 353 alice = #c{channel} :{}",
                names.join(" ")
            ));
        }
    }
    story.server(":irc.test 366 alice #c3 :End");
    story.outputs.clear();
    let asked = story.perform(json!({"type": "query", "target": {"id": "#c3@irc.test", "type": "room"}, "object": {"type": "attendance"}}));
    let answer = story.answer(asked).unwrap().unwrap();
    let members = answer.object.as_ref().unwrap().get("members").unwrap();
    let members = members.as_array().unwrap().len();
    assert!(members > 0 && members < 45_000, "{members}");
    // Members who leave make room again, and the away state of strangers is forgotten.
    story.server(":alice!al@h JOIN #small");
    story.server(":bob!b@h JOIN #c0");
    story.server(":alice!al@h PART #c3");
    story.server(":irc.test 366 alice #small :End");
    story.server(":carol!c@h JOIN #small");
    story.server(":carol!c@h AWAY :lunch");
    story.server(":carol!c@h NICK karla");
    story.outputs.clear();
    story.command(Command::Attach {
        request: RequestId(99),
        socket: SOCKET,
    });
    let shown = story.activities();
    let away = shown.iter().filter(|(a, ..)| a.content() == Some("lunch"));
    assert_eq!(away.count(), 1);
}
