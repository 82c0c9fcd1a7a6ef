//! Time limits and sizes.

use super::*;

#[test]
fn silence_is_asked_and_then_ended() {
    let mut world = World::new(config());
    let slow = world.connect_from("127.0.0.1");
    let alice = world.join_as("alice", false, "");
    world.wait(30_000);
    assert!(world.closed.contains(&slow));
    assert!(world.take(slow)[0].starts_with("ERROR :Registration took longer"));
    world.wait(100_000);
    assert_eq!(world.take(alice), ["PING :irc.subspace.local"]);
    world.say(alice, "PONG irc.subspace.local");
    world.wait(60_000);
    assert!(!world.closed.contains(&alice));
    world.wait(120_000);
    world.wait(60_000);
    assert!(world.closed.contains(&alice));
    assert!(
        world
            .take(alice)
            .last()
            .unwrap()
            .starts_with("ERROR :Ping timeout")
    );
    assert_eq!(world.server.poll_timeout(), None);
}

#[test]
fn everything_has_an_end() {
    let mut config = config();
    config.limits.clients = 4;
    config.limits.clients_per_address = 2;
    config.limits.channels_per_user = 2;
    config.limits.members = 1;
    config.limits.bans = 1;
    config.limits.monitor = 1;
    let mut world = World::new(config);
    let one = world.connect_from("192.0.2.1");
    world.connect_from("192.0.2.1");
    let third = world.connect_from("192.0.2.1");
    assert!(world.closed == [third] && !world.closed.contains(&one));
    let alice = world.join_as("alice", false, "");
    let bob = world.join_as("bob", false, "");
    let fifth = world.connect_from("127.0.0.1");
    assert!(world.take(fifth)[0].starts_with("ERROR :This server is full"));
    world.say(alice, "JOIN #a,#b");
    assert!(world.ask(alice, "JOIN #c")[0].contains(" 405 "));
    assert!(world.ask(bob, "JOIN #a")[0].contains(" 471 "));
    world.say(alice, "MODE #a +b x");
    assert!(world.ask(alice, "MODE #a +b y")[0].contains(" 478 "));
    assert!(world.ask(alice, "MONITOR + x,y")[0].contains(" 734 "));
    assert!(world.ask(alice, "PRIVMSG a,b,c,d,e :x")[0].contains(" 407 "));
    let list = |count: usize| format!("LIST {}", vec!["*a*"; count].join(","));
    let refused = world.ask(alice, &list(21));
    assert!(
        refused.len() == 1 && refused[0].contains(" 407 "),
        "{refused:?}"
    );
    assert!(
        world
            .ask(alice, &list(20))
            .iter()
            .any(|line| line.contains(" 322 alice #a "))
    );
}

#[test]
fn too_long_with_the_name_before_it_is_refused_not_cut() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "");
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #a");
    world.say(bob, "JOIN #a");
    world.clear();
    let fixed = ":alice!alice@guest/127.0.0.1 PRIVMSG #a :\r\n".len();
    let longest = "x".repeat(512 - fixed);
    world.say(alice, &format!("PRIVMSG #a :{longest}"));
    assert!(world.take(bob)[0].ends_with(&longest));
    let refused = world.ask(alice, &format!("PRIVMSG #a :{longest}y"));
    assert!(
        refused[0].contains(" 417 ") && refused[0].contains("1 bytes too long"),
        "{refused:?}"
    );
    assert!(world.take(bob).is_empty());
    world
        .server
        .handle_line(alice, b"PRIVMSG #a :\xff\xfe", world.now);
    world.drain();
    assert!(world.take(alice)[0].contains("not UTF-8"));
}
