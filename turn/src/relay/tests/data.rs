//! Permissions, channels, and data in both directions.

use proptest::prelude::*;

use super::harness::{Bench, client, options};
use crate::frame::channel_header;
use crate::relay::{Client, Link, Options};
use crate::stun::{Class, Message, Writer, attribute, method};

const PEER: &str = "1.2.3.4:5678";

fn channel_message(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = channel_header(number, data.len() as u16).to_vec();
    bytes.extend_from_slice(data);
    bytes
}

fn send(peer: &str, data: &[u8], whole: bool) -> Vec<u8> {
    let mut buffer = Vec::new();
    let mut writer = Writer::new(&mut buffer, Class::Indication, method::SEND, [9; 12]);
    writer.xor_address(
        attribute::XOR_PEER_ADDRESS,
        peer.parse().unwrap_or_else(|_| panic!("{peer}")),
    );
    if whole {
        writer.attribute(attribute::DONT_FRAGMENT, &[]);
    }
    writer.attribute(attribute::DATA, data);
    writer.finish(None, false).to_vec()
}

#[test]
fn data_goes_through_a_channel_both_ways() {
    let mut bench = Bench::new();
    let relay = bench.allocate(client(1), "alice");
    assert_eq!(bench.channel(client(1), 0x4000, PEER), 0);
    assert!(
        bench
            .hand(client(1), &channel_message(0x4000, b"hello"))
            .is_none()
    );
    assert_eq!(
        bench.outside.to_peer,
        [(relay, PEER.parse().unwrap(), b"hello".to_vec(), false)]
    );
    let (to, bytes) = bench.peer_sends(relay, PEER, b"world").unwrap();
    assert_eq!((to, bytes), (client(1), channel_message(0x4000, b"world")));
    // Another port of the same peer has a permission, but no channel.
    let (_, bytes) = bench.peer_sends(relay, "1.2.3.4:1", b"world").unwrap();
    assert_eq!(
        Message::parse(&bytes).unwrap().get(attribute::DATA),
        Some(&b"world"[..])
    );
    assert!(bench.peer_sends(relay, "1.2.3.5:5678", b"world").is_none());
    bench.outside.to_peer.clear();
    bench.hand(client(1), &channel_message(0x4001, b"unbound"));
    bench.hand(client(2), &channel_message(0x4000, b"foreign"));
    assert!(bench.outside.to_peer.is_empty());
    assert_eq!(bench.server.counters().dropped, 3);
}

#[test]
fn data_to_a_stream_is_padded() {
    let mut bench = Bench::new();
    let stream = Client {
        link: Link::Stream(1),
        ..client(1)
    };
    let relay = bench.allocate(stream, "alice");
    assert_eq!(bench.channel(stream, 0x4000, PEER), 0);
    let (_, bytes) = bench.peer_sends(relay, PEER, b"world").unwrap();
    assert_eq!(
        bytes,
        [channel_message(0x4000, b"world"), vec![0; 3]].concat()
    );
}

#[test]
fn indications_need_a_permission() {
    let mut bench = Bench::new();
    let relay = bench.allocate(client(1), "alice");
    bench.hand(client(1), &send(PEER, b"early", false));
    assert!(bench.outside.to_peer.is_empty() && bench.peer_sends(relay, PEER, b"early").is_none());
    assert_eq!(bench.permit(client(1), &[PEER, "5.6.7.8:0"]), 0);
    bench.hand(client(1), &send(PEER, b"hello", false));
    bench.hand(client(1), &send("5.6.7.8:1", b"whole", true));
    let sent: Vec<_> = bench
        .outside
        .to_peer
        .iter()
        .map(|(_, peer, data, whole)| (peer.port(), data.clone(), *whole))
        .collect();
    assert_eq!(
        sent,
        [
            (5678, b"hello".to_vec(), false),
            (1, b"whole".to_vec(), true)
        ]
    );
    bench.pass(299);
    assert!(bench.peer_sends(relay, PEER, b"late").is_some());
    bench.pass(1);
    assert!(bench.peer_sends(relay, PEER, b"too late").is_none());
    bench.outside.to_peer.clear();
    bench.hand(client(1), &send(PEER, b"too late", false));
    assert!(bench.outside.to_peer.is_empty());
}

