//! Parameters of numerics and standard replies, as specified.

use super::*;

fn only<'a>(lines: &'a [String], part: &str) -> &'a str {
    let mut found = lines.iter().filter(|line| line.contains(part));
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => panic!("{part} is not there once: {lines:#?}"),
    }
}

#[test]
fn a_full_monitor_list_names_all_that_it_does_not_take() {
    let mut config = config();
    config.limits.monitor = 2;
    let mut world = World::new(config);
    let alice = world.join_as("alice", true, "");
    let lines = world.ask(alice, "MONITOR + a,b,C,d,A,!");
    assert!(
        only(&lines, " 734 ").contains(" 734 alice 2 C,d :"),
        "{lines:#?}"
    );
    // A nickname that is already on the list is answered all the same.
    assert!(only(&lines, " 731 ").ends_with(" 731 alice a,b,A"));
}

#[test]
fn history_that_cannot_be_read_names_the_request() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "standard-replies draft/chathistory");
    world.say(alice, "JOIN #Tea");
    world.log_works = false;
    for (request, about) in [
        ("latest #tea * 10", "LATEST #tea"),
        (
            "TARGETS timestamp=2026-01-01T00:00:00.000Z timestamp=2026-01-02T00:00:00.000Z 10",
            "TARGETS",
        ),
    ] {
        let lines = world.ask(alice, &format!("CHATHISTORY {request}"));
        let fail = format!(":irc.subspace.local FAIL CHATHISTORY MESSAGE_ERROR {about} :");
        assert!(
            lines.len() == 1 && lines[0].starts_with(&fail),
            "{lines:#?}"
        );
    }
}

#[test]
fn sasl_that_is_not_finished_at_the_registration_is_aborted() {
    let mut world = World::new(config());
    let id = world.connect_from("127.0.0.1");
    for line in [
        "CAP REQ :sasl",
        "NICK alice",
        "USER a 0 * :A",
        "AUTHENTICATE PLAIN",
    ] {
        world.say(id, line);
    }
    let lines = world.ask(id, "CAP END");
    assert!(lines[0].contains(" 906 alice :"), "{lines:#?}");
    assert!(lines[1].contains(" 001 alice :"), "{lines:#?}");
    // The exchange is over: this starts another.
    assert_eq!(world.ask(id, "AUTHENTICATE PLAIN"), ["AUTHENTICATE +"]);
}

#[test]
fn a_line_that_is_not_utf8_is_refused_by_its_command() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "standard-replies");
    for (line, command) in [
        (&b"PRIVMSG bob :J\xfcrgen"[..], "PRIVMSG"),
        (&b"@a=b topic #tea :J\xfcrgen"[..], "TOPIC"),
        (&b"J\xdcRGEN #tea"[..], "*"),
    ] {
        world.clear();
        world.server.handle_line(alice, line, world.now);
        world.drain();
        let fail = format!(":irc.subspace.local FAIL {command} INVALID_UTF8 :");
        let lines = world.take(alice);
        assert!(
            lines.len() == 1 && lines[0].starts_with(&fail),
            "{lines:#?}"
        );
    }
}

#[test]
fn userhost_marks_administrators_and_who_is_away() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    let bob = world.join_as("bob", false, "");
    world.say(bob, "AWAY :lunch");
    assert!(
        world.ask(admin, "USERHOST admin bob")[0]
            .ends_with(" 302 admin :admin*=+admin@user/admin bob=-bob@guest/127.0.0.1")
    );
}

#[test]
fn channels_are_named_as_they_are_spelled() {
    let mut config = config();
    config.limits.bans = 0;
    let mut world = World::new(config);
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "");
    world.say(alice, "JOIN #TeaRoom");
    for (line, answer) in [
        ("MODE #tearoom +o bob", " 441 alice bob #TeaRoom :"),
        ("MODE #tearoom +k", " 696 alice #TeaRoom k * :"),
        ("MODE #tearoom +l x", " 696 alice #TeaRoom l x :"),
        ("MODE #tearoom +k a,b", " 525 alice #TeaRoom :"),
        ("MODE #tearoom +b eve", " 478 alice #TeaRoom b :"),
    ] {
        let lines = world.ask(alice, line);
        assert!(
            lines.len() == 1 && lines[0].contains(answer),
            "{line}: {lines:#?}"
        );
    }
    world.say(alice, "INVITE bob #tearoom");
    let lines = world.ask(bob, "INVITE");
    assert!(only(&lines, " 336 ").ends_with(" 336 bob #TeaRoom"));
}

