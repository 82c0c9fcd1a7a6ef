//! Smaller drafts: read markers, channels that are renamed, ISUPPORT before registration, CAP LS in several lines.

use super::*;

const MARKS: &str = "draft/read-marker standard-replies";

#[test]
fn a_read_marker_is_known_to_all_clients_of_the_account_and_only_grows() {
    let mut world = World::new(config());
    let one = world.join_as("alice", true, MARKS);
    let two = world.join_as("alice", true, MARKS);
    let bob = world.join_as("bob", true, MARKS);
    let joined = world.ask(one, "JOIN #tea");
    let mark = joined
        .iter()
        .position(|line| line.ends_with(" MARKREAD #tea *"));
    let end = joined.iter().position(|line| line.contains(" 366 "));
    assert!(mark.unwrap() < end.unwrap(), "{joined:?}");
    world.say(bob, "JOIN #tea");
    world.clear();
    let early = "timestamp=2027-01-15T08:00:00.001Z";
    let late = "timestamp=2027-01-15T08:00:00.003Z";
    let told = world.ask(one, &format!("MARKREAD #TEA {late}"));
    assert_eq!(told, [format!(":irc.subspace.local MARKREAD #TEA {late}")]);
    assert_eq!(world.take(two), told);
    // What is older changes nothing, and nobody else is told.
    assert_eq!(world.ask(one, &format!("MARKREAD #TEA {early}")), told);
    assert!(world.take(two).is_empty() && world.take(bob).is_empty());
    // Nobody has read the future.
    let told = world.ask(two, "MARKREAD bob timestamp=2099-01-01T00:00:00.000Z");
    assert!(
        told[0].contains(" MARKREAD bob timestamp=2027-"),
        "{told:?}"
    );
    for (who, line, answer) in [
        (one, "MARKREAD", "NEED_MORE_PARAMS :"),
        (one, "MARKREAD #none", "INVALID_PARAMS #none :"),
        (one, "MARKREAD #tea *", "INVALID_PARAMS #tea * :"),
        (
            one,
            "MARKREAD #tea timestamp=x",
            "INVALID_PARAMS #tea timestamp=x :",
        ),
        (one, "MARKREAD 1x", "INVALID_PARAMS 1x :"),
    ] {
        let told = world.ask(who, line);
        let answer = format!("FAIL MARKREAD {answer}");
        assert!(
            told.len() == 1 && told[0].contains(&answer),
            "{line}: {told:?}"
        );
    }
    let guest = world.join_as("guest", false, MARKS);
    assert!(world.ask(guest, "MARKREAD bob")[0].contains("FAIL MARKREAD ACCOUNT_REQUIRED bob :"));
    // What is not on disk is not said to be.
    world.disk_works = false;
    world.say(one, "MARKREAD #tea timestamp=2027-01-15T08:00:00.010Z");
    assert!(world.take(one).is_empty());
    world.settle(false);
    assert!(world.take(one)[0].contains("FAIL MARKREAD INTERNAL_ERROR #tea :"));
    let mut world = world.restarted(config());
    let one = world.join_as("alice", true, MARKS);
    let told = world.ask(one, "MARKREAD #tea");
    assert_eq!(told.len(), 1, "{told:?}");
    let joined = world.ask(one, "JOIN #tea").join("\n");
    assert!(
        joined.contains(&format!(" MARKREAD #tea {late}")),
        "{joined}"
    );
}

#[test]
fn read_markers_have_an_end() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, MARKS);
    for number in 0..600 {
        world.say(
            alice,
            &format!("MARKREAD nick{number} timestamp=2027-01-15T08:00:00.{number:03}Z"),
        );
    }
    let all = world.server.state().read;
    let all = &all["alice"];
    assert_eq!(all.len(), read_marker::MAX_READ);
    assert!(all.contains_key("nick599"));
}

