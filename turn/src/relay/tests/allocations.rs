//! Allocate, Refresh, credentials and quotas.

use super::harness::{Bench, SECRET, START, UDP, client, options, user};
use crate::relay::{Client, Link, Options};
use crate::stun::{attribute, method};

const ALICE: &str = "alice";

#[test]
fn an_allocation_begins_lasts_and_ends() {
    let mut bench = Bench::new();
    let answer = bench.ask(client(1), ALICE, method::ALLOCATE, &[UDP]);
    assert_eq!((answer.code(), answer.lifetime()), (0, 600));
    let relayed = answer.address(attribute::XOR_RELAYED_ADDRESS);
    assert!(bench.outside.open.values().any(|open| *open == relayed));
    assert_eq!(
        answer.address(attribute::XOR_MAPPED_ADDRESS),
        client(1).address
    );
    assert_eq!(answer.message().text(attribute::SOFTWARE), Some("Subspace"));
    bench.pass(599);
    let answer = bench.ask(
        client(1),
        ALICE,
        method::REFRESH,
        &[(attribute::LIFETIME, &1800_u32.to_be_bytes())],
    );
    assert_eq!((answer.code(), answer.lifetime()), (0, 1800));
    bench.pass(1799);
    assert_eq!(bench.server.allocations(), 1);
    bench.pass(1);
    assert_eq!(
        (
            bench.server.allocations(),
            bench.outside.open.len(),
            bench.shared.allocations()
        ),
        (0, 0, 0)
    );
    assert_eq!(
        bench.ask(client(1), ALICE, method::REFRESH, &[]).code(),
        437
    );
}

#[test]
fn refresh_with_lifetime_zero_ends_it_at_once() {
    let mut bench = Bench::new();
    bench.allocate(client(1), ALICE);
    let zero = [(attribute::LIFETIME, &[0; 4][..])];
    let answer = bench.ask(client(1), ALICE, method::REFRESH, &zero);
    assert_eq!(
        (answer.code(), answer.lifetime(), bench.outside.open.len()),
        (0, 0, 0)
    );
    assert_eq!(
        bench.ask(client(1), ALICE, method::REFRESH, &zero).code(),
        0
    );
    bench.allocate(client(1), ALICE);
}

#[test]
fn lifetimes_are_kept_in_bounds() {
    let mut bench = Bench::new();
    for (wanted, given) in [(1_u32, 600), (700, 700), (u32::MAX, 3600)] {
        let attributes = [UDP, (attribute::LIFETIME, &wanted.to_be_bytes())];
        assert_eq!(
            bench
                .ask(client(1), ALICE, method::ALLOCATE, &attributes)
                .lifetime(),
            given
        );
        bench.ask(
            client(1),
            ALICE,
            method::REFRESH,
            &[(attribute::LIFETIME, &[0; 4])],
        );
    }
}

#[test]
fn a_second_allocation_on_the_same_five_tuple_is_437_and_a_repeat_is_answered_again() {
    let mut bench = Bench::new();
    let bytes = bench.signed(client(1), &user(ALICE), SECRET, method::ALLOCATE, &[UDP]);
    let first = bench.hand(client(1), &bytes).unwrap();
    let again = bench.hand(client(1), &bytes).unwrap();
    assert_eq!(
        (first.code(), again.code(), bench.outside.open.len()),
        (0, 0, 1)
    );
    let relayed = attribute::XOR_RELAYED_ADDRESS;
    assert_eq!(first.address(relayed), again.address(relayed));
    assert_eq!(
        bench.ask(client(1), ALICE, method::ALLOCATE, &[UDP]).code(),
        437
    );
}

