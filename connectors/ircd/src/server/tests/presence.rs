//! Presence belongs to the account, not to a session; what is sent to an account that is absent is kept.

use super::*;

fn connect(world: &mut World, first: &str) -> ClientId {
    let id = world.connect_from("127.0.0.1");
    for line in [
        "CAP REQ :draft/pre-away",
        "PASS alice:pw-alice",
        "NICK alice",
        first,
        "USER alice 0 * :Alice",
        "CAP END",
    ] {
        world.say(id, line);
    }
    id
}

#[test]
fn a_user_is_away_when_all_sessions_are_and_it_is_told_once() {
    let mut world = World::new(config());
    let bob = world.join_as("bob", true, "away-notify");
    let one = world.join_as("alice", true, "");
    let two = world.join_as("alice", true, "");
    for id in [bob, one] {
        world.say(id, "JOIN #tea");
    }
    world.clear();
    let told = |world: &mut World| untagged(&world.take(bob)).join("|");
    let answer = world.ask(one, "AWAY :lunch").join("|");
    let partly =
        " 306 alice :This connection is marked as being away; you are shown as away when all";
    assert!(answer.contains(partly), "{answer}");
    assert_eq!(told(&mut world), "");
    let answer = world.ask(two, "AWAY :dinner").join("|");
    assert!(
        answer.ends_with(" 306 alice :You have been marked as being away"),
        "{answer}"
    );
    assert_eq!(told(&mut world), ":alice!alice@user/alice AWAY :dinner");
    assert!(world.ask(bob, "PRIVMSG alice :hi")[0].ends_with(" 301 bob alice dinner"));
    // A session without a person does not bring her back, and has nothing to say.
    let three = connect(&mut world, "AWAY *");
    assert_eq!(told(&mut world), "");
    assert!(world.ask(bob, "PRIVMSG alice :hi")[0].ends_with(" 301 bob alice dinner"));
    // One with a person does.
    let four = connect(&mut world, "PING x");
    assert_eq!(told(&mut world), ":alice!alice@user/alice AWAY");
    world.say(four, "QUIT");
    assert_eq!(told(&mut world), ":alice!alice@user/alice AWAY :dinner");
    world.say(one, "QUIT");
    assert_eq!(told(&mut world), "");
    world.say(two, "QUIT");
    assert_eq!(told(&mut world), ":alice!alice@user/alice AWAY :Away");
    world.say(three, "AWAY");
    assert_eq!(told(&mut world), ":alice!alice@user/alice AWAY");
}

#[test]
fn a_user_who_begins_as_away_is_away() {
    let mut world = World::new(config());
    let bob = world.join_as("bob", true, "");
    connect(&mut world, "AWAY *");
    assert!(world.ask(bob, "PRIVMSG alice :hi")[0].ends_with(" 301 bob alice Away"));
}

#[test]
fn messages_to_accounts_that_were_never_here_are_kept_and_to_nobody_refused() {
    let mut world = World::new(config());
    world.members = vec!["dan".to_owned(), "zoe".to_owned()];
    let alice = world.join_as("alice", true, "");
    for line in ["PRIVMSG dan :first", "PRIVMSG Dan,zoe,nobody :second"] {
        let told = world.ask(alice, line);
        assert!(told[0].contains(" 301 alice dan :"), "{line}: {told:?}");
        let refused = told.iter().filter(|line| line.contains(" 401 "));
        let refused: Vec<_> = refused.collect();
        assert!(
            refused
                .iter()
                .all(|line| line.contains(" 401 alice nobody ")),
            "{refused:?}"
        );
        assert_eq!(refused.len(), usize::from(line.contains("nobody")));
    }
    let mut world = world.restarted(config());
    let dan = world.connect_from("127.0.0.1");
    world.say(dan, "PASS dan:pw-dan");
    world.say(dan, "NICK dan");
    world.say(dan, "USER dan 0 * :d");
    let told = world.take(dan).join("\n");
    assert!(told.contains("first") && told.contains("second"), "{told}");
}
