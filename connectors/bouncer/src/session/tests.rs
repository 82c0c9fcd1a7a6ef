//! Stories of a session: a client's lines, the gateway's news, and what the client is sent.

use gateway::{NetworkState, News};
use irc_codec::Message;
use protocol::{
    Activity, ActivityObject, ConnectionStatus, Entity, Folding, PlatformDescriptor, Timestamp,
};
use serde_json::json;

use super::*;

mod labels;
mod lines;
mod relations;

struct Story {
    session: Session,
    elapsed: Duration,
    orders: Vec<Output>,
}

fn network(id: &str, name: &str) -> NetworkState {
    let record = json!({
        "version": 1, "id": id, "platform": "irc", "name": name, "server": "irc.test", "nick": "alice",
        "channels": [], "enabled": true, "connector": "irc", "created": "2026-01-15T10:00:00.000Z",
        "host": "irc.test", "port": 6697, "secure": true,
    });
    NetworkState {
        record: serde_json::from_value(record).unwrap(),
        nick: "alice".to_owned(),
        status: ConnectionStatus::Online,
        folding: Folding::Ascii,
        conversations: PlatformDescriptor::default_platform().conversations,
    }
}

impl Story {
    fn new() -> Self {
        let wall = Timestamp::from_millis(1_800_000_000_000);
        let now = Now {
            wall,
            elapsed: Duration::ZERO,
        };
        Self {
            session: Session::new("bouncer.test", "b1", now),
            elapsed: Duration::ZERO,
            orders: Vec::new(),
        }
    }

    fn take(&mut self, input: Input) -> Vec<String> {
        let wall = Timestamp::from_millis(1_800_000_000_000);
        let now = Now {
            wall,
            elapsed: self.elapsed,
        };
        let mut lines = Vec::new();
        for output in self.session.handle(input, now) {
            match output {
                Output::Line(line) => {
                    assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
                    let mut bare = Message::parse(&line).unwrap();
                    bare.tags = irc_codec::Tags::default();
                    assert!(bare.to_string().len() <= 510, "{line:?}");
                    lines.push(line);
                }
                other => self.orders.push(other),
            }
        }
        lines
    }

    fn say(&mut self, line: &str) -> Vec<String> {
        self.take(Input::Line(line.as_bytes().to_vec()))
    }

    fn tell(&mut self, activity: Activity) -> Vec<String> {
        self.news(activity, false)
    }

    fn news(&mut self, activity: Activity, missed: bool) -> Vec<String> {
        let activity = Box::new(activity);
        self.take(Input::News(News::Activity { activity, missed }))
    }

    /// Answers the last request with what it asked for, changed.
    fn answer(&mut self, change: impl FnOnce(&mut Activity)) -> Vec<String> {
        let Some(Output::Perform(request, mut activity)) = self.orders.pop() else {
            panic!("no request: {:?}", self.orders);
        };
        change(&mut activity);
        self.take(Input::News(News::Answer { request, activity }))
    }

    fn sign_in(&mut self, networks: Vec<NetworkState>) -> Vec<String> {
        let Some(Output::SignIn(mut candidates)) = self.orders.pop() else {
            panic!("no sign-in: {:?}", self.orders);
        };
        let (login, _) = candidates.remove(0);
        let account = login.account.parse().unwrap();
        self.take(Input::SignedIn(Ok((login, account, networks))))
    }

    /// Signed in with PASS, on the only network.
    fn welcomed(caps: &str) -> Self {
        let mut story = Self::new();
        if !caps.is_empty() {
            story.say(&format!("CAP REQ :{caps}"));
        }
        story.say("PASS alice/net@phone:pw");
        story.say("NICK other");
        story.say("USER alice 0 * :Alice");
        story.say("CAP END");
        story.sign_in(vec![network("n1", "net")]);
        let Some(Output::Attach { connection, .. }) = story.orders.pop() else {
            panic!("it does not attach: {:?}", story.orders);
        };
        assert_eq!(connection, "n1");
        let lines = story.take(Input::Attached(Ok(network("n1", "net"))));
        assert!(
            lines[0].starts_with(":bouncer.test 001 alice "),
            "{lines:?}"
        );
        assert!(
            lines.iter().any(|l| l.contains("CASEMAPPING=ascii")),
            "{lines:?}"
        );
        story
    }