#[test]
fn credentials_are_checked() {
    let mut bench = Bench::new();
    let mut code = |name: &str, secret: &[u8]| {
        let bytes = bench.signed(client(1), name, secret, method::ALLOCATE, &[UDP]);
        bench.hand(client(1), &bytes).unwrap().code()
    };
    assert_eq!(code(&user(ALICE), b"another secret"), 401);
    assert_eq!(code(&format!("{START}:alice"), SECRET), 401);
    assert_eq!(code("alice", SECRET), 401);
    assert_eq!(code(&user(ALICE), b"an older secret"), 0);
    // An allocation created with one user's credentials is not available to another.
    assert_eq!(
        bench.ask(client(1), "bob", method::REFRESH, &[]).code(),
        441
    );
    let incomplete = [(attribute::MESSAGE_INTEGRITY, &[0; 20][..])];
    assert_eq!(
        bench
            .bare(client(2), method::ALLOCATE, &incomplete)
            .unwrap()
            .code(),
        400
    );
}

/// Refreshes an allocation for as long as possible; returns after how many seconds it ended.
fn lasts(bench: &mut Bench, user: &str) -> u64 {
    let begun = bench.now;
    let bytes = bench.signed(client(1), user, SECRET, method::ALLOCATE, &[UDP]);
    assert_eq!(bench.hand(client(1), &bytes).unwrap().code(), 0);
    let long = [(attribute::LIFETIME, &3600_u32.to_be_bytes()[..])];
    while bench.server.allocations() > 0 {
        let bytes = bench.signed(client(1), user, SECRET, method::REFRESH, &long);
        let answer = bench.hand(client(1), &bytes).unwrap();
        assert_eq!(answer.code(), 0);
        assert!(answer.lifetime() > 0);
        // As late as a client would, and at the end as late as possible.
        bench.pass(u64::from(answer.lifetime()).saturating_sub(60).max(1));
    }
    bench.now.since(begun) / 1000
}

#[test]
fn an_allocation_may_outlast_its_credentials_but_not_without_end() {
    let mut bench = Bench::new();
    assert_eq!(lasts(&mut bench, &user(ALICE)), 3600 + 1800);
    // An expired allocation does not start again.
    let bytes = bench.signed(client(1), &user(ALICE), SECRET, method::ALLOCATE, &[UDP]);
    assert_eq!(bench.hand(client(1), &bytes).unwrap().code(), 401);
}

#[test]
fn the_hour_of_a_guest_is_an_hour() {
    let mut bench = Bench::new();
    assert_eq!(lasts(&mut bench, &user("guest:alice/one")), 3600);
    // Anyone who still has the link continues with the credentials it provides then.
    let renewed = format!("{}:guest:alice/one", START + 7200);
    assert_eq!(lasts(&mut bench, &renewed), 3600);
    // Nor does the first request last longer than its credentials.
    let short = format!("{}:guest:alice/one", START + 7300);
    let wanted = [UDP, (attribute::LIFETIME, &3600_u32.to_be_bytes()[..])];
    let bytes = bench.signed(client(1), &short, SECRET, method::ALLOCATE, &wanted);
    assert_eq!(bench.hand(client(1), &bytes).unwrap().lifetime(), 100);
    bench.pass(100);
    assert_eq!(bench.server.allocations(), 0);
}

#[test]
fn an_old_or_foreign_nonce_is_438() {
    let mut bench = Bench::new();
    let bytes = bench.signed(client(1), &user(ALICE), SECRET, method::ALLOCATE, &[UDP]);
    let foreign = bench.hand(client(2), &bytes).unwrap();
    assert_eq!(foreign.code(), 438);
    assert!(foreign.message().get(attribute::NONCE).is_some());
    bench.pass(3600);
    assert_eq!(bench.hand(client(1), &bytes).unwrap().code(), 438);
}

