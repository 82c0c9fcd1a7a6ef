//! Random lines from several clients: nothing panics, and the state stays consistent.

use proptest::prelude::*;

use super::*;

fn nick() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("alice"),
        Just("bob"),
        Just("Carol"),
        Just("x"),
        Just("*"),
        Just(":"),
        Just("ü"),
        Just("c0"),
        Just("c1"),
    ]
    .prop_map(str::to_owned)
}

fn channel() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("#a"),
        Just("#B"),
        Just("#a,#b,#c"),
        Just("#general"),
        Just("#"),
        Just("0")
    ]
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        Just("x".repeat(480)),
        Just("ü".repeat(240)),
        Just("\u{1}ACTION waves\u{1}".to_owned()),
        Just("timestamp=2027-01-15T08:00:00.500Z".to_owned()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let command =
        prop_oneof![
        (channel(), text()).prop_map(|(c, t)| format!("JOIN {c} {t}")),
        (channel(), text()).prop_map(|(c, t)| format!("PART {c} :{t}")),
        (channel(), nick(), text()).prop_map(|(c, n, t)| format!("KICK {c} {n} :{t}")),
        (channel(), nick()).prop_map(|(c, n)| format!("INVITE {n} {c}")),
        (channel(), text()).prop_map(|(c, t)| format!("TOPIC {c} :{t}")),
        (channel(), "[-+IJObeklimnoqstvx]{1,12}", nick(), "[$~:0-9a-z]{0,4}")
            .prop_map(|(c, m, n, p)| format!("MODE {c} {m} {n} {p}")),
        (channel(), "[-+Oov]{1,6}", nick(), nick())
            .prop_map(|(c, m, n, o)| format!("AMODE {c} {m} {n} {o}")),
        (nick(), text()).prop_map(|(n, t)| format!("PRIVMSG {n} :{t}")),
        (channel(), text()).prop_map(|(c, t)| format!("@+a=b;label=1 PRIVMSG {c} :{t}")),
        (channel(), text()).prop_map(|(c, t)| format!("NOTICE {c} :{t}")),
        channel().prop_map(|c| format!("@label=2;+draft/react=x TAGMSG {c}")),
        nick().prop_map(|n| format!("NICK {n}")),
        (channel(), text()).prop_map(|(c, t)| format!("@label=z CHATHISTORY LATEST {c} * {t}")),
        (channel(), text()).prop_map(|(c, t)| format!("CHATHISTORY AROUND {c} {t} 5")),
        (nick(), "[%a-z,0-9]{0,8}").prop_map(|(n, f)| format!("WHO {n} {f}")),
        channel().prop_map(|c| format!("WHO {c} %tcuihsnfdlaor,1")),
        (nick(), "[-+Biowx]{1,6}").prop_map(|(n, m)| format!("MODE {n} {m}")),
        ("(KLINE|DLINE|UNKLINE|UNDLINE)", "[0-9a-z$:!*@/.]{0,9}")
            .prop_map(|(c, m)| format!("{c} 5 {m} :x")),
        ("(OPER|STATS|TRACE|LINKS|ADMIN)", nick()).prop_map(|(c, n)| format!("{c} {n}")),
        text().prop_map(|t| format!("NOTICE $* :{t}")),
        (channel(), channel()).prop_map(|(c, d)| format!("RENAME {c} {d} :x")),
        (nick(), text()).prop_map(|(n, t)| format!("MARKREAD {n} {t}")),
        channel().prop_map(|c| format!("MARKREAD {c} timestamp=2027-01-15T08:00:00.500Z")),
        (nick(), "(GET|LIST|SET|CLEAR|SUB|UNSUB|SUBS|SYNC|X)", "[a-c:]{0,2}", text())
            .prop_map(|(n, s, k, t)| format!("METADATA {n} {s} {k} :{t}")),
        (channel(), "[-+]").prop_map(|(c, s)| format!("BATCH {s}a draft/multiline {c}")),
        (channel(), text(), "(;draft/multiline-concat)?")
            .prop_map(|(c, t, j)| format!("@batch=a{j} PRIVMSG {c} :{t}")),
        nick().prop_map(|n| format!("@label=w WHOIS {n}")),
        text().prop_map(|t| format!("AWAY :{t}")),
        (nick(), "[-+CLS]").prop_map(|(n, s)| format!("MONITOR {s} {n},bob")),
        "[A-Z]{3,8}( [ -~]{0,20})?",
        "[ -~]{0,60}",
        Just(
            "CAP REQ :message-tags server-time labeled-response batch echo-message extended-join"
                .to_owned()
        ),
        Just(
            "CAP REQ :-echo-message multi-prefix userhost-in-names draft/event-playback".to_owned()
        ),
        Just("LIST >0,!#b".to_owned()),
        Just("NAMES #a,#b,#general".to_owned()),
        Just("SETNAME :New Name".to_owned()),
        Just("QUIT :bye".to_owned()),
        Just("AUTHENTICATE PLAIN".to_owned()),
        Just("USER u 0 * :Real".to_owned()),
        Just("PASS alice:pw-alice".to_owned()),
    ];
    command.prop_map(|line| line.replace(['\r', '\n', '\0'], ""))
}