    /// Also in `#c`, with bob, who is an operator.
    fn in_room(caps: &str) -> Self {
        let mut story = Self::welcomed(caps);
        assert_eq!(story.tell(about("join", "alice", "#c")).len(), 1);
        let mut list = Activity::new("irc", "query", Entity::room("#c", "irc.test"));
        let members = vec!["alice".to_owned(), "bob".to_owned()];
        list.object = Some(ActivityObject::attendance(members));
        assert!(story.tell(list).is_empty(), "the roles are awaited");
        let mut role = about("update", "bob", "#c");
        role.object = Some(json!({"type": "presence", "role": "owner", "show": "online"}).into());
        assert!(story.tell(role).is_empty());
        story.elapsed = story.session.deadline().unwrap();
        let names = story.take(Input::Time);
        assert_eq!(names[0], ":bouncer.test 353 alice = #c :alice @bob");
        assert!(names[1].contains(" 366 alice #c "), "{names:?}");
        story
    }
}

fn about(kind: &str, who: &str, room: &str) -> Activity {
    let mut activity = Activity::new("irc", kind, Entity::person(who, "irc.test"));
    activity.target = Some(Entity::room(room, "irc.test"));
    activity.published = Some("2026-12-01T10:00:00.000Z".to_owned());
    activity
}

fn said(who: &str, room: &str, text: &str) -> Activity {
    let mut activity = about("send", who, room);
    activity.object = Some(ActivityObject::message(text));
    activity.id = Some("m1".to_owned());
    activity
}

#[test]
fn sasl_signs_in_and_a_network_is_bound() {
    let mut story = Story::new();
    let ls = story.say("CAP LS 302");
    assert!(ls[0].contains("sasl=PLAIN") && ls[0].contains("soju.im/bouncer-networks"));
    story.say("CAP REQ :sasl batch soju.im/bouncer-networks server-time");
    story.say("NICK alice");
    story.say("USER alice 0 * :Alice");
    assert_eq!(story.say("AUTHENTICATE PLAIN"), ["AUTHENTICATE +"]);
    // \0alice\0pw
    assert!(story.say("AUTHENTICATE AGFsaWNlAHB3").is_empty());
    let lines = story.sign_in(vec![network("n1", "one"), network("n2", "two")]);
    assert!(
        lines[0].contains(" 900 ") && lines[1].contains(" 903 "),
        "{lines:?}"
    );
    let list = story.say("BOUNCER LISTNETWORKS");
    assert_eq!(list.len(), 4, "{list:?}");
    assert!(list[1].contains("BOUNCER NETWORK n1 name=one;state=connected;host=irc.test"));
    assert!(story.say("BOUNCER BIND n3")[0].contains("INVALID_NETID"));
    assert!(story.say("BOUNCER BIND n2").is_empty());
    story.say("CAP END");
    assert!(matches!(&story.orders[..], [Output::Attach { connection, .. }] if connection == "n2"));
    let lines = story.take(Input::Attached(Ok(network("n2", "two"))));
    assert!(lines.iter().any(|line| line.contains("BOUNCER_NETID=n2")));
    assert!(story.say("BOUNCER BIND n1")[0].contains("REGISTRATION_IS_COMPLETED"));
}

#[test]
fn who_does_not_sign_in_is_let_go() {
    let mut story = Story::new();
    story.say("NICK alice");
    let lines = story.say("USER alice 0 * :Alice");
    assert!(
        lines[0].contains(" 464 ") && lines[1].starts_with("ERROR "),
        "{lines:?}"
    );
    assert!(matches!(story.orders[..], [Output::Close]));
    // Nothing more is said.
    assert!(story.say("PING x").is_empty());

    let mut story = Story::new();
    story.say("CAP REQ sasl");
    for last in [false, false, true] {
        story.say("AUTHENTICATE PLAIN");
        story.say("AUTHENTICATE AGFsaWNlAHB3");
        story.orders.clear();
        let lines = story.take(Input::SignedIn(Err(Refused::Wrong)));
        assert!(lines[0].contains(" 904 "), "{lines:?}");
        assert_eq!(lines.len() == 2, last, "{lines:?}");
    }
}

#[test]
fn a_network_that_is_not_there_is_named_with_those_that_are() {
    let mut story = Story::new();
    story.say("PASS alice/nothing:pw");
    story.say("NICK alice");
    story.say("USER x 0 * :x");
    let lines = story.sign_in(vec![network("n1", "one"), network("n2", "two")]);
    let text = lines.join("\n");
    assert!(
        text.contains("no network") && text.contains("one, two"),
        "{text}"
    );
}