#[test]
fn quotas_are_486_for_a_user_and_508_for_all() {
    let mut bench = Bench::new();
    for last in 1..=3 {
        bench.allocate(client(last), ALICE);
    }
    assert_eq!(
        bench.ask(client(4), ALICE, method::ALLOCATE, &[UDP]).code(),
        486
    );
    // Fresh credentials of the same user make no difference.
    let other = format!("{}:alice", START + 3601);
    let bytes = bench.signed(client(4), &other, SECRET, method::ALLOCATE, &[UDP]);
    assert_eq!(bench.hand(client(4), &bytes).unwrap().code(), 486);
    for last in 4..=10 {
        bench.allocate(client(last), &format!("user{last}"));
    }
    assert_eq!(
        bench
            .ask(client(11), "carol", method::ALLOCATE, &[UDP])
            .code(),
        508
    );
    bench.ask(
        client(1),
        ALICE,
        method::REFRESH,
        &[(attribute::LIFETIME, &[0; 4])],
    );
    assert_eq!(
        bench
            .ask(client(11), "carol", method::ALLOCATE, &[UDP])
            .code(),
        0
    );
    assert_eq!(bench.shared.users(), 9);
}

#[test]
fn guests_of_a_call_share_a_quota_and_so_do_all_calls_of_who_started_them() {
    let user = |starter: &str, call: &str| format!("{}:guest:{starter}/{call}", START + 3600);
    // A user's quota is three; there is room for more than the twelve that four times as many are.
    let mut bench = Bench::with(Options {
        max_allocations: 100,
        ..options()
    });
    let mut ask = |last: u8, starter: &str, call: &str| {
        let user = user(starter, call);
        let bytes = bench.signed(client(last), &user, SECRET, method::ALLOCATE, &[UDP]);
        bench.hand(client(last), &bytes).unwrap().code()
    };
    for last in 1..=6 {
        assert_eq!(ask(last, "alice", "one"), 0, "{last}");
    }
    assert_eq!(ask(7, "alice", "one"), 486, "six of one call");
    for last in 7..=12 {
        let call = if last % 2 == 0 { "two" } else { "three" };
        assert_eq!(ask(last, "alice", call), 0, "{last}");
    }
    assert_eq!(ask(13, "alice", "three"), 486, "twelve of one starter");
    assert_eq!(ask(13, "alice", "four"), 486, "in whatever call");
    assert_eq!(ask(13, "bob", "one"), 0, "another starter");
    // A released allocation can be created again.
    let bytes = bench.signed(
        client(1),
        &user("alice", "one"),
        SECRET,
        method::REFRESH,
        &[(attribute::LIFETIME, &[0; 4])],
    );
    assert_eq!(bench.hand(client(1), &bytes).unwrap().code(), 0);
    let bytes = bench.signed(
        client(14),
        &user("alice", "four"),
        SECRET,
        method::ALLOCATE,
        &[UDP],
    );
    assert_eq!(bench.hand(client(14), &bytes).unwrap().code(), 0);
}

#[test]
fn guests_of_one_starter_leave_some_of_a_small_server() {
    let mut bench = Bench::new();
    let user = |call: &str| format!("{}:guest:alice/{call}", START + 3600);
    let mut ask = |last: u8, call: &str| {
        let bytes = bench.signed(client(last), &user(call), SECRET, method::ALLOCATE, &[UDP]);
        bench.hand(client(last), &bytes).unwrap().code()
    };
    // Here a user's quota is three, and there is room for ten in total.
    for last in 1..=6 {
        assert_eq!(ask(last, "one"), 0, "{last}");
    }
    assert_eq!(ask(7, "one"), 486, "six of one call");
    assert_eq!(ask(7, "two"), 0, "another call");
    assert_eq!(ask(8, "two"), 0, "and one more");
    // Twelve would be more than there is.
    assert_eq!(ask(9, "two"), 486, "the rest is for everybody else");
    for last in 9..=10 {
        bench.allocate(client(last), ALICE);
    }
}

#[test]
fn nothing_new_is_allocated_while_draining() {
    let mut bench = Bench::new();
    bench.allocate(client(1), ALICE);
    bench.shared.drain();
    assert_eq!(
        bench.ask(client(2), ALICE, method::ALLOCATE, &[UDP]).code(),
        508
    );
    assert_eq!(bench.ask(client(1), ALICE, method::REFRESH, &[]).code(), 0);
    assert_eq!(bench.channel(client(1), 0x4000, "1.2.3.4:5"), 0);
}

