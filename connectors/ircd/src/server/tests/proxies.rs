//! WEBIRC: a gateway's clients are counted by their real addresses.

use super::*;

fn settings() -> IrcdConfig {
    let mut config = IrcdConfig {
        proxies: vec!["10.0.0.0/8".parse().unwrap()],
        webirc_password: Some(Secret("gate".to_owned())),
        ..config()
    };
    config.limits.clients_per_address = 2;
    config.limits.failures_per_address = 3;
    config
}

fn through(world: &mut World, line: &str) -> ClientId {
    let id = world.connect_from("10.1.2.3");
    world.say(id, line);
    id
}

#[test]
fn clients_of_a_gateway_are_counted_where_they_are() {
    let mut world = World::new(settings());
    for _ in 0..2 {
        let id = through(&mut world, "WEBIRC gate kiwi host 192.0.2.7 :secure");
        assert!(!world.closed.contains(&id));
    }
    let third = through(&mut world, "WEBIRC gate kiwi host 192.0.2.7");
    assert!(world.closed.contains(&third));
    let other = through(&mut world, "WEBIRC gate kiwi host 2001:db8::1");
    world.say(other, "NICK al");
    world.say(other, "USER al 0 * :al");
    let whois = world.ask(other, "WHOIS al");
    assert!(whois[0].contains(" guest/2001:db8::1 "), "{whois:?}");
    assert!(!whois.iter().any(|line| line.contains(" 671 ")));
}

#[test]
fn wrong_passwords_through_a_gateway_keep_out_only_who_sends_them() {
    let mut world = World::new(settings());
    let line = "WEBIRC gate kiwi host 192.0.2.7";
    let guesser = through(&mut world, line);
    world.say(guesser, "CAP REQ :sasl");
    for _ in 0..3 {
        world.say(guesser, "AUTHENTICATE PLAIN");
        world.say(guesser, "AUTHENTICATE AGEAYg==");
    }
    assert!(world.closed.contains(&guesser));
    assert!(
        world
            .asked_from
            .iter()
            .all(|from| from.unwrap().to_string() == "192.0.2.7")
    );
    let again = through(&mut world, line);
    assert!(
        world.take(again)[0].contains("Too many failed attempts to sign in from 192.0.2.7, wait ")
    );
    let other = through(&mut world, "WEBIRC gate kiwi host 192.0.2.8");
    assert!(!world.closed.contains(&other));
}

#[test]
fn nobody_else_says_where_they_are() {
    let mut world = World::new(settings());
    for (from, before, line) in [
        ("192.0.2.1", "", "WEBIRC gate kiwi host 192.0.2.7"),
        ("127.0.0.1", "", "WEBIRC gate kiwi host 192.0.2.7"),
        ("10.1.2.3", "", "WEBIRC guess kiwi host 192.0.2.7"),
        ("10.1.2.3", "", "WEBIRC gate"),
        ("10.1.2.3", "", "WEBIRC gate kiwi host nowhere"),
        ("10.1.2.3", "NICK al", "WEBIRC gate kiwi host 192.0.2.7"),
        ("10.1.2.3", "CAP LS", "WEBIRC gate kiwi host 192.0.2.7"),
    ] {
        let id = world.connect_from(from);
        if !before.is_empty() {
            world.say(id, before);
        }
        world.say(id, line);
        assert!(world.closed.contains(&id), "{from} {line}");
        assert!(world.take(id).last().unwrap().starts_with("ERROR :WEBIRC"));
    }
    let mut world = World::new(IrcdConfig {
        webirc_password: None,
        ..settings()
    });
    let id = through(&mut world, "WEBIRC  kiwi host 192.0.2.7");
    assert!(world.closed.contains(&id));
}