#[derive(Clone, Debug)]
enum Step {
    Line(usize, String),
    Connect(bool),
    Close(usize),
    Wait(u32),
    Settle(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..6_usize, line()).prop_map(|(who, line)| Step::Line(who, line)),
        2 => any::<bool>().prop_map(Step::Connect),
        1 => (0..6_usize).prop_map(Step::Close),
        1 => (0..200_000_u32).prop_map(Step::Wait),
        3 => prop::bool::weighted(0.8).prop_map(Step::Settle),
    ]
}

fn check(server: &Server) {
    for (id, user) in &server.users {
        assert_eq!(server.nicks.get(&names::fold(&user.nick)), Some(id));
        assert!(!user.sessions.is_empty());
        for session in &user.sessions {
            let client = &server.clients[session];
            assert_eq!(client.user, Some(*id));
            assert_eq!(client.account, user.account);
        }
        for key in &user.channels {
            assert!(server.channels[key].members.contains_key(id));
        }
        let folded = names::fold(&user.nick);
        let mine = user
            .account
            .as_ref()
            .is_some_and(|account| account.as_str() == folded.as_str());
        if server.accounts.contains(folded.as_str()) && user.account.is_some() {
            assert!(mine, "{folded} is held by {:?}", user.account);
        }
    }
    assert_eq!(server.nicks.len(), server.users.len());
    for (first, key) in &server.renamed {
        let history = server.channels[key].record.history.as_deref();
        assert!(history == Some(first.as_str()) && !server.channels.contains_key(first));
    }
    for (key, channel) in &server.channels {
        assert_eq!(&names::fold(&channel.record.name), key);
        assert!(!channel.members.is_empty() || channel.is_lasting());
        for (id, member) in &channel.members {
            let user = &server.users[id];
            assert!(user.channels.contains(key));
            let founder = channel.record.founder.as_ref();
            assert!(!member.founder || founder == user.account.as_ref());
        }
    }
    for (id, client) in &server.clients {
        assert!(server.deadlines.contains(&(client.deadline, *id)));
        assert_eq!(client.user.is_none(), client.registration.is_some());
    }
    assert_eq!(server.deadlines.len(), server.clients.len());
    assert!(server.response.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_stories(steps in prop::collection::vec(step(), 1..120), disk_works in any::<bool>()) {
        let mut world = World::new(config());
        let mut clients = vec![
            world.join_as("alice", true, "draft/chathistory batch labeled-response message-tags"),
            world.join_as("c0", false, ""),
            world.join_as("admin", true, "draft/oper-tag"),
            world.join_as(
                "c1",
                true,
                "server-time multi-prefix echo-message batch draft/multiline draft/channel-rename draft/read-marker draft/metadata-2",
            ),
        ];
        world.disk_works = disk_works;
        for step in steps {
            match step {
                Step::Line(who, line) => {
                    let id = clients[who % clients.len()];
                    if !world.server.is_busy(id) {
                        world.say(id, &line);
                    }
                }
                Step::Connect(account) => {
                    let id = world.connect_from("127.0.0.1");
                    if account {
                        world.say(id, "PASS alice:pw-alice");
                    }
                    world.say(id, "NICK alice");
                    world.say(id, "USER u 0 * :Real");
                    clients.push(id);
                }
                Step::Close(who) => {
                    let id = clients[who % clients.len()];
                    world.server.handle_closed(id, &Departure::Lost("gone".to_owned()), world.now);
                    world.drain();
                }
                Step::Wait(millis) => world.wait(millis.into()),
                Step::Settle(stored) => world.settle(stored),
            }
            check(&world.server);
        }
        world.settle(true);
        // Once the disk works, what failed before is written.
        world.settle(true);
        prop_assert_eq!(world.server.pending(), 0);
        if disk_works {
            let mut replayed = State { version: 1, ..State::default() };
            world.log.iter().for_each(|record| replayed.apply(record));
            for (key, channel) in &world.server.channels {
                let found = replayed.channels.iter().find(|c| names::fold(&c.name) == *key);
                let found = found.filter(|found| found.permanent || !found.members.is_empty());
                let lasting = channel.is_lasting().then_some(&channel.record);
                prop_assert_eq!(found, lasting);
            }
        }
    }
}
