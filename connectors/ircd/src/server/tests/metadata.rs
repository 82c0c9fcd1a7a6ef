//! METADATA: what members say about themselves, who is told, and that it lasts.

use super::*;

const CAPS: &str = "batch draft/metadata-2 standard-replies";

fn story() -> (World, ClientId, ClientId) {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, CAPS);
    let bob = world.join_as("bob", true, CAPS);
    for id in [alice, bob] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    (world, alice, bob)
}

#[test]
fn what_is_set_is_told_to_those_who_subscribed_and_lasts() {
    let (mut world, alice, bob) = story();
    let told = world.ask(bob, "METADATA * SUB avatar display-name");
    assert_eq!(told[0], ":irc.subspace.local 770 bob avatar display-name");
    assert!(
        told[1].ends_with(" metadata *ALL") && told[2].contains(" BATCH -"),
        "{told:?}"
    );
    let told = world.ask(alice, "METADATA * SET display-name :Alice A.");
    assert_eq!(
        told,
        [":irc.subspace.local 761 alice alice display-name * :Alice A."]
    );
    assert_eq!(
        world.take(bob),
        [":alice!alice@user/alice METADATA alice display-name * :Alice A."]
    );
    world.say(alice, "METADATA alice SET status :thinking");
    assert!(world.take(bob).is_empty());
    let told = world.ask(bob, "METADATA alice GET display-name pronouns Status $x");
    assert_eq!(told.len(), 6, "{told:?}");
    for (line, part) in told[1..5].iter().zip([
        " 761 bob alice display-name * :Alice A.",
        " 766 bob alice pronouns ",
        " 761 bob alice status * :thinking",
        " FAIL METADATA KEY_INVALID $x :",
    ]) {
        assert!(line.starts_with("@batch=") && line.contains(part), "{line}");
    }
    assert_eq!(world.ask(bob, "METADATA alice LIST").len(), 4);
    let mut world = world.restarted(config());
    let bob = world.join_as("bob", true, CAPS);
    // Also of who is not connected.
    assert_eq!(world.ask(bob, "METADATA alice LIST").len(), 4);
    world.say(bob, "METADATA * SUB status");
    world.say(bob, "JOIN #tea");
    let alice = world.join_as("alice", true, CAPS);
    world.clear();
    world.say(alice, "JOIN #tea");
    let told = world.take(bob);
    assert!(
        told.last()
            .unwrap()
            .ends_with("METADATA alice status * :thinking"),
        "{told:?}"
    );
    let told = world.ask(bob, "METADATA #tea SYNC");
    assert!(
        told.len() == 3 && told[1].ends_with("METADATA alice status * :thinking"),
        "{told:?}"
    );
    world.clear();
    let told = world.ask(alice, "METADATA * SET status");
    assert!(told[0].contains(" 766 alice alice status "), "{told:?}");
    assert!(world.take(bob)[0].ends_with("METADATA alice status * :"));
    let told = world.ask(alice, "METADATA * CLEAR");
    assert!(
        told.len() == 3 && told[1].contains(" 766 alice alice display-name "),
        "{told:?}"
    );
    let mut world = world.restarted(config());
    let bob = world.join_as("bob", true, CAPS);
    assert_eq!(world.ask(bob, "METADATA alice LIST").len(), 2);
}