#[test]
fn channels_last_ten_minutes_and_their_permissions_five() {
    let mut bench = Bench::new();
    let relay = bench.allocate(client(1), "alice");
    assert_eq!(bench.channel(client(1), 0x4000, PEER), 0);
    bench.ask(
        client(1),
        "alice",
        method::REFRESH,
        &[(attribute::LIFETIME, &3600_u32.to_be_bytes())],
    );
    bench.pass(300);
    bench.hand(client(1), &channel_message(0x4000, b"no permission"));
    assert!(bench.outside.to_peer.is_empty() && bench.peer_sends(relay, PEER, b"x").is_none());
    assert_eq!(bench.permit(client(1), &[PEER]), 0);
    bench.hand(client(1), &channel_message(0x4000, b"again"));
    assert_eq!(bench.outside.to_peer.len(), 1);
    bench.pass(299);
    assert_eq!(
        bench.peer_sends(relay, PEER, b"x").unwrap().1,
        channel_message(0x4000, b"x")
    );
    assert_eq!(bench.permit(client(1), &[PEER]), 0);
    bench.pass(1);
    let (_, bytes) = bench.peer_sends(relay, PEER, b"x").unwrap();
    assert_eq!(Message::parse(&bytes).unwrap().method(), method::DATA);
    // After it has ended, the number is free for another peer.
    assert_eq!(bench.channel(client(1), 0x4000, "5.6.7.8:9"), 0);
}

#[test]
fn a_number_or_a_peer_bound_otherwise_is_400() {
    let mut bench = Bench::new();
    bench.allocate(client(1), "alice");
    assert_eq!(bench.channel(client(1), 0x4000, PEER), 0);
    assert_eq!(bench.channel(client(1), 0x4000, PEER), 0);
    assert_eq!(bench.channel(client(1), 0x4001, PEER), 400);
    assert_eq!(bench.channel(client(1), 0x4000, "1.2.3.4:1"), 400);
    for number in [0, 0x3FFF, 0x8000, 0xFFFF] {
        assert_eq!(
            bench.channel(client(1), number, "1.2.3.4:1"),
            400,
            "{number:x}"
        );
    }
    assert_eq!(bench.channel(client(1), 0x7FFF, "1.2.3.4:1"), 0);
    assert_eq!(bench.channel(client(2), 0x4000, PEER), 437);
    assert_eq!(bench.permit(client(2), &[PEER]), 437);
    assert_eq!(bench.permit(client(1), &[]), 400);
}

#[test]
fn peers_that_are_not_public_are_403() {
    let mut bench = Bench::new();
    bench.allocate(client(1), "alice");
    for peer in [
        "127.0.0.1:1",
        "10.0.0.1:1",
        "192.168.1.1:1",
        "169.254.169.254:80",
        "224.0.0.1:1",
        "0.0.0.0:1",
    ] {
        assert_eq!(bench.channel(client(1), 0x4000, peer), 403, "{peer}");
        // All or none.
        assert_eq!(bench.permit(client(1), &[PEER, peer]), 403, "{peer}");
    }
    bench.hand(client(1), &send(PEER, b"x", false));
    assert!(bench.outside.to_peer.is_empty());
    assert_eq!(bench.channel(client(1), 0x4000, "[2606:4700::1]:1"), 443);
    // The server's own address: only for other relays.
    assert_eq!(bench.channel(client(1), 0x4000, "198.18.0.9:22"), 403);
    assert_eq!(bench.channel(client(1), 0x4000, "198.18.0.9:50001"), 0);
    assert_eq!(bench.permit(client(1), &["198.18.0.9:22"]), 0);
    bench.hand(client(1), &send("198.18.0.9:22", b"x", false));
    assert!(bench.outside.to_peer.is_empty());
    bench.hand(client(1), &send("198.18.0.9:50001", b"x", false));
    assert_eq!(bench.outside.to_peer.len(), 1);
}

