//! Messages in channels and direct messages, joining and leaving.

use super::*;

#[test]
fn two_people_talk_in_a_channel() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "");
    let bob = world.join_as("bob", false, "");
    let joined = world.ask(alice, "JOIN #tea");
    assert_eq!(joined[0], ":alice!alice@guest/127.0.0.1 JOIN #tea");
    assert!(
        joined
            .iter()
            .any(|line| line.ends_with("353 alice = #tea :@alice")),
        "{joined:?}"
    );
    world.say(bob, "JOIN #TEA");
    assert_eq!(world.take(alice), [":bob!bob@guest/127.0.0.1 JOIN #tea"]);
    world.clear();
    world.say(alice, "PRIVMSG #tea :hello, bob");
    assert_eq!(
        world.take(bob),
        [":alice!alice@guest/127.0.0.1 PRIVMSG #tea :hello, bob"]
    );
    assert!(world.take(alice).is_empty(), "no echo without echo-message");
    world.say(bob, "PRIVMSG alice hi");
    assert_eq!(
        world.take(alice),
        [":bob!bob@guest/127.0.0.1 PRIVMSG alice :hi"]
    );
    world.say(alice, "TOPIC #tea :Darjeeling");
    assert_eq!(
        world.take(bob),
        [":alice!alice@guest/127.0.0.1 TOPIC #tea :Darjeeling"]
    );
    assert!(world.ask(bob, "TOPIC #tea :Coffee")[0].contains(" 482 "));
    world.clear();
    world.say(bob, "PART #tea :bye");
    assert_eq!(
        world.take(alice),
        [":bob!bob@guest/127.0.0.1 PART #tea :bye"]
    );
    assert!(world.ask(bob, "PRIVMSG #tea :still there?")[0].contains(" 404 "));
}

#[test]
fn operators_keep_order() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "");
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    assert!(world.ask(bob, "KICK #tea alice")[0].contains(" 482 "));
    world.say(alice, "MODE #tea +ov-t bob bob");
    assert_eq!(
        untagged(&world.take(bob)),
        [":alice!alice@guest/127.0.0.1 MODE #tea +ov-t bob bob"]
    );
    world.say(bob, "MODE #tea -o bob");
    world.say(alice, "MODE #tea +b bob");
    world.clear();
    world.say(alice, "KICK #tea bob :enough");
    assert_eq!(
        world.take(bob),
        [":alice!alice@guest/127.0.0.1 KICK #tea bob :enough"]
    );
    assert!(world.ask(bob, "JOIN #tea")[0].contains(" 474 "));
    let bans = world.ask(alice, "MODE #tea b");
    assert!(
        bans[0].contains(" 367 alice #tea bob!*@* alice "),
        "{bans:?}"
    );
    world.say(alice, "MODE #tea -b+ikl bob!*@* secret 1");
    assert!(world.ask(bob, "JOIN #tea secret")[0].contains(" 473 "));
    world.say(alice, "INVITE bob #tea");
    assert!(
        world
            .take(bob)
            .iter()
            .any(|line| line.ends_with("INVITE bob #tea"))
    );
    assert!(
        world.ask(bob, "JOIN #tea")[0].contains("JOIN"),
        "an invitation opens every door"
    );
    let modes = world.ask(alice, "MODE #tea");
    assert!(
        modes[0].ends_with("324 alice #tea +inkl secret 1"),
        "{modes:?}"
    );
}

#[test]
fn moderated_and_secret_channels() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "");
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea");
    world.say(alice, "MODE #tea +sm");
    for line in [
        "TOPIC #tea",
        "MODE #tea",
        "PRIVMSG #tea :x",
        "INVITE alice #tea",
    ] {
        assert!(world.ask(bob, line)[0].contains(" 403 "), "{line}");
    }
    assert!(
        !world
            .ask(bob, "LIST")
            .iter()
            .any(|line| line.contains("#tea"))
    );
    assert!(
        !world
            .ask(bob, "WHOIS alice")
            .iter()
            .any(|line| line.contains("#tea"))
    );
    assert!(
        !world
            .ask(bob, "NAMES #tea")
            .iter()
            .any(|line| line.contains(" 353 "))
    );
    world.say(bob, "JOIN #tea");
    assert!(world.ask(bob, "PRIVMSG #tea :x")[0].contains(" 404 "));
    world.say(alice, "MODE #tea +v bob");
    assert!(world.ask(bob, "PRIVMSG #tea :x").is_empty());
}

#[test]
fn names_change_and_everybody_concerned_hears_it() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "setname away-notify");
    let bob = world.join_as("bob", false, "setname");
    world.say(alice, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    world.say(bob, "NICK rob");
    assert_eq!(world.take(alice), [":bob!bob@guest/127.0.0.1 NICK rob"]);
    assert!(world.ask(alice, "NICK ROB")[0].contains(" 433 "));
    assert!(world.ask(alice, "NICK 1x")[0].contains(" 432 "));
    assert!(world.ask(alice, "NICK NickServ")[0].contains(" 433 "));
    world.clear();
    world.say(bob, "SETNAME :Robert");
    assert_eq!(
        world.take(alice),
        [":rob!bob@guest/127.0.0.1 SETNAME :Robert"]
    );
    world.say(bob, "AWAY :lunch");
    assert_eq!(world.take(alice), [":rob!bob@guest/127.0.0.1 AWAY :lunch"]);
    let answer = world.ask(alice, "PRIVMSG rob :there?");
    assert!(answer[0].ends_with("301 alice rob lunch"), "{answer:?}");
    world.say(bob, "AWAY");
    assert_eq!(world.take(alice), [":rob!bob@guest/127.0.0.1 AWAY"]);
    world.say(bob, "QUIT :home");
    assert_eq!(
        world.take(alice),
        [":rob!bob@guest/127.0.0.1 QUIT :Quit: home"]
    );
    assert!(world.closed.contains(&bob));
    assert!(world.ask(alice, "WHOWAS rob")[0].contains(" 314 alice rob bob "));
}

