//! Roles that last: the founder, operators and voices by account (AMODE).

use super::*;

#[test]
fn who_founded_a_channel_is_its_operator_whenever_she_comes_back() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "multi-prefix");
    let bob = world.join_as("bob", true, "");
    let joined = world.ask(alice, "JOIN #tea").join("\n");
    assert!(joined.contains(" 353 alice = #tea :~@alice"), "{joined}");
    world.say(bob, "JOIN #tea");
    assert!(world.ask(bob, "NAMES #tea")[0].contains(":~alice bob"));
    let told = world.ask(bob, "MODE #tea O");
    assert!(told[0].ends_with(" 325 bob #tea alice"), "{told:?}");
    world.say(alice, "PART #tea");
    world.clear();
    world.say(alice, "JOIN #tea");
    assert_eq!(
        world.take(bob),
        [
            ":alice!alice@user/alice JOIN #tea",
            ":irc.subspace.local MODE #tea +Oo alice alice"
        ]
    );
    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, "draft/no-implicit-names");
    let told = world.ask(alice, "JOIN #tea");
    assert!(told[1].ends_with("MODE #tea +Oo alice alice"), "{told:?}");
    assert!(world.ask(alice, "MODE #tea +m")[0].ends_with("MODE #tea +m"));
}

#[test]
fn operators_cannot_remove_the_founder() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "standard-replies");
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.say(alice, "MODE #tea +o bob");
    for line in [
        "MODE #tea -o alice",
        "KICK #tea alice :mine",
        "AMODE #tea -o alice",
        "AMODE #tea -O alice",
        "AMODE #tea +O bob",
    ] {
        let told = world.ask(bob, line);
        assert!(
            told.len() == 1 && told[0].contains(" 482 "),
            "{line}: {told:?}"
        );
    }
    assert!(world.ask(bob, "MODE #tea +O bob")[0].contains(" 472 "));
    // The founder herself may step down from being an operator, and give the channel away.
    assert!(world.ask(alice, "MODE #tea -o alice")[0].ends_with("MODE #tea -o alice"));
    assert!(world.ask(alice, "MODE #tea +i")[0].ends_with("MODE #tea +i"));
    world.clear();
    world.say(alice, "AMODE #tea +O bob");
    assert_eq!(
        world.take(bob),
        [":alice!alice@user/alice MODE #tea +O-O bob alice"]
    );
    assert!(world.ask(alice, "MODE #tea -i")[0].contains(" 482 "));
    // An administrator may do it in any case.
    let admin = world.join_as("admin", true, "");
    world.say(admin, "AMODE #tea +O alice");
    assert!(world.ask(alice, "MODE #tea O")[0].ends_with(" 325 alice #tea alice"));
}

#[test]
fn roles_are_given_to_accounts_that_are_not_there() {
    let mut world = World::new(config());
    world.members = vec!["dan".to_owned()];
    let alice = world.join_as("alice", true, "standard-replies");
    let bob = world.join_as("bob", true, "");
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    let told = world.ask(alice, "AMODE #tea +ovv dan bob nobody");
    assert_eq!(
        told,
        [
            ":irc.subspace.local FAIL AMODE ACCOUNT_UNKNOWN #tea nobody :There is no such account",
            ":alice!alice@user/alice MODE #tea +v bob",
            ":irc.subspace.local NOTICE alice :dan is an operator of #tea from now on",
            ":irc.subspace.local NOTICE alice :bob has voice in #tea from now on",
        ]
    );
    assert!(world.ask(bob, "AMODE #tea +o bob")[0].contains(" 482 "));
    assert!(world.ask(bob, "AMODE #none +o bob")[0].contains(" 403 "));
    assert!(world.ask(alice, "AMODE #tea +o")[0].contains(" 461 "));
    assert!(world.ask(alice, "AMODE #tea +x bob")[0].contains(" 472 "));
    let told = world.ask(bob, "AMODE #tea");
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told[1].ends_with(":alice has +O in #tea whenever present"));
    let mut world = world.restarted(config());
    let dan = world.join_as("dan", true, "");
    world.say(dan, "JOIN #tea");
    assert!(world.ask(dan, "MODE #tea +m")[0].ends_with("MODE #tea +m"));
    // What cannot be looked up is not guessed.
    world.functions_work = false;
    let told = world.ask(dan, "AMODE #tea +o zoe");
    assert!(told[0].contains("AMODE: try again later"), "{told:?}");
}

#[test]
fn a_role_that_is_not_on_disk_is_taken_back() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "");
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.disk_works = false;
    world.clear();
    world.say(alice, "AMODE #tea +O bob");
    world.settle(false);
    world.disk_works = true;
    assert!(world.take(bob).is_empty());
    let told = world.take(alice);
    assert!(told.len() == 1 && told[0].contains(" 437 "), "{told:?}");
    assert!(world.ask(bob, "MODE #tea +m")[0].contains(" 482 "));
    assert!(world.ask(bob, "MODE #tea O")[0].ends_with(" 325 bob #tea alice"));
}