#[test]
fn messages_go_both_ways_and_own_ones_are_shown_once() {
    let mut story = Story::in_room("");
    let lines = story.tell(said("bob", "#c", "hi"));
    assert_eq!(lines, [":bob!bob@irc.test PRIVMSG #c hi"]);
    // From another device of the account.
    let lines = story.tell(said("alice", "#c", "from the web"));
    assert_eq!(lines, [":alice!alice@irc.test PRIVMSG #c :from the web"]);
    for echo in [false, true] {
        let mut story = Story::in_room(if echo {
            "echo-message message-tags"
        } else {
            ""
        });
        assert!(story.say("PRIVMSG #c :hello there").is_empty());
        let lines = story.answer(|activity| {
            assert_eq!(activity.kind, "send");
            activity.id = Some("m2".to_owned());
        });
        let expected = "@msgid=m2 :alice!alice@irc.test PRIVMSG #c :hello there";
        assert_eq!(lines, vec![expected; usize::from(echo)]);
    }
    let lines = story.say("PRIVMSG #c :\u{1}ACTION waves\u{1}");
    assert!(lines.is_empty());
    assert!(
        story
            .answer(|one| assert_eq!(one.object_type(), Some("me")))
            .is_empty()
    );
    story.say("PRIVMSG bob :hi");
    let lines = story.answer(|activity| activity.error = Some("No such nick.".to_owned()));
    assert_eq!(lines, [":bouncer.test 404 alice bob :No such nick."]);
    assert!(story.say("PRIVMSG bob :\u{1}VERSION\u{1}")[0].contains(" 404 "));
    assert!(story.say("PRIVMSG")[0].contains(" 411 "));
    assert!(story.say("PRIVMSG bob")[0].contains(" 412 "));
}

#[test]
fn what_was_missed_has_its_time() {
    let mut story = Story::in_room("server-time");
    let lines = story.news(said("bob", "#c", "hi"), true);
    let expected = "@time=2026-12-01T10:00:00.000Z :bob!bob@irc.test PRIVMSG #c hi";
    assert_eq!(lines, [expected]);
    let mut story = Story::in_room("");
    let lines = story.news(said("bob", "#c", "hi"), true);
    assert_eq!(
        lines,
        [":bob!bob@irc.test PRIVMSG #c :[2026-12-01 10:00] hi"]
    );
    let shown = story.session.place().unwrap();
    assert_eq!((shown.0, shown.1), ("n1", "phone"));
    assert!(shown.2.is_some());
}

#[test]
fn long_messages_are_divided_and_nothing_is_lost() {
    let mut story = Story::in_room("message-tags");
    let text = "äöü ".repeat(300);
    let lines = story.tell(said("bob", "#c", text.trim()));
    assert!(lines.len() > 2);
    assert!(lines[0].starts_with("@msgid=m1 ") && !lines[1].starts_with('@'));
    let body = |line: &String| Message::parse(line).unwrap().params[1].clone();
    let all: Vec<String> = lines.iter().map(body).collect();
    assert_eq!(all.join(" "), text.trim());
    assert!(lines.iter().skip(1).all(|line| line.len() <= 510));
}

#[test]
fn members_come_and_go() {
    let mut story = Story::in_room("");
    assert_eq!(
        story.tell(about("join", "eve", "#c")),
        [":eve!eve@irc.test JOIN #c"]
    );
    assert!(story.tell(about("join", "eve", "#c")).is_empty());
    let mut leave = about("leave", "eve", "#c");
    leave.object = Some(json!({"type": "message", "content": "bye", "quit": true}).into());
    assert_eq!(story.tell(leave.clone()), [":eve!eve@irc.test QUIT bye"]);
    // For another room.
    assert!(story.tell(leave).is_empty());
    let mut nick = about("update", "bob", "#c");
    nick.target = Some(Entity::person("bobby", "irc.test"));
    nick.object = Some(ActivityObject::address());
    assert_eq!(story.tell(nick), [":bob!bob@irc.test NICK bobby"]);
    assert!(story.say("NAMES #c")[0].ends_with(":alice @bobby"));
    assert!(story.say("WHO #c").len() == 3);
    let mut kick = about("leave", "alice", "#c");
    kick.object = Some(json!({"type": "message", "content": "out", "by": "bobby"}).into());
    assert_eq!(
        story.tell(kick),
        [":bobby!bobby@irc.test KICK #c alice out"]
    );
    assert!(
        story.tell(about("join", "eve", "#c")).is_empty(),
        "we are not there"
    );
}