#[test]
fn permissions_and_channels_are_bounded() {
    let mut bench = Bench::new();
    bench.allocate(client(1), "alice");
    for last in 0..64_u16 {
        assert_eq!(
            bench.channel(client(1), 0x4000 + last, &format!("1.2.3.{last}:9")),
            0
        );
    }
    assert_eq!(bench.channel(client(1), 0x4100, "1.2.3.0:10"), 508);
    assert_eq!(bench.permit(client(1), &["1.2.4.1:9"]), 508);
    bench.pass(300);
    assert_eq!(bench.permit(client(1), &["1.2.4.1:9"]), 0);
}

#[test]
fn a_rate_is_kept() {
    let mut bench = Bench::with(Options {
        max_rate: 10_000,
        ..options()
    });
    let relay = bench.allocate(client(1), "alice");
    assert_eq!(bench.channel(client(1), 0x4000, PEER), 0);
    for _ in 0..100 {
        bench.hand(client(1), &channel_message(0x4000, &[0; 1000]));
        bench.peer_sends(relay, PEER, &[0; 1000]);
    }
    let counters = *bench.server.counters();
    assert_eq!(
        (
            counters.messages_out,
            counters.messages_in,
            counters.throttled
        ),
        (10, 10, 180)
    );
    bench.pass(1);
    bench.hand(client(1), &channel_message(0x4000, &[0; 1000]));
    assert_eq!(bench.server.counters().messages_out, 11);
}

#[test]
fn a_relay_behind_a_nat_is_reached_from_inside() {
    let mut options = options();
    let public = "203.0.114.1".parse().unwrap();
    options.relays[0].public = public;
    options.peers = crate::PeerPolicy::public(vec![], vec![]).with_own(
        vec![],
        vec![public],
        options.ports.clone(),
    );
    let mut bench = Bench::with(options);
    let relay = bench.allocate(client(1), "alice");
    assert_eq!(bench.channel(client(1), 0x4000, "203.0.114.1:50003"), 0);
    bench.hand(client(1), &channel_message(0x4000, b"x"));
    assert_eq!(bench.outside.to_peer[0].1.to_string(), "198.18.0.9:50003");
    let (_, bytes) = bench.peer_sends(relay, "198.18.0.9:50003", b"y").unwrap();
    assert_eq!(bytes, channel_message(0x4000, b"y"));
}

proptest! {
    #[test]
    fn any_data_comes_back_as_it_was_sent(data in proptest::collection::vec(any::<u8>(), 0..1500), v6: bool) {
        let mut bench = Bench::new();
        let dual = [super::harness::UDP, (attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0][..])];
        prop_assert_eq!(bench.ask(client(1), "alice", method::ALLOCATE, &dual).code(), 0);
        let peer = if v6 { "[2606:4700::1]:99" } else { PEER };
        prop_assert_eq!(bench.permit(client(1), &[peer]), 0);
        let relay = *bench.outside.open.iter().find(|(_, address)| address.is_ipv6() == v6).unwrap().0;
        let (_, bytes) = bench.peer_sends(relay, peer, &data).unwrap();
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!((message.class(), message.method()), (Class::Indication, method::DATA));
        prop_assert_eq!(message.get(attribute::DATA), Some(&data[..]));
        let address = message.xor_address(message.get(attribute::XOR_PEER_ADDRESS).unwrap());
        prop_assert_eq!(address, Some(peer.parse().unwrap()));
    }

    #[test]
    fn any_bytes_of_a_client_do_no_harm(messages in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut bench = Bench::new();
        bench.allocate(client(1), "alice");
        for bytes in messages {
            bench.server.from_client(bench.now, client(1), &bytes, &mut bench.outside);
        }
        prop_assert_eq!(bench.server.allocations(), 1);
    }
}