#[test]
fn ports_of_other_programs_are_passed_over() {
    let mut bench = Bench::new();
    bench.outside.foreign = (50_000..50_015).collect();
    let answer = bench.ask(client(1), ALICE, method::ALLOCATE, &[UDP]);
    assert_eq!(
        answer.address(attribute::XOR_RELAYED_ADDRESS).port(),
        50_015
    );
    assert_eq!(
        bench.ask(client(2), ALICE, method::ALLOCATE, &[UDP]).code(),
        508
    );
    bench.outside.foreign.clear();
    assert_eq!(
        bench.ask(client(2), ALICE, method::ALLOCATE, &[UDP]).code(),
        0
    );
}

#[test]
fn an_even_port_reserves_the_next() {
    let mut bench = Bench::new();
    let answer = bench.ask(
        client(1),
        ALICE,
        method::ALLOCATE,
        &[UDP, (attribute::EVEN_PORT, &[0x80])],
    );
    let port = answer.address(attribute::XOR_RELAYED_ADDRESS).port();
    assert!(port.is_multiple_of(2));
    let token = answer
        .message()
        .get(attribute::RESERVATION_TOKEN)
        .unwrap()
        .to_vec();
    let with_token = [UDP, (attribute::RESERVATION_TOKEN, token.as_slice())];
    assert_eq!(
        bench
            .ask(client(2), "mallory", method::ALLOCATE, &with_token)
            .code(),
        508
    );
    let answer = bench.ask(client(2), ALICE, method::ALLOCATE, &with_token);
    assert_eq!(
        answer.address(attribute::XOR_RELAYED_ADDRESS).port(),
        port + 1
    );
    assert_eq!(
        bench
            .ask(client(3), ALICE, method::ALLOCATE, &with_token)
            .code(),
        508
    );
    // An unused reservation expires.
    let answer = bench.ask(
        client(3),
        ALICE,
        method::ALLOCATE,
        &[UDP, (attribute::EVEN_PORT, &[0x80])],
    );
    let token = answer
        .message()
        .get(attribute::RESERVATION_TOKEN)
        .unwrap()
        .to_vec();
    bench.pass(30);
    let with_token = [UDP, (attribute::RESERVATION_TOKEN, token.as_slice())];
    assert_eq!(
        bench
            .ask(client(4), "dave", method::ALLOCATE, &with_token)
            .code(),
        508
    );
}

#[test]
fn families_are_as_asked() {
    let mut bench = Bench::new();
    let family = |number: u8| (attribute::REQUESTED_ADDRESS_FAMILY, [number, 0, 0, 0]);
    for (number, v6) in [(1, false), (2, true)] {
        let (kind, value) = family(number);
        let answer = bench.ask(
            client(number),
            ALICE,
            method::ALLOCATE,
            &[UDP, (kind, &value)],
        );
        assert_eq!(answer.address(attribute::XOR_RELAYED_ADDRESS).is_ipv6(), v6);
    }
    let (kind, value) = family(3);
    assert_eq!(
        bench
            .ask(client(3), ALICE, method::ALLOCATE, &[UDP, (kind, &value)])
            .code(),
        440
    );
    let dual = [
        UDP,
        (attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0][..]),
    ];
    let before = bench.outside.open.len();
    assert_eq!(
        bench.ask(client(3), "bob", method::ALLOCATE, &dual).code(),
        0
    );
    assert_eq!(bench.outside.open.len(), before + 2);
    // Each of the two expires separately.
    let (kind, value) = family(2);
    let half = [(attribute::LIFETIME, &[0; 4][..]), (kind, &value)];
    assert_eq!(
        bench.ask(client(3), "bob", method::REFRESH, &half).code(),
        0
    );
    assert_eq!(
        (bench.outside.open.len(), bench.server.allocations()),
        (before + 1, 3)
    );
    assert_eq!(
        bench.ask(client(3), "bob", method::REFRESH, &half).code(),
        443
    );

    let mut options = options();
    options.relays.truncate(1);
    let mut only_v4 = Bench::with(options);
    let (kind, value) = family(2);
    assert_eq!(
        only_v4
            .ask(client(1), ALICE, method::ALLOCATE, &[UDP, (kind, &value)])
            .code(),
        440
    );
    let answer = only_v4.ask(client(1), ALICE, method::ALLOCATE, &dual);
    assert_eq!((answer.code(), only_v4.outside.open.len()), (0, 1));
    assert_eq!(
        answer.message().get(attribute::ADDRESS_ERROR_CODE),
        Some(&[2, 0, 4, 40][..])
    );
}