#[test]
fn lengths_are_announced() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let lines = world.ask(alice, "VERSION");
    for token in [" NAMELEN=150 ", " KEYLEN=32 ", " USERLEN=20 "] {
        only(&lines, token);
    }
    for line in lines.iter().filter(|line| line.contains(" 005 ")) {
        let message = irc_codec::Message::parse(line).unwrap();
        assert!(message.params.len() <= 15, "{line}");
    }
}

#[test]
fn whoever_signs_in_later_is_told_the_own_source() {
    use base64::Engine;
    let mut world = World::new(config());
    let guest = world.join_as("visitor", false, "sasl");
    world.say(guest, "AUTHENTICATE PLAIN");
    let payload = base64::engine::general_purpose::STANDARD.encode("\0alice\0pw-alice");
    let lines = world.ask(guest, &format!("AUTHENTICATE {payload}"));
    let source = "visitor!visitor@guest/127.0.0.1";
    assert!(
        only(&lines, " 900 ").contains(&format!(" 900 visitor {source} alice :")),
        "{lines:#?}"
    );
}

#[test]
fn a_line_that_is_too_long_is_answered_without_a_target() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    world.say(alice, "JOIN #tea");
    let long = "x".repeat(480);
    for (line, to) in [
        (format!("PRIVMSG #tea :{long}"), "#tea"),
        (format!("NOTICE #tea :{long}"), "#tea"),
        (format!("PRIVMSG alice :{long}"), "alice"),
    ] {
        let lines = world.ask(alice, &line);
        let told = irc_codec::Message::parse(only(&lines, " 417 ")).unwrap();
        assert_eq!(told.params.len(), 2, "{lines:#?}");
        assert!(
            told.param(1)
                .starts_with(&format!("Your message to {to} was not sent: "))
        );
    }
}

#[test]
fn a_person_is_no_channel_that_cannot_be_sent_to() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    world.join_as("bob", true, "");
    world.say(alice, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    for (target, code) in [("#tea", 404), ("bob", 531)] {
        world.say(alice, &format!("PRIVMSG {target} :lost"));
        world.settle(false);
        let lines = world.take(alice);
        let answer = format!(":irc.subspace.local {code} alice {target} :Your message was not");
        assert!(
            lines.len() == 1 && lines[0].starts_with(&answer),
            "{lines:#?}"
        );
    }
}

#[test]
fn the_monitor_list_is_spelled_as_it_was_asked_for() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    world.join_as("bob", true, "");
    world.say(alice, "MONITOR + Carol,BOB");
    world.say(alice, "MONITOR + cArOl");
    let lines = world.ask(alice, "MONITOR L");
    assert!(
        only(&lines, " 732 ").ends_with(" 732 alice BOB,Carol"),
        "{lines:#?}"
    );
    assert!(lines[1].ends_with(" 733 alice :End of MONITOR list"));
    let lines = world.ask(alice, "MONITOR S");
    assert!(only(&lines, " 730 ").contains(" 730 alice bob!"));
    assert!(only(&lines, " 731 ").ends_with(" 731 alice Carol"));
    world.say(alice, "MONITOR - CAROL,bob");
    assert_eq!(world.ask(alice, "MONITOR L").len(), 1);
}

#[test]
fn nothing_answers_a_notice() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    for line in [
        "NOTICE",
        "NOTICE bob",
        "NOTICE a,b,c,d,e :hi",
        "NOTICE nobody :hi",
        "NOTICE #none :hi",
    ] {
        let lines = world.ask(alice, line);
        assert!(lines.is_empty(), "{line}: {lines:#?}");
        let lines = world.ask(alice, &line.replace("NOTICE", "PRIVMSG"));
        assert_eq!(lines.len(), 1, "{line}: {lines:#?}");
    }
}

#[test]
fn queries_are_answered_as_modern_irc_has_them() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    world.join_as("bob", true, "");
    let lines = world.ask(alice, "WHO 0");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(only(&lines, " 315 ").contains(" 315 alice 0 :"));
    for (line, answer) in [
        ("WHOIS", " 431 alice :"),
        ("WHOIS irc.subspace.local :", " 431 alice :"),
        ("WHOIS a,b,c,d,e", " 407 alice a,b,c,d,e :"),
        ("NAMES #a,#b,#c,#d,#e", " 407 alice #a,#b,#c,#d,#e :"),
        ("HELP nonsense", " 524 alice nonsense :"),
        ("HELP :of all things", " 524 alice * :"),
    ] {
        let lines = world.ask(alice, line);
        assert!(
            lines.len() == 1 && lines[0].contains(answer),
            "{line}: {lines:#?}"
        );
    }
    let lines = world.ask(alice, "VERSION");
    let targets = only(&lines, " TARGMAX=");
    for token in [",NAMES:4,", ",JOIN:,", ",PART:,", ",MONITOR: "] {
        assert!(targets.contains(token), "{token}: {targets}");
    }
}
