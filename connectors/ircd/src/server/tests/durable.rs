//! Nothing is shown before it is on disk; what is on disk is there after a restart.

use super::*;

#[test]
fn a_message_is_shown_once_it_is_durable_and_later_lines_wait_for_it() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "echo-message");
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    world.say(alice, "PRIVMSG #tea :one");
    world.say(alice, "PART #tea");
    world.say(alice, "PING x");
    assert!(world.take(bob).is_empty() && world.take(alice).is_empty());
    world.settle(true);
    let seen = world.take(bob);
    assert_eq!(
        untagged(&seen),
        [
            ":alice!alice@guest/127.0.0.1 PRIVMSG #tea :one",
            ":alice!alice@guest/127.0.0.1 PART #tea"
        ]
    );
    assert_eq!(world.take(alice).len(), 3);
}

#[test]
fn a_full_disk_is_told_to_the_sender_and_shown_to_nobody() {
    let mut world = World::new(config());
    let alice = world.join_as(
        "alice",
        true,
        "echo-message labeled-response batch message-tags",
    );
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    world.say(alice, "@label=7 PRIVMSG #tea :lost");
    world.settle(false);
    assert!(world.take(bob).is_empty());
    let told = world.take(alice);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]
            .starts_with("@label=7 :irc.subspace.local 404 alice #tea :Your message was not sent")
    );
    assert!(told[0].ends_with("try again later"), "{told:?}");
    world.problem = NotStored::Full;
    world.say(alice, "PRIVMSG #tea :lost too");
    world.settle(false);
    let told = world.take(alice);
    assert!(
        told.len() == 1 && told[0].contains("the server's disk is full"),
        "{told:?}"
    );
    assert_eq!(world.server.statistics().not_stored, 2);
    world.disk_works = true;
    world.say(alice, "PRIVMSG #tea :back again");
    assert_eq!(
        untagged(&world.take(bob)),
        [":alice!alice@user/alice PRIVMSG #tea :back again"]
    );
}

#[test]
fn a_change_of_a_channel_that_is_not_on_disk_is_undone_and_shown_to_nobody() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "labeled-response batch message-tags");
    let bob = world.join_as("bob", true, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.say(alice, "TOPIC #tea :before");
    world.say(alice, "MODE #tea +b old");
    world.clear();
    world.disk_works = false;
    world.problem = NotStored::Full;
    world.say(alice, "@label=t TOPIC #tea :after");
    world.say(alice, "MODE #tea +kob-b secret bob evil old");
    assert!(world.take(alice).is_empty() && world.take(bob).is_empty());
    world.settle(false);
    assert!(world.take(bob).is_empty(), "nobody is shown it");
    let told = world.take(alice);
    let says = |line: &String| {
        line.ends_with("437 alice #tea :Nothing was changed: the server's disk is full; tell its administrator")
    };
    assert!(told.len() == 2 && told.iter().all(says), "{told:?}");
    assert!(told[0].starts_with("@label=t "), "{told:?}");
    let is_unchanged = |world: &mut World| {
        assert!(world.ask(alice, "MODE #tea")[0].ends_with("#tea +nt"));
        assert!(world.ask(alice, "TOPIC #tea")[0].ends_with("332 alice #tea :before"));
        let bans = world.ask(alice, "MODE #tea b");
        assert!(bans.len() == 2 && bans[0].contains("old!*@*"), "{bans:?}");
        assert!(world.ask(bob, "MODE #tea +i")[0].contains(" 482 "));
    };
    world.disk_works = true;
    is_unchanged(&mut world);
    // What was changed since then stays, and what is shown is on disk.
    world.disk_works = false;
    world.say(alice, "MODE #tea +k secret");
    world.say(alice, "MODE #tea +m");
    let waiting = std::mem::take(&mut world.waiting);
    world
        .server
        .handle_stored(waiting[0], Err(NotStored::Full), world.now);
    world.disk_works = true;
    world.server.handle_stored(waiting[1], Ok(()), world.now);
    world.drain();
    let seen = world.take(bob);
    assert!(seen.last().unwrap().ends_with("MODE #tea +m"), "{seen:?}");
    let restarted = |world: World| {
        let mut world = world.restarted(config());
        let alice = world.join_as("alice", true, "");
        world.say(alice, "JOIN #tea");
        world.ask(alice, "MODE #tea")[0].clone()
    };
    let modes = restarted(world);
    assert!(modes.ends_with("#tea +mnt"), "{modes}");
}