#[test]
fn contradictions_are_400_and_what_is_unknown_is_420() {
    let mut bench = Bench::new();
    let token = (attribute::RESERVATION_TOKEN, &[1; 8][..]);
    let (even, family) = (
        (attribute::EVEN_PORT, &[0x80][..]),
        (attribute::REQUESTED_ADDRESS_FAMILY, &[1, 0, 0, 0][..]),
    );
    let more = (attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0][..]);
    for attributes in [
        &[][..],
        &[UDP, token, even],
        &[UDP, token, family],
        &[UDP, token, more],
        &[UDP, more, family],
        &[UDP, more, even],
        &[UDP, (attribute::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0])],
        &[UDP, (attribute::RESERVATION_TOKEN, &[1; 7])],
    ] {
        assert_eq!(
            bench
                .ask(client(1), ALICE, method::ALLOCATE, attributes)
                .code(),
            400,
            "{attributes:?}"
        );
    }
    let tcp = (attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0][..]);
    assert_eq!(
        bench.ask(client(1), ALICE, method::ALLOCATE, &[tcp]).code(),
        442
    );
    let answer = bench.ask(client(1), ALICE, method::ALLOCATE, &[UDP, (0x7777, b"?")]);
    assert_eq!(answer.code(), 420);
    assert_eq!(
        answer.message().get(attribute::UNKNOWN_ATTRIBUTES),
        Some(&[0x77, 0x77][..])
    );
    assert_eq!(
        bench
            .ask(client(1), ALICE, method::ALLOCATE, &[UDP, (0xF777, b"?")])
            .code(),
        0
    );
    assert_eq!(bench.bare(client(1), 0x0FF, &[]).unwrap().code(), 400);
    assert_eq!(bench.outside.open.len(), 1);
}

#[test]
fn binding_requests_are_answered_and_limited() {
    let mut bench = Bench::new();
    let answer = bench.bare(client(1), method::BINDING, &[]).unwrap();
    assert_eq!(
        answer.address(attribute::XOR_MAPPED_ADDRESS),
        client(1).address
    );
    assert!(answer.message().has_fingerprint());
    assert_eq!(
        bench
            .bare(client(1), method::BINDING, &[(0x7777, b"")])
            .unwrap()
            .code(),
        420
    );

    let mut bench = Bench::with(Options {
        max_unauthorized: 10,
        ..options()
    });
    let answered = |bench: &mut Bench, method| {
        (0..100)
            .filter(|_| bench.bare(client(1), method, &[UDP]).is_some())
            .count()
    };
    assert_eq!(answered(&mut bench, method::ALLOCATE), 10);
    assert_eq!(answered(&mut bench, method::BINDING), 0);
    bench.pass(1);
    assert_eq!(answered(&mut bench, method::ALLOCATE), 10);
    assert!(bench.bare(client(2), method::ALLOCATE, &[UDP]).is_some());
}

#[test]
fn an_allocation_ends_with_its_connection() {
    let mut bench = Bench::new();
    let stream = Client {
        link: Link::Stream(7),
        ..client(1)
    };
    bench.allocate(stream, ALICE);
    assert!(bench.server.has_allocation(stream) && !bench.server.has_allocation(client(1)));
    bench.server.client_gone(stream, &mut bench.outside);
    assert_eq!(
        (bench.outside.open.len(), bench.shared.allocations()),
        (0, 0)
    );
}