#[test]
fn who_whois_list_and_friends() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", true, "multi-prefix userhost-in-names");
    let bob = world.join_as("bob", false, "");
    world.say(alice, "JOIN #tea,#general");
    world.say(alice, "MODE #tea +v alice");
    world.say(bob, "JOIN #general");
    assert_eq!(
        world.ask(alice, "NAMES #tea")[0],
        ":irc.subspace.local 353 alice = #tea :~@+alice!alice@user/alice"
    );
    let who = world.ask(bob, "WHO #general");
    assert!(
        who[0].ends_with(
            "352 bob #general alice user/alice irc.subspace.local alice H :0 alice the person"
        ),
        "{who:?}"
    );
    let whox = world.ask(bob, "WHO alice %tcuhnfar,42");
    assert!(
        whox[0].ends_with("354 bob 42 * alice user/alice alice H alice :alice the person"),
        "{whox:?}"
    );
    let whois = world.ask(bob, "WHOIS alice");
    for part in [
        " 311 bob alice alice user/alice * :",
        " 319 bob alice :#general ~@+#tea",
        " 330 bob alice alice :",
        " 318 ",
    ] {
        assert!(
            whois.iter().any(|line| line.contains(part)),
            "{part}: {whois:?}"
        );
    }
    assert!(
        world
            .ask(bob, "LIST >1")
            .iter()
            .any(|line| line.contains("322 bob #general 2 :Welcome!"))
    );
    assert!(world.ask(bob, "ISON alice nobody BOB")[0].ends_with("303 bob :alice bob"));
    assert!(world.ask(bob, "USERHOST alice")[0].ends_with("302 bob alice=+alice@user/alice"));
    assert!(world.ask(bob, "WHOIS nobody")[0].contains(" 401 bob nobody "));
    assert!(world.ask(bob, "NONSENSE")[0].contains(" 421 bob NONSENSE "));
    assert!(world.ask(bob, "JOIN")[0].contains(" 461 bob JOIN "));
    assert!(world.ask(bob, "JOIN tea")[0].contains(" 476 "));
    assert!(world.ask(bob, "PRIVMSG #general")[0].contains(" 412 "));
}

#[test]
fn monitors_are_told() {
    let mut world = World::new(config());
    let alice = world.join_as("alice", false, "");
    assert!(world.ask(alice, "MONITOR + bob,carol")[0].ends_with("731 alice bob,carol"));
    let bob = world.join_as("bob", false, "");
    assert!(world.take(alice)[0].ends_with("730 alice bob!bob@guest/127.0.0.1"));
    world.say(bob, "NICK carol");
    let told = world.take(alice);
    assert!(
        told[0].ends_with("731 alice bob") && told[1].contains("730 alice carol!"),
        "{told:?}"
    );
    world.say(alice, "MONITOR C");
    world.clear();
    world.say(bob, "QUIT");
    assert!(world.take(alice).is_empty());
}

#[test]
fn capabilities_decide_what_a_client_sees() {
    let mut world = World::new(config());
    let rich = world.join_as(
        "rich",
        true,
        "server-time message-tags account-tag extended-join echo-message invite-notify",
    );
    let poor = world.join_as("poor", false, "");
    world.say(rich, "JOIN #tea");
    world.clear();
    world.say(poor, "JOIN #tea");
    let seen = world.take(rich);
    assert!(
        seen[0].starts_with("@time=20") && seen[0].ends_with(" JOIN #tea * :poor the person"),
        "{seen:?}"
    );
    world.clear();
    world.say(rich, "@+draft/reply=m1;time=x PRIVMSG #tea :hello");
    let echo = world.take(rich);
    assert_eq!(echo.len(), 1);
    for part in [
        "time=",
        ";msgid=m",
        ";account=rich",
        ";+draft/reply=m1 :rich!",
    ] {
        assert!(echo[0].contains(part), "{part}: {echo:?}");
    }
    assert_eq!(
        world.take(poor),
        [":rich!rich@user/rich PRIVMSG #tea :hello"]
    );
    world.say(rich, "@+typing=active TAGMSG #tea");
    assert!(
        world.take(poor).is_empty(),
        "tags are for those who read them"
    );
    assert!(world.take(rich)[0].contains("+typing=active"));
    assert!(world.ask(poor, "CAP REQ :server-time nonsense")[0].contains(" NAK "));
    assert!(world.ask(poor, "CAP LIST")[0].ends_with("LIST :"));
}

#[test]
fn the_configuration_appoints_operators_of_its_channels() {
    let mut config = config();
    config.operators = vec!["alice".parse().unwrap()];
    let mut world = World::new(config);
    let bob = world.join_as("bob", true, "");
    let alice = world.join_as("alice", true, "");
    world.say(bob, "JOIN #general");
    world.say(alice, "JOIN #general");
    assert!(world.ask(bob, "MODE #general +m")[0].contains(" 482 "));
    assert!(world.ask(alice, "MODE #general +m")[0].ends_with("MODE #general +m"));
}