#[test]
fn what_is_in_effect_but_not_on_disk_is_written_once_it_can_be() {
    let mut world = World::new(config());
    world.disk_works = false;
    let alice = world.join_as_slowly("alice");
    world.say(alice, "JOIN #tea");
    world.settle(false);
    let told = world.take(alice);
    let says = |line: &String| line.contains("NOTICE alice :#tea: this would be forgotten");
    assert!(told.iter().any(|line| line.contains(" JOIN #tea")));
    assert_eq!(told.iter().filter(|line| says(line)).count(), 1, "{told:?}");
    // One record is tried every few seconds.
    world.wait(5_000);
    assert_eq!(world.waiting.len(), 1);
    world.settle(false);
    world.wait(1_000);
    assert!(world.waiting.is_empty());
    world.disk_works = true;
    world.wait(5_000);
    let kinds = |is: fn(&Body) -> bool| world.log.iter().filter(|record| is(&record.body)).count();
    assert_eq!(
        kinds(|body| matches!(body, Body::Account { account } if account.as_str() == "alice")),
        1
    );
    assert_eq!(
        kinds(|body| matches!(body, Body::Channel(channel) if channel.name == "#tea")),
        1
    );
    let written = world.log.len();
    world.wait(60_000);
    assert_eq!(world.log.len(), written, "once");
    // Nor does a channel come back that ended in the meantime.
    world.disk_works = false;
    world.say(alice, "PART #tea");
    world.settle(false);
    world.disk_works = true;
    world.wait(5_000);
    let mut world = world.restarted(config());
    let bob = world.join_as("bob", true, "");
    let listed = world.ask(bob, "LIST");
    assert!(
        listed.iter().all(|line| !line.contains("#tea")),
        "{listed:?}"
    );
}

#[test]
fn channels_come_back() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.say(alice, "TOPIC #tea :Darjeeling");
    world.say(alice, "MODE #tea +ikb secret *!*@evil");
    world.say(alice, "MODE #tea +v bob");
    world.say(alice, "JOIN #general");
    world.say(alice, "TOPIC #general :new here");
    let mut world = world.restarted(config());
    let bob = world.join_as("bob", true, "");
    let joined = world.ask(bob, "JOIN #tea");
    for part in [
        "JOIN #tea",
        "332 bob #tea :Darjeeling",
        "353 bob = #tea :+bob",
    ] {
        assert!(
            joined.iter().any(|line| line.contains(part)),
            "{part}: {joined:?}"
        );
    }
    assert!(world.ask(bob, "MODE #tea")[0].ends_with("+intk secret"));
    let alice = world.join_as("alice", true, "");
    assert!(
        world
            .ask(alice, "JOIN #tea")
            .iter()
            .any(|line| line.ends_with("353 alice = #tea :+bob ~alice"))
    );
    assert!(world.ask(alice, "MODE #tea b")[0].contains("*!*@evil"));
    assert!(
        world
            .ask(alice, "LIST")
            .iter()
            .any(|line| line.ends_with("#general 0 :new here"))
    );
    let guest = world.join_as("guest", false, "");
    assert!(world.ask(guest, "JOIN #tea")[0].contains(" 473 "));
}

#[test]
fn a_channel_ends_when_its_last_account_leaves() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "draft/chathistory batch");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :old");
    world.say(alice, "PART #tea");
    world.say(alice, "JOIN #tea");
    let old = world.ask(alice, "CHATHISTORY LATEST #tea * 10");
    assert_eq!(
        old.len(),
        2,
        "the new channel has no part in the old one's history: {old:?}"
    );
    world.say(alice, "PART #tea");
    let mut world = world.restarted(config());
    let guest = world.join_as("guest", false, "");
    assert!(
        world
            .ask(guest, "LIST")
            .iter()
            .all(|line| !line.contains("#tea"))
    );
}

#[test]
fn ids_grow_even_if_the_clock_goes_back() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :one");
    world.now.wall = Timestamp::from_millis(START - 3_600_000);
    world.say(alice, "PRIVMSG #tea :two");
    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "PRIVMSG #tea :three");
    assert!(
        world.log.is_sorted_by(|a, b| a.id < b.id),
        "{:?}",
        world.log
    );
}