#[test]
fn what_is_wrong_is_refused_with_its_code() {
    let (mut world, alice, bob) = story();
    world.members = vec!["carol".to_owned()];
    let guest = world.join_as("guest", false, CAPS);
    let long = format!("METADATA * SET status :{}", "x".repeat(301));
    for (who, line, answer) in [
        (
            alice,
            "METADATA * NONSENSE",
            "SUBCOMMAND_INVALID NONSENSE :",
        ),
        (
            alice,
            "METADATA nobody GET avatar",
            "INVALID_TARGET nobody :",
        ),
        (alice, "METADATA #none LIST", "INVALID_TARGET #none :"),
        (alice, "METADATA #none SYNC", "INVALID_TARGET #none :"),
        (alice, "METADATA * SET $x :y", "KEY_INVALID $x :"),
        (
            alice,
            "METADATA bob SET status :y",
            "KEY_NO_PERMISSION bob status :",
        ),
        (alice, "METADATA bob CLEAR", "KEY_NO_PERMISSION bob * :"),
        (
            alice,
            "METADATA #tea SET avatar :https://a.example/b",
            "KEY_NO_PERMISSION #tea avatar :",
        ),
        (
            guest,
            "METADATA * SET status :y",
            "KEY_NO_PERMISSION guest status :",
        ),
        (
            alice,
            "METADATA * SET avatar :javascript:x",
            "VALUE_INVALID alice avatar :",
        ),
        (
            alice,
            "METADATA * SET color :red",
            "VALUE_INVALID alice color :",
        ),
        (
            alice,
            "METADATA * SET display-name :B0b",
            "VALUE_INVALID alice display-name :",
        ),
        (
            alice,
            "METADATA * SET display-name :GitHub",
            "VALUE_INVALID alice display-name :",
        ),
        (alice, &long, "VALUE_INVALID alice status :"),
    ] {
        let told = world.ask(who, line);
        let answer = format!(" FAIL METADATA {answer}");
        assert!(
            told.len() == 1 && told[0].contains(&answer),
            "{line}: {told:?}"
        );
    }
    assert!(world.ask(alice, "METADATA * SET status")[0].contains(" 766 "));
    assert!(world.ask(alice, "METADATA *")[0].contains(" 461 "));
    for number in 0..10 {
        world.say(bob, &format!("METADATA * SET key{number} :x"));
    }
    let told = world.ask(bob, "METADATA * SET more :x");
    assert!(
        told[0].contains("FAIL METADATA LIMIT_REACHED bob :"),
        "{told:?}"
    );
    assert!(world.ask(bob, "METADATA * SET key3 :y")[0].contains(" 761 "));
    for start in [0, 10] {
        let keys: Vec<String> = (start..start + 10)
            .map(|number| format!("key{number}"))
            .collect();
        world.say(alice, &format!("METADATA * SUB {}", keys.join(" ")));
    }
    let told = world.ask(alice, "METADATA * SUB key1 more other");
    assert!(
        told[0].contains("FAIL METADATA TOO_MANY_SUBS more :"),
        "{told:?}"
    );
    assert!(told[1].ends_with(" 770 alice key1"), "{told:?}");
    assert_eq!(world.ask(alice, "METADATA * SUBS").len(), 2 + 2);
    assert!(world.ask(alice, "METADATA * UNSUB key1 key2")[0].ends_with(" 771 alice key1 key2"));
}

#[test]
fn who_may_not_speak_puts_no_value_before_the_channel() {
    let (mut world, alice, bob) = story();
    world.say(alice, "METADATA * SUB status");
    world.say(alice, "MODE #tea +m");
    world.clear();
    world.say(bob, "METADATA * SET status :buy-this");
    world.say(bob, "PART #tea");
    world.say(bob, "JOIN #tea");
    let told = world.take(alice).join("\n");
    assert!(!told.contains("buy-this"), "{told}");
}

#[test]
fn a_value_that_is_not_on_disk_is_written_later() {
    let (mut world, alice, _) = story();
    world.disk_works = false;
    world.say(alice, "METADATA * SET status :here");
    world.settle(false);
    let told = world.take(alice).join("\n");
    assert!(
        told.contains("would be forgotten after a restart"),
        "{told}"
    );
    world.disk_works = true;
    world.wait(6_000);
    let mut world = world.restarted(config());
    let alice = world.join_as("alice", true, CAPS);
    assert!(world.ask(alice, "METADATA * GET status")[1].ends_with(" :here"));
}