#[test]
fn requests_become_activities_and_their_answers_numerics() {
    let mut story = Story::in_room("");
    story.say("JOIN #d key");
    let lines = story.answer(|one| {
        assert_eq!(one.kind, "join");
        assert_eq!(
            one.object.as_ref().unwrap().get("password"),
            Some(json!("key"))
        );
        one.object = None;
    });
    assert_eq!(lines, [":alice!alice@irc.test JOIN #d"]);
    story.say("JOIN #e");
    let lines = story.answer(|one| one.error = Some("It is full.".to_owned()));
    assert_eq!(lines, [":bouncer.test 437 alice #e :It is full."]);
    story.say("TOPIC #c :new one");
    assert_eq!(
        story.answer(|_| {}),
        [":alice!alice@irc.test TOPIC #c :new one"]
    );
    assert!(story.say("TOPIC #c")[0].contains(" 332 alice #c :new one"));
    story.say("MODE #c +v bob");
    assert_eq!(
        story.answer(|_| {}),
        [":alice!alice@irc.test MODE #c +v bob"]
    );
    assert!(story.say("MODE #c +m")[0].contains(" 472 "));
    assert!(story.say("MODE #c b")[0].contains(" 368 "));
    assert!(story.say("MODE #c")[0].contains(" 324 "));
    assert!(story.say("MODE alice +i")[0].ends_with(" 221 alice +"));
    assert!(story.say("MODE alice +x")[0].contains(" 501 "));
    story.say("AWAY :tea");
    assert!(story.answer(|_| {})[0].contains(" 306 "));
    story.say("INVITE eve #c");
    assert!(story.answer(|_| {})[0].contains(" 341 alice eve #c"));
    story.say("KICK #c bob :out");
    assert!(story.answer(|_| {}).is_empty(), "it is told apart");
    story.say("WHOIS bob");
    let lines = story.answer(|one| {
        one.object = Some(json!({"type": "whois", "nick": "bob", "account": "b"}).into());
    });
    assert!(lines[1].contains(" 330 alice bob b "), "{lines:?}");
    story.say("NICK al");
    assert_eq!(story.answer(|_| {}), [":alice!alice@irc.test NICK al"]);
    story.say("PART #c :bye");
    assert_eq!(story.answer(|_| {}), [":al!al@irc.test PART #c bye"]);
    assert!(story.say("KNOCK #c")[0].contains(" 421 al KNOCK "));
    assert!(story.say("TAGMSG #c").is_empty());
}

#[test]
fn the_history_is_a_batch() {
    let mut story = Story::in_room("batch server-time draft/chathistory");
    assert!(story.say("CHATHISTORY LATEST #c * 10").is_empty());
    let Some(Output::Recall(request, Some(room))) = story.orders.pop() else {
        panic!("{:?}", story.orders);
    };
    assert_eq!(room, "#c");
    let lines = story.take(Input::Recalled(request, vec![said("bob", "#c", "hi")]));
    assert!(lines[0].contains("BATCH +h2 chathistory #c"), "{lines:?}");
    assert!(lines[1].starts_with("@batch=h2;time="), "{lines:?}");
    assert!(lines[2].ends_with("BATCH -h2"), "{lines:?}");
    story.say("CHATHISTORY TARGETS timestamp=2026-01-01T00:00:00.000Z timestamp=2027-01-01T00:00:00.000Z 5");
    let Some(Output::Recall(request, None)) = story.orders.pop() else {
        panic!("{:?}", story.orders);
    };
    let lines = story.take(Input::Recalled(request, vec![said("bob", "#c", "hi")]));
    assert!(
        lines[1].ends_with("CHATHISTORY TARGETS #c 2026-12-01T10:00:00.000Z"),
        "{lines:?}"
    );
    assert!(story.say("CHATHISTORY LATEST #c")[0].contains("INVALID_PARAMS"));
}

