//! Sign-in, names that belong to accounts, several sessions of one user.

use super::sasl::plain;
use super::*;

#[test]
fn too_many_attempts_are_said_as_that() {
    let mut world = World::new(config());
    world.slow_down = Some(28);
    let sasl = world.connect_from("192.0.2.7");
    world.say(sasl, "CAP REQ :sasl");
    world.say(sasl, "AUTHENTICATE PLAIN");
    let right = format!("AUTHENTICATE {}", plain("alice", "pw-alice"));
    let told = world.ask(sasl, &right);
    assert!(
        told[0].contains(" 904 ")
            && told[0].contains("Too many attempts")
            && told[0].contains("wait 28 s"),
        "{told:?}"
    );
    let pass = world.connect_from("127.0.0.1");
    world.say(pass, "PASS alice:pw-alice");
    world.say(pass, "NICK alice");
    world.say(pass, "USER a 0 * :a");
    let told = world.take(pass);
    assert!(
        told[0].contains(" 464 ") && told[0].contains("wait 28 s") && told[1].contains("wait 28 s"),
        "{told:?}"
    );
    assert_eq!(world.server.statistics().failures, 0);
}

#[test]
fn whoever_proves_to_own_a_disabled_account_is_told_so_and_nobody_else() {
    let mut world = World::new(config());
    world.disabled = vec!["alice"];
    let sasl = world.connect_from("192.0.2.7");
    world.say(sasl, "CAP REQ :sasl");
    let mut ask = |password: &str| {
        world.say(sasl, "AUTHENTICATE PLAIN");
        world.take(sasl);
        let payload = plain("alice", password);
        world.ask(sasl, &format!("AUTHENTICATE {payload}"))
    };
    assert!(ask("guess")[0].contains(" 904 "));
    let told = ask("pw-alice");
    assert!(
        told.len() == 1 && told[0].contains(" 902 ") && told[0].contains("account is disabled"),
        "{told:?}"
    );
    assert_eq!(world.server.statistics().failures, 1);
    let mut pass = |password: &str| {
        let id = world.connect_from("192.0.2.8");
        world.say(id, &format!("PASS alice:{password}"));
        world.say(id, "NICK alice");
        world.say(id, "USER a 0 * :a");
        assert!(world.closed.contains(&id));
        world.take(id)
    };
    let told = pass("pw-alice");
    assert!(
        told[0].contains(" 465 ")
            && told[0].contains("account is disabled")
            && told[1].starts_with("ERROR :This account is disabled"),
        "{told:?}"
    );
    assert!(pass("guess")[0].contains(" 464 "));
}

#[test]
fn where_many_share_an_address_only_the_account_is_counted() {
    let mut config = config();
    config.trusted = vec!["192.0.2.9".parse().unwrap()];
    config.limits.failures_per_address = 3;
    let mut world = World::new(config);
    for address in ["127.0.0.1", "::1", "192.0.2.9"] {
        for guess in 0..45 {
            let id = world.connect_from(address);
            world.say(id, &format!("PASS alice:guess{guess}"));
            world.say(id, "NICK alice");
            world.say(id, "USER a 0 * :a");
        }
        let id = world.connect_from(address);
        assert!(!world.closed.contains(&id), "{address}");
    }
    assert!(world.asked_from.iter().all(Option::is_none));
    world.asked_from.clear();
    let far = world.connect_from("198.51.100.4");
    world.say(far, "PASS alice:guess");
    world.say(far, "NICK alice");
    world.say(far, "USER a 0 * :a");
    assert_eq!(world.asked_from, ["198.51.100.4".parse().ok()]);
}

#[test]
fn three_wrong_passwords_close_and_many_shut_the_door() {
    let mut config = config();
    config.limits.failures_per_address = 6;
    let mut world = World::new(config);
    for _ in 0..2 {
        let id = world.connect_from("192.0.2.7");
        world.say(id, "CAP REQ :sasl");
        for _ in 0..3 {
            world.say(id, "AUTHENTICATE PLAIN");
            world.say(id, &format!("AUTHENTICATE {}", plain("alice", "guess")));
        }
        assert!(world.closed.contains(&id));
    }
    let id = world.connect_from("192.0.2.7");
    assert!(world.closed.contains(&id));
    let told = world.take(id);
    assert!(
        told[0].contains("Too many failed attempts to sign in from 192.0.2.7, wait 600 s"),
        "{told:?}"
    );
    world.wait(700_000);
    let id = world.connect_from("192.0.2.7");
    assert!(!world.closed.contains(&id));
}

#[test]
fn pass_signs_in_and_a_wrong_one_is_refused() {
    let mut world = World::new(config());
    for (pass, nick, signed_in) in [
        ("alice:pw-alice", "al", true),
        ("pw-alice", "alice", true),
        ("pw-bob", "alice", false),
    ] {
        let id = world.connect_from("127.0.0.1");
        world.say(id, &format!("PASS {pass}"));
        world.say(id, &format!("NICK {nick}"));
        world.say(id, "USER x 0 * :x");
        let lines = world.take(id);
        let found = lines.iter().any(|line| line.contains(" 900 "));
        assert_eq!(found, signed_in, "{lines:?}");
        if !signed_in {
            assert!(lines.iter().any(|line| line.contains(" 464 ")));
            assert!(world.closed.contains(&id));
        }
        world.say(id, "QUIT");
    }
}

