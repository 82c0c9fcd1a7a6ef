//! Parameters of numerics and standard replies, as the specifications have them.

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
    // What is on the list already is answered all the same.
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
    // The exchange is over: this begins another.
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