/// What a line adds to the log, in bytes.
fn logged(world: &mut World, id: ClientId, line: &str) -> usize {
    let before = world.log.len();
    world.say(id, line);
    let records = &world.log[before..];
    let sizes = records
        .iter()
        .map(|r| serde_json::to_string(r).unwrap().len());
    sizes.sum()
}

#[test]
fn a_change_of_a_channel_costs_the_log_what_changed_however_large_the_channel_is() {
    let costs = |entries: usize| {
        let mut world = World::new(config());
        let alice = world.join_as("alice", true, "draft/channel-rename");
        let bob = world.join_as("bob", true, "");
        world.say(alice, "JOIN #amp");
        for entry in 0..entries {
            world.say(
                alice,
                &format!("MODE #amp +b {}{entry:03}", "x".repeat(100)),
            );
        }
        let mut costs = Vec::new();
        for line in [
            "MODE #amp +s",
            "MODE #amp -s",
            "MODE #amp +q eve",
            "MODE #amp -q eve",
            "TOPIC #amp :tea",
            "AMODE #amp +v bob",
            "RENAME #amp #pma",
            "MODE #pma +s",
            "RENAME #pma #amp",
        ] {
            costs.push((line, logged(&mut world, alice, line)));
        }
        costs.push(("JOIN", logged(&mut world, bob, "JOIN #amp")));
        costs.push(("PART", logged(&mut world, bob, "PART #amp")));
        // Somebody who stays keeps the channel, though it belongs to no account.
        let eve = world.join_as("eve", false, "");
        world.say(alice, "MODE #amp -q eve!*@*");
        world.say(eve, "JOIN #amp");
        costs.push(("PART", logged(&mut world, alice, "PART #amp")));
        costs.push(("JOIN", logged(&mut world, alice, "JOIN #amp")));
        let mut states: Vec<_> = world.server.state().channels;
        let mut world = world.restarted(config());
        let found = world.server.state().channels;
        states.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(found, states);
        costs
    };
    let (one, two) = (costs(49), costs(98));
    assert_eq!(one, two);
    for (line, bytes) in one {
        assert!((50..700).contains(&bytes), "{line}: {bytes}");
    }
}

#[test]
fn what_could_not_be_written_is_in_the_next_record() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "draft/channel-rename");
    world.say(alice, "JOIN #tea");
    world.say(alice, "TOPIC #tea :green");
    world.disk_works = false;
    let bob = world.join_as_slowly("bob");
    world.say(bob, "JOIN #tea");
    // The JOIN fails, the name that is written after it does not.
    let failed = std::mem::take(&mut world.waiting);
    world
        .server
        .handle_line(alice, b"RENAME #tea #coffee", world.now);
    let mut written = Vec::new();
    while let Some(output) = world.server.poll_output() {
        if let Output::Append { id, record } = output {
            written.push(id);
            world.log.push(record);
        }
    }
    for id in failed {
        world
            .server
            .handle_stored(id, Err(NotStored::Failed), world.now);
    }
    world.disk_works = true;
    for id in written {
        world.server.handle_stored(id, Ok(()), world.now);
    }
    world.drain();
    let on_disk = {
        let mut state = State::default();
        world.log.iter().for_each(|record| state.apply(record));
        state.channels
    };
    assert!(
        on_disk
            .iter()
            .any(|c| c.name == "#coffee" && c.members.contains("bob"))
    );
    world.say(alice, "MODE #coffee +m");
    world.wait(60_000);
    let state = world.server.state().channels;
    let mut world = world.restarted(config());
    assert_eq!(world.server.state().channels, state);
    let is_meant = |c: &crate::record::ChannelRecord| c.name == "#coffee" && c.moderated;
    assert!(state.iter().any(is_meant));
}

#[test]
fn a_channel_that_no_account_is_in_does_not_outlive_the_process() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let eve = world.join_as("eve", false, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "TOPIC #tea :green");
    world.say(eve, "JOIN #tea");
    world.say(alice, "PART #tea");
    let tea = |world: &mut World| {
        let channels = world.server.state().channels;
        channels.iter().filter(|c| c.name == "#tea").count()
    };
    assert_eq!(tea(&mut world), 1);
    assert_eq!(tea(&mut world.restarted(config())), 0);
}