#[test]
fn a_renamed_channel_keeps_everything() {
    let mut world = World::new(config());
    let caps = "draft/channel-rename standard-replies draft/chathistory batch";
    let alice = world.join_as("alice", true, caps);
    let bob = world.join_as("bob", true, "");
    let carol = world.join_as("carol", true, caps);
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.say(alice, "TOPIC #tea :Darjeeling");
    world.say(bob, "PRIVMSG #tea :before");
    world.say(alice, "MODE #tea +ov bob bob");
    assert!(world.ask(bob, "RENAME #tea #milk")[0].contains(" 482 "));
    assert!(world.ask(carol, "RENAME #tea #milk")[0].contains(" 442 "));
    world.say(carol, "JOIN #taken");
    for (line, answer) in [
        (
            "RENAME #tea #general",
            "CHANNEL_NAME_IN_USE #tea #general :",
        ),
        ("RENAME #tea #taken", "CHANNEL_NAME_IN_USE #tea #taken :"),
        ("RENAME #tea milk", "CANNOT_RENAME #tea milk :"),
        ("RENAME #tea #", "CANNOT_RENAME #tea # :"),
    ] {
        let told = world.ask(alice, line);
        assert!(
            told[0].contains(&format!("FAIL RENAME {answer}")),
            "{line}: {told:?}"
        );
    }
    world.clear();
    let told = world.ask(alice, "RENAME #tea #Milk :healthier");
    assert_eq!(
        told,
        [":alice!alice@user/alice RENAME #tea #Milk :healthier"]
    );
    let told = world.take(bob);
    assert_eq!(told[0], ":bob!bob@user/bob PART #tea :healthier");
    assert_eq!(told[1], ":bob!bob@user/bob JOIN #Milk");
    assert!(told[2].contains(" 332 bob #Milk :Darjeeling"), "{told:?}");
    assert!(told.last().unwrap().contains(" 366 "), "{told:?}");
    world.say(bob, "PRIVMSG #milk :after");
    let shown = |world: &mut World, id: ClientId| {
        let history = world.ask(id, "CHATHISTORY LATEST #milk * 9");
        let history = untagged(&history);
        let texts = history
            .iter()
            .filter(|line| line.contains(" PRIVMSG #Milk :"));
        texts
            .map(|line| line.rsplit_once(':').unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&mut world, alice), ["before", "after"]);
    // The old name leads to the channel, and nobody has it.
    let told = world.ask(carol, "JOIN #tea");
    assert!(
        told[0].contains("FAIL JOIN CHANNEL_RENAMED #tea #Milk :"),
        "{told:?}"
    );
    let eve = world.join_as("eve", true, "");
    let told = world.ask(eve, "JOIN #tea");
    assert!(told[0].contains(" 470 eve #tea #Milk :"), "{told:?}");
    assert!(told[1].ends_with(" JOIN #Milk"), "{told:?}");
    let targets = "CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 9";
    assert!(world.ask(alice, targets)[1].contains(" TARGETS #Milk "));
    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, caps);
    assert!(world.ask(alice, "JOIN #tea")[0].contains("FAIL JOIN CHANNEL_RENAMED #tea #Milk :"));
    world.say(alice, "JOIN #milk");
    assert_eq!(shown(&mut world, alice), ["before", "after"]);
    assert!(world.ask(alice, "MODE #milk O")[0].contains(" 325 alice #Milk alice"));
    // The way back, and a name that differs in case only.
    world.say(alice, "RENAME #milk #TEA");
    assert!(world.ask(alice, "RENAME #tea #tea")[0].ends_with(" RENAME #TEA #tea :"));
    assert!(world.ask(alice, "JOIN #milk")[0].ends_with(" JOIN #milk"));
    let history = world.ask(alice, "CHATHISTORY LATEST #tea * 9").join("\n");
    assert!(history.contains(":before") && history.contains(":after"));
}

#[test]
fn a_new_name_that_is_not_on_disk_is_written_later() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "draft/channel-rename");
    world.say(alice, "JOIN #tea");
    world.disk_works = false;
    world.say(alice, "RENAME #tea #milk");
    world.settle(false);
    let told = world.take(alice).join("\n");
    assert!(
        told.contains("would be forgotten after a restart"),
        "{told}"
    );
    world.disk_works = true;
    world.wait(6_000);
    world.wait(6_000);
    let mut world = world.restarted(config());
    let names: Vec<String> = world
        .server
        .state()
        .channels
        .iter()
        .map(|c| c.name.clone())
        .collect();
    assert_eq!(names, ["#general", "#milk"]);
    let bob = world.join_as("bob", true, "");
    assert!(world.ask(bob, "JOIN #tea")[0].contains(" 470 "));
}

#[test]
fn what_the_server_supports_can_be_asked_before_registration() {
    let mut world = World::new(config());
    let id = world.connect_from("127.0.0.1");
    assert!(world.ask(id, "ISUPPORT")[0].contains(" 451 "));
    world.say(id, "CAP REQ :batch draft/extended-isupport");
    let told = world.ask(id, "ISUPPORT");
    assert!(told[0].ends_with(" draft/isupport"), "{told:?}");
    assert!(
        told[1].starts_with("@batch=") && told[1].contains(" 005 * NETWORK="),
        "{told:?}"
    );
    assert!(told.last().unwrap().contains(" BATCH -"), "{told:?}");
    let alice = world.join_as("alice", true, "");
    assert!(world.ask(alice, "ISUPPORT")[0].contains(" 005 alice NETWORK="));
}

#[test]
fn capabilities_are_listed_in_as_many_lines_as_they_need() {
    let mut world = World::new(config());
    let new = world.connect_from("127.0.0.1");
    let told = world.ask(new, "CAP LS 302");
    assert!(told.len() > 1, "{told:?}");
    let (last, first) = told.split_last().unwrap();
    assert!(
        first.iter().all(|line| line.contains(" LS * :")),
        "{told:?}"
    );
    assert!(last.contains(" LS :"), "{told:?}");
    let all = told.join(" ");
    assert!(
        all.contains("draft/multiline=max-bytes=4096,max-lines=32"),
        "{all}"
    );
    let old = world.connect_from("127.0.0.1");
    let told = world.ask(old, "CAP LS");
    assert!(
        told.len() == 1 && !told[0].contains("multiline"),
        "{told:?}"
    );
}

#[test]
fn links_are_announced_if_configured_and_no_line_is_too_long() {
    let mut settings = config();
    let link = format!("https://example.org/{}", "x".repeat(200));
    settings.icon = Some(link.clone());
    settings.file_host = Some(link.clone());
    let mut world = World::new(settings);
    let alice = world.join_as("alice", true, "");
    let told = world.ask(alice, "ISUPPORT");
    for name in ["draft/ICON", "soju.im/FILEHOST", "draft/FILEHOST"] {
        let token = format!(" {name}={link} ");
        assert!(told.iter().any(|line| line.contains(&token)), "{told:?}");
    }
    let end = ":are supported by this server";
    assert!(told.iter().all(|line| line.ends_with(end)), "{told:?}");
}
