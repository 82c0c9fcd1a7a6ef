//! The commands of RFC 1459 and RFC 2812 for networks, each answered with its numeric by a server that is alone.

use super::*;

#[test]
fn each_command_of_the_rfcs_has_its_answer() {
    let mut config = config();
    config.operators = vec!["zoe".parse().unwrap()];
    let mut world = World::new(config);
    let alice = world.join_as("alice", true, "");
    for (line, answers) in [
        (
            "ADMIN",
            &[
                " 256 alice irc.subspace.local :",
                " 257 alice ",
                "Administrators: zoe",
                " 259 ",
            ][..],
        ),
        ("INFO irc.subspace.local", &[" 371 ", " 374 "]),
        ("TIME *", &[" 391 "]),
        ("VERSION alice", &[" 351 ", " 005 "]),
        ("MOTD *.local", &[" 422 "]),
        ("LUSERS * irc.*", &[" 251 "]),
        (
            "LINKS",
            &[
                " 364 alice irc.subspace.local irc.subspace.local ",
                " 365 alice * ",
            ],
        ),
        ("LINKS other.*", &[" 365 alice other.* "]),
        (
            "STATS u",
            &[" 242 alice :Server Up 0 days 0:00:", " 219 alice u "],
        ),
        (
            "STATS o",
            &[" 243 alice O *@user/zoe * zoe", " 219 alice o "],
        ),
        ("STATS m", &[" 212 alice STATS 3", " 219 alice m "]),
        ("STATS", &["NOTICE alice :There are u", " 219 alice * "]),
        ("STATS k", &[" 481 "]),
        ("STATS l", &[" 481 "]),
        (
            "TRACE",
            &[" 205 alice User member alice!alice@user/alice", " 262 "],
        ),
        ("SERVLIST", &[" 235 alice * * "]),
        ("SQUERY NickServ :help", &[" 408 alice NickServ "]),
        ("SUMMON bob", &[" 445 "]),
        ("USERS", &[" 446 "]),
        ("REHASH", &[" 481 "]),
        ("DIE", &[" 481 "]),
        ("RESTART", &[" 481 "]),
        ("CONNECT elsewhere.example 6667", &[" 481 "]),
        ("SQUIT irc.subspace.local :x", &[" 481 "]),
        ("SERVER a.example 1 :x", &[" 462 "]),
        ("SERVICE a * * 0 0 :x", &[" 462 "]),
        ("NJOIN #a :b", &[" 462 "]),
        ("OPER", &[" 491 "]),
        ("KILL bob :x", &[" 481 "]),
        ("WALLOPS :x", &[" 481 "]),
        ("WALLOPS", &[" 461 "]),
        ("WHOWAS nobody", &[" 406 ", " 369 "]),
        ("USERHOST alice", &[" 302 "]),
        ("ISON alice", &[" 303 "]),
        ("ERROR :x", &[]),
    ] {
        let told = world.ask(alice, line);
        assert_eq!(told.is_empty(), answers.is_empty(), "{line}: {told:?}");
        for answer in answers {
            let found = told.iter().any(|line| line.contains(answer));
            assert!(found, "{line}: {answer}: {told:#?}");
        }
    }
    for command in [
        "ADMIN", "INFO", "TIME", "VERSION", "MOTD", "TRACE", "USERS", "LUSERS *", "STATS u",
    ] {
        let told = world.ask(alice, &format!("{command} elsewhere.example"));
        assert!(
            told.len() == 1 && told[0].contains(" 402 alice elsewhere.example "),
            "{command}: {told:?}"
        );
    }
}

#[test]
fn administrators_see_connections_and_everybody_in_trace() {
    let mut world = World::new(config());
    let admin = world.join_as("admin", true, "");
    world.join_as("bob", true, "");
    world.join_as("eve", false, "");
    let told = world.ask(admin, "STATS l").join("\n");
    assert!(
        told.contains(" 211 admin bob[127.0.0.1] 0 0 0 4 0 "),
        "{told}"
    );
    let told = world.ask(admin, "TRACE").join("\n");
    for line in [
        " 204 admin Oper member admin!",
        " 205 admin User member bob!",
        " User guest eve!",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!(world.ask(admin, "TRACE bob").len(), 2);
}
