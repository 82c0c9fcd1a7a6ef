//! Whatever a server sends, the session continues and stays within its limits.

use std::time::Duration;

use irc_connector::session::Action;
use proptest::prelude::*;

use crate::common::{Story, assignment};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("alice".to_owned()),
        Just("bob".to_owned()),
        Just("#t".to_owned()),
        Just("#u".to_owned()),
        Just("*".to_owned()),
        Just("+ref".to_owned()),
        Just("-ref".to_owned()),
        Just("chathistory".to_owned()),
        Just("+ov-o".to_owned()),
        Just("LS".to_owned()),
        Just("NEW".to_owned()),
        Just("ACK".to_owned()),
        Just("PREFIX=(ov)@+".to_owned()),
        Just("CHATHISTORY=2".to_owned()),
        Just("TARGETS".to_owned()),
        Just("draft/chathistory batch echo-message labeled-response away-notify".to_owned()),
        Just("\x01VERSION\x01".to_owned()),
        "\\PC{0,12}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let command = prop_oneof![
        prop::sample::select(vec![
            "PRIVMSG",
            "NOTICE",
            "JOIN",
            "PART",
            "KICK",
            "QUIT",
            "NICK",
            "TOPIC",
            "MODE",
            "INVITE",
            "AWAY",
            "BATCH",
            "CAP",
            "CHATHISTORY",
            "FAIL",
            "ACK",
            "AUTHENTICATE",
            "CHGHOST",
            "ERROR",
            "PING",
        ])
        .prop_map(str::to_owned),
        (0_u16..1000).prop_map(|n| format!("{n:03}")),
    ];
    let tags = prop_oneof![
        Just(String::new()),
        "@(time=[0-9T:.Z-]{0,24};)?(msgid=[a-c];)?(batch=ref;)?(label=[0-9a-f])? ",
    ];
    let source = prop_oneof![
        Just(String::new()),
        Just(":alice!a@h ".to_owned()),
        Just(":bob!b@h ".to_owned()),
        Just(":irc.test ".to_owned()),
    ];
    (tags, source, command, prop::collection::vec(word(), 0..6)).prop_map(
        |(tags, source, command, params)| {
            let (last, middle) = params
                .split_last()
                .map_or((String::new(), &[][..]), |(l, m)| (l.clone(), m));
            let middle: String = middle.iter().map(|p| format!("{p} ")).collect();
            format!("{tags}{source}{command} {middle}:{last}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_lines_are_survived(lines in prop::collection::vec(line(), 0..60), online in any::<bool>()) {
        let mut record = assignment();
        record.connection.set("sasl", true);
        record.connection.password = Some("sesame".to_owned());
        let mut story = Story::new(record);
        if online {
            story.go_online("echo-message batch draft/chathistory", "CHANTYPES=#");
            story.join("#t", "@alice bob");
            story.say("#t", "hello");
        } else {
            story.connect();
        }
        for line in &lines {
            let before = story.outputs.len() + story.sent.len() + story.actions.len();
            story.server(line);
            let after = story.outputs.len() + story.sent.len() + story.actions.len();
            // A server's line adds no more to our state than the members it listed and what was waiting.
            prop_assert!(after - before < 200, "{line}: {}", after - before);
        }
        for line in &story.sent {
            prop_assert!(line.len() <= 510 && !line.contains(['\r', '\n', '\0']), "{line:?}");
        }
        story.pass(Duration::from_secs(600));
    }

    #[test]
    fn any_bytes_are_survived(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut story = Story::online(assignment(), "", "CHANTYPES=#");
        for line in &lines {
            let now = story.now();
            story.session.handle_line(line, now);
            while let Some(action) = story.session.poll_action() {
                prop_assert!(!matches!(action, Action::Ended));
            }
        }
    }
}