#[test]
fn guests_stay_out_unless_admitted() {
    let mut world = World::new(IrcdConfig::default());
    let far = world.connect_from("192.0.2.1");
    world.say(far, "NICK far");
    world.say(far, "USER x 0 * :x");
    let lines = world.take(far);
    assert!(
        lines[0].contains(" 464 far :") && lines[0].contains("SASL"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("ERROR :") && world.closed.contains(&far));
    world.join_as("near", false, "");
}

#[test]
fn a_name_belongs_to_its_account() {
    let mut world = World::new(config());
    let guest = world.join_as("alice", false, "");
    // The account appears for the first time, and takes its name back.
    let alice = world.join_as("alice", true, "");
    let told = world.take(guest);
    assert!(
        told.iter().any(|line| line.contains("NICK Guest")),
        "{told:?}"
    );
    assert!(world.ask(guest, "NICK alice")[0].contains(" 433 "));
    world.say(alice, "QUIT");
    assert!(world.ask(guest, "NICK Alice")[0].contains("belongs to the account alice"));
    let mut world = world.restarted(config());
    let late = world.connect_from("127.0.0.1");
    world.say(late, "NICK alice");
    assert!(world.ask(late, "USER x 0 * :x")[0].contains(" 433 * alice "));
    assert!(
        world
            .ask(late, "NICK ally")
            .iter()
            .any(|line| line.contains(" 001 ally "))
    );
}

#[test]
fn sessions_share_one_user() {
    let mut world = World::new(config());
    let web = world.join_as("alice", true, "echo-message");
    let bob = world.join_as("bob", false, "away-notify");
    world.say(web, "JOIN #tea");
    world.say(bob, "JOIN #tea");
    world.clear();
    let phone = world.connect_from("127.0.0.1");
    world.say(phone, "PASS alice:pw-alice");
    world.say(phone, "NICK alice");
    world.say(phone, "USER x 0 * :x");
    let welcome = world.take(phone);
    assert!(
        welcome.contains(&":alice!alice@user/alice JOIN #tea".to_owned()),
        "{welcome:?}"
    );
    assert!(
        welcome
            .iter()
            .any(|line| line.ends_with("353 alice = #tea :~alice bob"))
    );
    assert!(
        world.take(bob).is_empty(),
        "nobody else notices a further session"
    );
    world.say(phone, "PRIVMSG #tea :from the phone");
    assert_eq!(
        world.take(web),
        [":alice!alice@user/alice PRIVMSG #tea :from the phone"]
    );
    assert!(world.take(phone).is_empty());
    world.say(web, "PRIVMSG bob :psst");
    assert_eq!(
        world.take(phone),
        [":alice!alice@user/alice PRIVMSG bob :psst"]
    );
    world.say(bob, "PRIVMSG alice :yes?");
    assert_eq!(
        world.take(phone),
        [":bob!bob@guest/127.0.0.1 PRIVMSG alice :yes?"]
    );
    world.clear();
    // Away only when all sessions are.
    world.say(web, "AWAY :closed the tab");
    assert!(world.take(bob).is_empty());
    world.say(phone, "AWAY :asleep");
    assert_eq!(world.take(bob), [":alice!alice@user/alice AWAY :asleep"]);
    world.say(web, "AWAY");
    assert_eq!(world.take(bob), [":alice!alice@user/alice AWAY"]);
    world.say(web, "AWAY :again");
    world.clear();
    world.say(phone, "QUIT");
    assert_eq!(world.take(bob), [":alice!alice@user/alice AWAY :again"]);
    world.say(web, "QUIT :bye");
    assert_eq!(world.take(bob), [":alice!alice@user/alice QUIT :Quit: bye"]);
}

#[test]
fn a_guest_signs_in_later() {
    let mut world = World::new(config());
    let bob = world.join_as("bob", false, "account-notify");
    let ann = world.join_as("ann", false, "sasl");
    world.say(bob, "JOIN #tea");
    world.say(ann, "JOIN #tea");
    world.clear();
    world.say(ann, "AUTHENTICATE PLAIN");
    world.say(ann, &format!("AUTHENTICATE {}", plain("ann", "pw-ann")));
    assert_eq!(world.take(bob), [":ann!ann@guest/127.0.0.1 ACCOUNT ann"]);
    assert!(
        world
            .ask(bob, "WHOIS ann")
            .iter()
            .any(|line| line.contains(" 330 bob ann ann "))
    );
}

#[test]
fn who_was_let_in_by_what_is_over_is_disconnected_and_nobody_else() {
    let mut world = World::new(config());
    world.grant = Some("G1".to_owned());
    let phone = world.join_as("alice", true, "");
    world.grant = None;
    let desk = world.join_as("alice", true, "");
    let bob = world.join_as("bob", true, "");
    let guest = world.join_as("guest", false, "");
    let sessions = world.server.signed_in();
    assert_eq!(sessions.len(), 3, "{sessions:?}");
    // Each is identified by when its password was submitted, not by when it was confirmed.
    assert!(
        sessions
            .iter()
            .all(|session| session.since < world.now.wall)
    );
    let over: BTreeSet<_> = sessions
        .into_iter()
        .filter(|session| session.grant.is_some())
        .collect();
    world.server.handle_ended(&over, world.now);
    world.drain();
    assert_eq!(world.closed, [phone]);
    assert!(world.take(phone)[0].starts_with("ERROR :You are signed out: "));
    assert!(!world.ask(desk, "PING x").is_empty());
    let over = world.server.signed_in();
    world.server.handle_ended(&over, world.now);
    world.drain();
    assert_eq!(world.closed.len(), 3);
    assert!(world.closed.contains(&desk) && world.closed.contains(&bob));
    assert!(!world.ask(guest, "PING x").is_empty());
}
