//! Relayed names, and lines that are sent only once.

use super::*;

const CAPS: &str =
    "labeled-response batch echo-message message-tags standard-replies draft/relaymsg";

fn messages(lines: &[String]) -> Vec<&str> {
    let said = |line: &&String| line.contains(" PRIVMSG ");
    lines.iter().filter(said).map(String::as_str).collect()
}

#[test]
fn a_member_speaks_under_a_name_that_nobody_can_have() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, "draft/relaymsg");
    let carol = world.join_as("carol", false, CAPS);
    for id in [alice, bob, carol] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    let echo = world.ask(alice, "@label=1 RELAYMSG #tea GitHub/hook :[repo] a commit");
    assert!(
        echo[0].contains("label=1") && echo[0].contains("draft/relaymsg=alice"),
        "{echo:?}"
    );
    assert!(echo[0].ends_with(":GitHub/hook!alice@user/alice PRIVMSG #tea :[repo] a commit"));
    assert_eq!(
        world.take(bob),
        ["@draft/relaymsg=alice :GitHub/hook!alice@user/alice PRIVMSG #tea :[repo] a commit"]
    );
    let history = world.ask(carol, "CHATHISTORY LATEST #tea * 5");
    let history = messages(&history);
    assert!(
        history.len() == 1 && history[0].contains("draft/relaymsg=alice"),
        "{history:?}"
    );
}

#[test]
fn relaying_is_for_members_with_an_account_under_no_real_name() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let carol = world.join_as("carol", false, CAPS);
    world.say(carol, "JOIN #tea");
    for (id, line, code) in [
        (alice, "RELAYMSG #tea GitHub/hook :hi", "PRIVS_NEEDED"),
        (alice, "RELAYMSG #none GitHub/hook :hi", "PRIVS_NEEDED"),
        (carol, "RELAYMSG #tea GitHub/hook :hi", "PRIVS_NEEDED"),
        (carol, "RELAYMSG #tea bob :hi", "INVALID_NICK"),
        (carol, "RELAYMSG #tea a!b/c :hi", "INVALID_NICK"),
        (carol, "RELAYMSG #tea GitHub/hook :", "BLANK_MSG"),
    ] {
        let told = world.ask(id, line);
        let expected = format!(" FAIL RELAYMSG {code} ");
        assert!(
            told.len() == 1 && told[0].contains(&expected),
            "{line}: {told:?}"
        );
    }
    world.say(alice, "JOIN #tea");
    world.say(carol, "MODE #tea +m");
    let told = world.ask(alice, "RELAYMSG #tea GitHub/hook :hi");
    assert!(told.len() == 1 && told[0].contains(" 404 "), "{told:?}");
}

#[test]
fn a_line_of_a_task_is_said_once() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    let line = "@+subspace.chat/task=t1/0 RELAYMSG #tea GitHub/hook :once";
    let first = world.ask(alice, line);
    assert_eq!(messages(&world.take(bob)).len(), 1);
    // A repeat gets the same echo, and nobody else gets anything.
    assert_eq!(world.ask(alice, line), first);
    assert!(world.take(bob).is_empty());
    // Another line, or another account's, is different.
    world.say(alice, "@+subspace.chat/task=t1/1 PRIVMSG #tea :twice");
    world.say(bob, "@+subspace.chat/task=t1/0 PRIVMSG #tea :mine");
    world.clear();

    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    assert_eq!(world.ask(alice, line), first);
    assert!(world.take(bob).is_empty());
    let history = world.ask(alice, "CHATHISTORY LATEST #tea * 9");
    assert_eq!(messages(&history).len(), 3, "{history:?}");
}

#[test]
fn what_the_disk_refused_was_not_said() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    world.say(alice, "JOIN #tea");
    world.clear();
    world.disk_works = false;
    let line = "@+subspace.chat/task=t1/0 PRIVMSG #tea :once";
    world.say(alice, line);
    // Repeated before the first append is settled: the answer waits for it too.
    world.say(alice, line);
    assert!(messages(&world.take(alice)).is_empty());
    world.settle(false);
    assert!(messages(&world.take(alice)).is_empty());
    world.say(alice, line);
    world.settle(true);
    assert_eq!(messages(&world.take(alice)).len(), 1);
}
