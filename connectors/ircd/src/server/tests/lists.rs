//! The lists of a channel: bans, exceptions, invite exceptions, quiets; by mask and by account.

use super::*;

/// Alice founded #tea; bob and carol are signed in, eve is a guest.
fn story() -> (World, [ClientId; 4]) {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "");
    let carol = world.join_as("carol", true, "");
    let eve = world.join_as("eve", false, "");
    world.say(alice, "JOIN #tea");
    (world, [alice, bob, carol, eve])
}

fn joins(world: &mut World, id: ClientId) -> bool {
    let told = world.ask(id, "JOIN #tea");
    let joined = told.iter().any(|line| line.ends_with(" JOIN #tea"));
    if joined {
        world.say(id, "PART #tea");
    }
    joined
}

#[test]
fn an_entry_is_about_accounts_or_masks() {
    for (mask, banned) in [
        ("$a:bob", [true, false, false]),
        ("~a:BOB", [true, false, false]),
        ("~account:bo?", [true, false, false]),
        ("$a:*", [true, true, false]),
        ("$a", [true, true, false]),
        ("$~a", [false, false, true]),
        ("bob", [true, false, false]),
        ("*!*@user/*", [true, true, false]),
        ("*!*@127.0.0.1", [false, false, true]),
        ("*!*@guest/127.0.0.1", [false, false, true]),
    ] {
        let (mut world, [alice, bob, carol, eve]) = story();
        world.say(alice, &format!("MODE #tea +b {mask}"));
        let found = [bob, carol, eve].map(|id| !joins(&mut world, id));
        assert_eq!(found, banned, "{mask}");
    }
    // A nickname changes, the account does not.
    let (mut world, [alice, bob, ..]) = story();
    world.say(bob, "NICK robert");
    world.say(alice, "MODE #tea +b $a:bob");
    assert!(!joins(&mut world, bob));
}

#[test]
fn exceptions_open_what_bans_quiets_and_invitations_close() {
    let (mut world, [alice, bob, carol, _]) = story();
    world.say(alice, "MODE #tea +be $a $a:bob");
    assert!(joins(&mut world, bob) && !joins(&mut world, carol));
    world.say(alice, "MODE #tea -be+iI $a $a:bob $a:carol");
    assert!(!joins(&mut world, bob) && joins(&mut world, carol));
    // What opens an invite-only channel opens no ban.
    world.say(alice, "MODE #tea +b $a:carol");
    assert!(!joins(&mut world, carol));
    world.say(alice, "MODE #tea -i-b+q $a:carol $a");
    for id in [bob, carol] {
        world.say(id, "JOIN #tea");
        assert!(world.ask(id, "PRIVMSG #tea :hi")[0].contains(" 404 "));
    }
    assert!(world.ask(bob, "NICK robert")[0].contains(" 435 "));
    world.say(alice, "MODE #tea +ev $a:bob carol");
    for id in [bob, carol] {
        assert!(world.ask(id, "PRIVMSG #tea :hi").is_empty());
    }
}

#[test]
fn lists_are_shown_to_everyone_who_sees_the_channel() {
    let (mut world, [alice, bob, ..]) = story();
    world.say(alice, "MODE #tea +beIq one $a:two three $a:four");
    let seconds = (START / 1000).to_string();
    for (asked, expected) in [
        ("b", ["367 bob #tea one!*@* alice", "368 bob #tea"]),
        ("+e", ["348 bob #tea $a:two alice", "349 bob #tea"]),
        ("I", ["346 bob #tea three!*@* alice", "347 bob #tea"]),
        ("q", ["728 bob #tea q $a:four alice", "729 bob #tea q"]),
    ] {
        let told = world.ask(bob, &format!("MODE #tea {asked}"));
        assert_eq!(told.len(), 2, "{asked}: {told:?}");
        for (line, expected) in told.iter().zip(expected) {
            assert!(line.contains(expected), "{asked}: {line}");
        }
        assert!(told[0].ends_with(&seconds), "{told:?}");
    }
    let all = world.ask(bob, "MODE #tea bq");
    assert!(all.len() == 4 && all[3].contains(" 729 "), "{all:?}");
    world.say(bob, "JOIN #tea");
    assert!(world.ask(bob, "MODE #tea +q x")[0].contains(" 482 "));
    let wrong = world.ask(alice, "MODE #tea +bq $x:bob $a:");
    assert!(
        wrong.len() == 2 && wrong.iter().all(|line| line.contains(" 696 alice #tea ")),
        "{wrong:?}"
    );
    let told = world.ask(alice, "VERSION").join("\n");
    for token in [
        "CHANMODES=Ibeq,k,l,",
        "MAXLIST=Ibeq:100",
        "EXCEPTS=e",
        "INVEX=I",
        "EXTBAN=$,a",
        "ACCOUNTEXTBAN=a",
    ] {
        assert!(told.contains(token), "{token}: {told}");
    }
}

