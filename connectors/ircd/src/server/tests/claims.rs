//! Who may have which name, and that guests are recognisable.

use super::*;

fn try_nick(world: &mut World, nick: &str) -> Vec<String> {
    let id = world.connect_from("127.0.0.1");
    world.say(id, &format!("NICK {nick}"));
    world.ask(id, "USER x 0 * :x")
}

#[test]
fn a_guest_has_no_members_name_even_if_that_was_never_here() {
    let mut world = World::new(config());
    world.members = vec!["alice".to_owned()];
    for nick in ["alice", "Alice", "alice_", "[alice]", "a1ice"] {
        let told = try_nick(&mut world, nick);
        assert!(told[0].contains(&format!(" 433 * {nick} :")), "{told:?}");
    }
    assert!(try_nick(&mut world, "alina")[0].contains(" 001 alina "));
    let guest = world.join_as("guest", false, "labeled-response batch");
    world.members.push("carol".to_owned());
    let told = world.ask(guest, "@label=3 NICK carol");
    assert!(
        told.len() == 1 && told[0].starts_with("@label=3 :irc.subspace.local 433 guest carol "),
        "{told:?}"
    );
    assert!(world.ask(guest, "NICK visitor")[0].ends_with(" NICK visitor"));
    // Its owner gets it, whatever it was mistaken for.
    world.join_as("carol", true, "");
    // Another member does not.
    let bob = world.join_as("bob", true, "");
    world.members.push("dave".to_owned());
    assert!(world.ask(bob, "NICK dave")[0].contains(" 433 bob dave "));
    assert!(world.ask(bob, "NICK bob_")[0].ends_with(" NICK bob_"));
}

#[test]
fn if_it_cannot_be_found_out_the_name_is_not_given() {
    let mut world = World::new(config());
    world.functions_work = false;
    assert!(try_nick(&mut world, "alice")[0].contains(" 437 * alice :"));
    // Members need no lookup for their own name.
    world.join_as("bob", true, "");
}

#[test]
fn nobody_is_called_like_a_program_unless_the_account_is() {
    let mut world = World::new(config());
    for nick in [
        "GitHub", "github", "Git-Hub", "G1thub", "NickServ", "webhook", "Grafana_", "root",
        "Server",
    ] {
        let told = try_nick(&mut world, nick);
        assert!(told[0].contains(&format!(" 433 * {nick} :")), "{told:?}");
    }
    let bob = world.join_as("bob", true, "");
    assert!(world.ask(bob, "NICK GitHub")[0].contains(" 433 "));
    world.join_as("webhook", true, "");
}

#[test]
fn a_member_without_password_is_a_guest_whom_everybody_sees_as_one() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "extended-join");
    world.say(alice, "QUIT");
    let told = try_nick(&mut world, "alice");
    assert!(told[0].contains("belongs to the account alice"), "{told:?}");
    world.say(bob, "JOIN #tea");
    let guest = world.join_as("al", false, "");
    world.clear();
    world.say(guest, "JOIN #tea");
    assert_eq!(
        world.take(bob),
        [":al!al@guest/127.0.0.1 JOIN #tea * :al the person"]
    );
    let whois = world.ask(bob, "WHOIS al");
    assert!(
        whois
            .iter()
            .any(|line| line.contains(" 320 bob al :is a guest")),
        "{whois:?}"
    );
    assert!(
        !world
            .ask(bob, "WHOIS bob")
            .iter()
            .any(|line| line.contains(" 320 "))
    );
    // Bans may contain the bare address, as they did before.
    world.say(bob, "MODE #tea +b *!*@127.0.0.1");
    assert!(world.ask(guest, "PRIVMSG #tea :x")[0].contains(" 404 "));
}

#[test]
fn what_nobody_sees_is_in_no_name() {
    let mut world = World::new(config());
    let id = world.connect_from("127.0.0.1");
    world.say(id, "NICK al");
    world.say(id, "USER al 0 * :Al\u{202e}\u{3164}\u{ad} B\u{61c}");
    assert!(
        world
            .ask(id, "WHOIS al")
            .iter()
            .any(|line| line.ends_with(" * :Al B"))
    );
    for name in [
        "#\u{3164}",
        "#gene\u{ad}ral",
        "#\u{2800}x",
        "#a\u{202e}b",
        "#a\u{34f}",
    ] {
        assert!(
            world.ask(id, &format!("JOIN {name}"))[0].contains(" 476 "),
            "{name:?}"
        );
    }
    assert!(world.ask(id, "JOIN #größe❤️")[0].contains(" JOIN "));
    assert!(world.ask(id, "NICK \u{3164}")[0].contains(" 432 "));
}
