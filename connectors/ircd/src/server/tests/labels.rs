//! Labelled responses: one line, a batch, ACK.

use super::*;

const CAPS: &str = "labeled-response batch echo-message";

#[test]
fn each_command_has_one_answer() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    world.say(alice, "JOIN #tea");
    assert_eq!(
        world.ask(alice, "@label=1 PING x"),
        ["@label=1 :irc.subspace.local PONG irc.subspace.local x"]
    );
    assert_eq!(
        world.ask(alice, "@label=2 PONG x"),
        ["@label=2 :irc.subspace.local ACK"]
    );
    assert_eq!(
        world.ask(alice, "@label=3 PRIVMSG #tea :hello"),
        ["@label=3 :alice!alice@user/alice PRIVMSG #tea :hello"]
    );
    let several = world.ask(alice, "@label=4 LUSERS");
    assert!(
        several[0].starts_with("@label=4 :irc.subspace.local BATCH +"),
        "{several:?}"
    );
    assert!(several[1].starts_with("@batch=") && several.last().unwrap().contains(" BATCH -"));
    let history = world.ask(alice, "@label=5 CHATHISTORY LATEST #tea * 5");
    assert!(
        history[0].starts_with("@label=5 :irc.subspace.local BATCH +")
            && history[0].contains(" chathistory ")
    );
    assert_eq!(history.len(), 3);
    let weird = world.ask(alice, "@label=a\\:b PONG x");
    assert_eq!(weird, ["@label=a\\:b :irc.subspace.local ACK"]);
}

#[test]
fn without_echo_a_message_is_acknowledged_when_it_is_durable() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "labeled-response batch");
    world.say(alice, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    world.say(alice, "@label=1 PRIVMSG #tea :hello");
    assert!(world.take(alice).is_empty());
    world.settle(true);
    assert_eq!(world.take(alice), ["@label=1 :irc.subspace.local ACK"]);
    world.say(alice, "@label=2 PRIVMSG #tea :hello");
    world.settle(false);
    let told = world.take(alice);
    assert!(
        told.len() == 1 && told[0].starts_with("@label=2 :irc.subspace.local 404 "),
        "{told:?}"
    );
}