#[test]
fn lists_last_and_have_a_common_end() {
    let mut settings = config();
    settings.limits.bans = 3;
    let mut world = World::new(settings.clone());
    let alice = world.join_as("alice", true, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "MODE #tea +beI one two three");
    assert!(world.ask(alice, "MODE #tea +q four")[0].contains(" 478 alice #tea q "));
    world.say(alice, "MODE #tea -e two");
    // Again is no change, and one more fits.
    assert!(world.ask(alice, "MODE #tea +b one").is_empty());
    assert!(world.ask(alice, "MODE #tea +q $a:four")[0].ends_with("MODE #tea +q $a:four"));
    let mut world = world.restarted(settings);
    let four = world.join_as("four", true, "");
    world.say(four, "JOIN #tea");
    assert!(world.ask(four, "PRIVMSG #tea :hi")[0].contains(" 404 "));
    let told = world.ask(four, "MODE #tea Ibeq");
    assert_eq!(told.len(), 3 + 4, "{told:?}");
}

#[test]
fn a_change_of_a_list_that_is_not_on_disk_is_undone() {
    let (mut world, [alice, bob, ..]) = story();
    world.say(alice, "MODE #tea +e old");
    world.disk_works = false;
    world.say(alice, "MODE #tea -e+qb old $a:bob $a:bob");
    world.settle(false);
    world.disk_works = true;
    assert!(joins(&mut world, bob));
    let told = world.ask(alice, "MODE #tea beq");
    assert_eq!(told.len(), 1 + 3, "{told:?}");
}

#[test]
fn an_entry_that_is_added_is_all_that_is_compiled() {
    let compiled = |entries: usize| {
        let mut world = World::new(config());
        let alice = world.join_as("alice", true, "");
        world.say(alice, "JOIN #tea");
        for entry in 0..entries {
            world.say(alice, &format!("MODE #tea +b mask{entry}"));
        }
        world.say(alice, "MODE #tea -b mask0");
        let channel = &world.server.channels[&names::fold("#tea")];
        assert_eq!(channel.masks(), entries - 1);
        channel.compiled
    };
    assert_eq!((compiled(20), compiled(40)), (20, 40));
}

#[test]
fn a_mask_that_is_too_long_is_refused_and_not_cut() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let admin = world.join_as("admin", true, "standard-replies");
    world.say(alice, "JOIN #tea");
    let (fits, long) = ("x".repeat(120), "x".repeat(121));
    let told = world.ask(alice, &format!("MODE #tea +b {long}"));
    assert!(
        told.len() == 1 && told[0].contains(" 696 alice #tea b * :A mask has at most 120 bytes"),
        "{told:?}"
    );
    assert!(world.ask(alice, &format!("MODE #tea +b {fits}"))[0].contains(&fits));
    // As it is listed, with what was added to it.
    let told = world.ask(alice, &format!("MODE #tea -b {fits}!*@*"));
    assert!(told[0].contains("MODE #tea -b "), "{told:?}");
    let told = world.ask(admin, &format!("KLINE {long}"));
    assert!(
        told.len() == 1 && told[0].contains("FAIL KLINE INVALID_MASK") && told[0].contains("120"),
        "{told:?}"
    );
}