#[test]
fn changes_of_networks_are_told_to_who_wants_it() {
    let mut story = Story::welcomed("soju.im/bouncer-networks-notify");
    let mut offline = network("n1", "net");
    offline.status = ConnectionStatus::Offline;
    let lines = story.take(Input::Networks(vec![offline.clone(), network("n2", "two")]));
    assert!(
        lines[0].contains("n1 name=net;state=disconnected"),
        "{lines:?}"
    );
    assert!(lines[1].contains("n2 name=two"), "{lines:?}");
    assert!(
        story
            .take(Input::Networks(vec![offline.clone(), network("n2", "two")]))
            .is_empty()
    );
    let lines = story.take(Input::Networks(vec![offline]));
    assert!(lines[0].ends_with("BOUNCER NETWORK n2 *"), "{lines:?}");
    story.say("BOUNCER ADDNETWORK host=irc.example.org;tls=0;nickname=al");
    assert!(matches!(&story.orders[..], [Output::Create { actor, .. }] if actor.nick == "al"));
    assert!(story.say("BOUNCER DELNETWORK n1")[0].contains("DELNETWORK"));
    assert!(story.say("BOUNCER ADDNETWORK nickname=al")[0].contains("host"));
}

#[test]
fn bad_input_is_answered_and_changes_nothing() {
    let long = "x".repeat(400);
    let lines: Vec<Vec<u8>> = [
        "",
        " ",
        ":",
        ":a",
        "@",
        "@a",
        "@a=b",
        "CAP",
        "CAP REQ",
        "CAP REQ :",
        "CAP X",
        "CAP LS x",
        "AUTHENTICATE",
        "AUTHENTICATE *",
        "AUTHENTICATE +",
        "AUTHENTICATE PLAIN",
        "AUTHENTICATE %%%%",
        "AUTHENTICATE AAAA",
        "NICK",
        "USER",
        "BOUNCER",
        "BOUNCER BIND",
        "BOUNCER ADDNETWORK",
        "BOUNCER LISTNETWORKS",
        "PRIVMSG",
        "PRIVMSG , :x",
        "PRIVMSG #c :",
        "PRIVMSG #c,#c,#c,#c,#c,#c :x",
        "JOIN",
        "JOIN 0",
        "JOIN ,,,",
        "JOIN c",
        "JOIN # x,y,z",
        "PART ,",
        "MODE",
        "MODE #c",
        "MODE #c +",
        "MODE #c +oooo a",
        "MODE #c +q x",
        "MODE alice +x",
        "KICK #c",
        "KICK c bob",
        "INVITE bob",
        "INVITE bob c",
        "WHO",
        "WHO *",
        "WHOIS",
        "WHOIS #c",
        "TOPIC",
        "TOPIC c",
        "NAMES",
        "NAMES c",
        "CHATHISTORY",
        "CHATHISTORY LATEST",
        "USERHOST",
        "ISON",
        "PING",
        "PONG",
        "LIST",
        "AWAY",
        "NOTICE",
        "TAGMSG",
        "PASS",
        "WHATEVER a b c",
        "\u{1}",
        "\u{feff}PING",
        "PRIVMSG \u{202e} :x",
    ]
    .iter()
    .map(|line| line.as_bytes().to_vec())
    .chain([
        b"PRIVMSG #c :\xff\xfe".to_vec(),
        b"PING \0".to_vec(),
        format!("JOIN {}", "#a,".repeat(150)).into_bytes(),
        format!("NICK {long}").into_bytes(),
        format!("AUTHENTICATE {long}").into_bytes(),
    ])
    .collect();
    for registered in [false, true] {
        for line in &lines {
            let mut story = if registered {
                Story::in_room("sasl batch")
            } else {
                Story::new()
            };
            // `take` checks what is answered.
            story.take(Input::Line(line.clone()));
            story.take(Input::TooLong);
            story.take(Input::Recalled(99, Vec::new()));
            story.take(Input::Created(Err("no".to_owned())));
            let activity = Box::<Activity>::default();
            story.take(Input::News(News::Answer {
                request: 99,
                activity,
            }));
            story.tell(Activity::default());
            if !story.session.closed {
                let pong = story.say("PING here");
                assert!(pong[0].ends_with("PONG bouncer.test here"), "{pong:?}");
            }
        }
    }
}

#[test]
fn what_a_client_may_ask_at_once_is_bounded() {
    let mut story = Story::in_room("");
    let mut refused = 0;
    for _ in 0..1_000 {
        refused += story.say("WHOIS bob").len();
    }
    // Besides, the attachment has not been confirmed.
    assert_eq!(story.orders.len() + 1, story.session.asked.len());
    assert!(story.orders.len() < 200 && refused + story.orders.len() == 1_000);
}
