//! Who may be in a call, and what they may send.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use common::functions::{Functions, call_ticket, guest_ticket, member_ticket};
use common::network::Network;
use common::polling::{Polling, wake};
use common::running::Running;
use serde_json::{Value, json};

struct World {
    functions: Functions,
    running: Running,
    _dir: tempfile::TempDir,
}

async fn world() -> World {
    world_with(false).await
}

async fn world_with(behind_proxy: bool) -> World {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    let network = Network::new();
    let change = |config: &mut gateway::GatewayConfig| config.behind_proxy = behind_proxy;
    let running = Running::start_with(&functions.origin, dir.path(), &network, change).await;
    World {
        functions,
        running,
        _dir: dir,
    }
}

impl World {
    async fn open(&self, ticket: &str) -> Polling {
        Polling::open(&self.running.url, "/calls,", json!({"ticket": ticket})).await
    }

    /// Joins the call; returns the first packet.
    async fn enter(&self, ticket: &str) -> (Polling, Value) {
        let mut socket = self.open(ticket).await;
        let welcome = socket.event("welcome").await.expect("there is room");
        (socket, welcome)
    }

    async fn refused(&self, ticket: &str) -> String {
        Self::reason(self.open(ticket).await).await
    }

    /// Connects from an address; returns the connector's first packet.
    async fn comes_from(&self, address: &str, ticket: &str) -> (Polling, String) {
        let auth = json!({"ticket": ticket});
        let url = &self.running.url;
        let mut socket = Polling::open_from(url, Some(address), "/calls,", auth).await;
        let packet = socket.packet().await.unwrap();
        (socket, packet)
    }

    async fn reason(mut socket: Polling) -> String {
        let refused = socket.event("refused").await.expect("it is said why");
        refused["error"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_socket_holds_no_seat() {
    let world = world().await;
    let mut inside = Vec::new();
    for n in 0..6 {
        inside.push(world.enter(&call_ticket("c", n)).await.0);
    }
    assert!(world.refused(&call_ticket("c", 6)).await.contains("full"));
    let mut first = inside.remove(0);
    for socket in &inside {
        socket.break_off().await;
    }
    for n in 6..11 {
        // The server notices the break when it has closed the session.
        loop {
            let mut socket = world.open(&call_ticket("c", n)).await;
            let packet = socket.packet().await.unwrap();
            if packet.contains("\"welcome\"") {
                inside.push(socket);
                break;
            }
            assert!(packet.contains("full"), "{packet}");
        }
    }
    let mut left = Vec::new();
    for _ in 0..5 {
        let peer = first.event("left").await.unwrap()["peer"].clone();
        left.push(peer.as_str().unwrap().to_owned());
    }
    left.sort();
    assert_eq!(left, ["p1", "p2", "p3", "p4", "p5"]);
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_keep_no_member_out() {
    let world = world().await;
    let mut inside = Vec::new();
    for n in 0..6 {
        inside.push(world.enter(&call_ticket("c", n)).await.0);
    }
    let (_, welcome) = world.enter(&member_ticket("c", "m", "alice", true)).await;
    let peers = welcome["peers"].as_array().unwrap();
    assert_eq!(peers.len(), 5, "{welcome}");
    // The newest guest made room, and is told so.
    let newest = inside.pop().unwrap();
    let text = World::reason(newest).await;
    assert!(text.contains("a member took your seat"), "{text}");
    assert!(world.refused(&call_ticket("c", 7)).await.contains("full"));
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_two_seats() {
    let world = world().await;
    let ticket = |peer: &str| member_ticket("c", peer, "alice", false);
    let (one, _) = world.enter(&ticket("a1")).await;
    let (_two, _) = world.enter(&ticket("a2")).await;
    let text = world.refused(&ticket("a3")).await;
    assert!(text.contains("two devices"), "{text}");
    // A reloaded page is another participant; its old seat is free.
    one.break_off().await;
    loop {
        let mut socket = world.open(&ticket("a4")).await;
        let packet = socket.packet().await.unwrap();
        if packet.contains("\"welcome\"") {
            assert!(!packet.contains("a1"), "{packet}");
            break;
        }
    }
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_over_ends_for_all() {
    let world = world().await;
    let (mut guest, _) = world.enter(&call_ticket("c", 2)).await;
    let (mut member, _) = world.enter(&member_ticket("c", "m", "alice", true)).await;
    let (mut elsewhere, _) = world.enter(&call_ticket("d", 2)).await;
    world.functions.state.lock().unwrap().ended_calls = vec!["c".to_owned()];
    assert_eq!(wake(&world.running.url, "?call=c").await, 204);
    for socket in [&mut guest, &mut member] {
        let refused = socket.event("refused").await.unwrap();
        assert!(refused["error"].as_str().unwrap().contains("is over"));
        assert!(socket.ends().await);
    }
    // Also when the functions cannot be asked.
    for mute in [false, true] {
        world.functions.state.lock().unwrap().sessions_mute = mute;
        assert!(world.refused(&call_ticket("c", 2)).await.contains("over"));
    }
    world.functions.state.lock().unwrap().sessions_mute = false;
    // Not known here yet, as after a restart.
    world.functions.state.lock().unwrap().ended_calls = vec!["e".to_owned()];
    assert!(world.refused(&call_ticket("e", 1)).await.contains("over"));
    let (_other, _) = world.enter(&call_ticket("d", 3)).await;
    assert!(elsewhere.event("joined").await.is_some());
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_ends_its_call() {
    let world = world().await;
    let (mut alice, _) = world.enter(&member_ticket("c", "a", "alice", false)).await;
    let (mut bob, _) = world.enter(&member_ticket("c", "b", "bob", false)).await;
    world.functions.state.lock().unwrap().ended = vec!["grant-alice".to_owned()];
    assert_eq!(wake(&world.running.url, "?account=alice").await, 204);
    assert!(alice.event("refused").await.is_some());
    assert!(alice.ends().await);
    assert_eq!(bob.event("left").await.unwrap()["peer"], "a");
    let again = member_ticket("c", "a", "alice", false);
    // Not that the call is over: a new link would be of no use.
    let said = "the session has ended; sign in again";
    assert_eq!(world.refused(&again).await, said);
    world.functions.state.lock().unwrap().ended = vec!["grant-carol".to_owned()];
    let unknown_here = member_ticket("c", "d", "carol", false);
    assert_eq!(world.refused(&unknown_here).await, said);
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_confirms_takes_nobody_new() {
    let world = world().await;
    let alice = member_ticket("c", "a", "alice", false);
    let (_first, _) = world.enter(&alice).await;
    world.functions.state.lock().unwrap().sessions_mute = true;
    // It was confirmed a moment ago, and so was her session; the sessions of others were not.
    let (_again, _) = world.enter(&alice).await;
    let bob = member_ticket("c", "b", "bob", false);
    for ticket in [&bob, &call_ticket("d", 1)] {
        let text = world.refused(ticket).await;
        assert!(text.starts_with("can't check whether"), "{text}");
    }
    // The change may have been its end.
    assert_eq!(wake(&world.running.url, "?call=c").await, 502);
    let text = world.refused(&alice).await;
    assert!(text.starts_with("can't check whether"), "{text}");
    world.functions.state.lock().unwrap().sessions_mute = false;
    world.enter(&bob).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moderators_put_others_out() {
    let world = world().await;
    let (mut starter, welcome) = world.enter(&member_ticket("c", "s", "alice", true)).await;
    assert_eq!(welcome["moderator"], true);
    let (mut bob, welcome) = world.enter(&member_ticket("c", "b", "bob", false)).await;
    assert_eq!(welcome["moderator"], false);
    let (mut guest, _) = world.enter(&call_ticket("c", 2)).await;
    // Others may not, and nobody may remove themselves.
    guest.emit("remove", json!({"peer": "s"})).await;
    bob.emit("remove", json!({"peer": "p2"})).await;
    starter.emit("remove", json!({"peer": "s"})).await;
    starter.emit("remove", json!({"peer": "nobody"})).await;
    starter.emit("remove", json!({"peer": "b"})).await;
    let refused = bob.event("refused").await.unwrap();
    let put_out = json!({"error": "you were removed from this call", "final": true});
    assert_eq!(refused, put_out);
    assert!(bob.ends().await);
    assert_eq!(starter.event("left").await.unwrap()["peer"], "b");
    assert_eq!(guest.event("left").await.unwrap()["peer"], "b");
    // Neither that ticket nor a new one for the account admits them again.
    for peer in ["b", "b2"] {
        let text = world.refused(&member_ticket("c", peer, "bob", false)).await;
        assert!(text.contains("removed from this call"), "{text}");
    }
    starter.emit("remove", json!({"peer": "p2"})).await;
    assert!(guest.event("refused").await.is_some());
    assert!(
        world
            .refused(&call_ticket("c", 2))
            .await
            .contains("removed from this call")
    );
    // Here everyone has this machine's address, so a guest who opens the link again is recognised by name.
    let again = guest_ticket("c", "p9", "name 2");
    assert!(
        world
            .refused(&again)
            .await
            .contains("removed from this call")
    );
    world.enter(&guest_ticket("c", "p10", "name 10")).await;
    world.enter(&guest_ticket("d", "p9", "name 2")).await;
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_put_out_stays_out_after_a_restart() {
    let world = world_with(true).await;
    let (starter, _) = world.enter(&member_ticket("c", "s", "alice", true)).await;
    let bob = member_ticket("c", "b", "bob", false);
    let (mut member, _) = world.enter(&bob).await;
    starter.emit("remove", json!({"peer": "b"})).await;
    assert!(member.event("refused").await.is_some());
    // So is anyone who exceeds the limits.
    let guest = guest_ticket("c", "g", "Eve");
    let (mut eve, packet) = world.comes_from("203.0.113.7", &guest).await;
    assert!(packet.contains("\"welcome\""), "{packet}");
    let data = json!({"description": {"nested": {}}});
    eve.emit("signal", json!({"to": "s", "data": data})).await;
    assert!(eve.event("refused").await.is_some());
    let World {
        functions,
        running,
        _dir: dir,
    } = world;
    running.stop().await;

    let change = |config: &mut gateway::GatewayConfig| config.behind_proxy = true;
    let network = Network::new();
    let running = Running::start_with(&functions.origin, dir.path(), &network, change).await;
    let world = World {
        functions,
        running,
        _dir: dir,
    };
    for ticket in [&bob, &member_ticket("c", "b2", "bob", false), &guest] {
        let text = world.refused(ticket).await;
        assert!(text.contains("removed from this call"), "{text}");
    }
    let again = guest_ticket("c", "g2", "Mallory");
    let (_, packet) = world.comes_from("203.0.113.7", &again).await;
    assert!(packet.contains("removed from this call"), "{packet}");
    world.enter(&member_ticket("d", "b", "bob", false)).await;
    world.enter(&member_ticket("c", "m", "carol", false)).await;
    world.running.stop().await;
}

async fn put_out(starter: &mut Polling, peer: &str) {
    starter.emit("remove", json!({"peer": peer})).await;
    while starter.event("left").await.unwrap()["peer"] != peer {}
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_who_were_put_out_are_known_by_their_network() {
    let world = world_with(true).await;
    let (mut starter, _) = world.enter(&member_ticket("c", "s", "alice", true)).await;
    for (n, address, same, other) in [
        (1, "203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8"),
        (
            2,
            "2001:db8:0:1::1",
            "2001:db8:0:1:2:3:4:5",
            "2001:db8:0:2::1",
        ),
    ] {
        let guest = |peer: &str, name: &str| guest_ticket("c", &format!("{peer}{n}"), name);
        let (_, packet) = world.comes_from(address, &guest("bad", "Eve")).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
        assert!(starter.event("joined").await.is_some());
        put_out(&mut starter, &format!("bad{n}")).await;
        // Another ticket and another name, from the same network.
        let (_, packet) = world.comes_from(same, &guest("again", "Mallory")).await;
        assert!(packet.contains("removed from this call"), "{packet}");
        // Members are recognised by their accounts, wherever they are.
        let member = member_ticket("c", &format!("m{n}"), &format!("bob{n}"), false);
        let (member, packet) = world.comes_from(address, &member).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
        member.emit("leave", json!({})).await;
        let (_, packet) = world.comes_from(other, &guest("good", "Eve")).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
    }
    // A member who was removed cannot come back as a guest.
    let member = member_ticket("c", "m3", "carol", false);
    let (_, packet) = world.comes_from("203.0.113.9", &member).await;
    assert!(packet.contains("\"welcome\""), "{packet}");
    put_out(&mut starter, "m3").await;
    let guest = guest_ticket("c", "g3", "Carol");
    let (_, packet) = world.comes_from("203.0.113.9", &guest).await;
    assert!(packet.contains("removed from this call"), "{packet}");
    world.running.stop().await;
}

/// One client with one link cannot take all seats.
#[tokio::test(flavor = "multi_thread")]
async fn guests_of_one_address_have_three_seats() {
    let world = world_with(true).await;
    let (one, other) = ("203.0.113.7", "203.0.113.8");
    let mut inside = Vec::new();
    for n in 2..=4 {
        let (guest, packet) = world.comes_from(one, &call_ticket("c", n)).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
        inside.push(guest);
    }
    for same in [one, "::ffff:203.0.113.7"] {
        let (_, packet) = world.comes_from(same, &call_ticket("c", 5)).await;
        assert!(packet.contains("too many guests"), "{packet}");
    }
    let (_other, packet) = world.comes_from(other, &call_ticket("c", 5)).await;
    assert!(packet.contains("\"welcome\""), "{packet}");
    // Members may join from that address, and guests at it may join another call.
    let member = member_ticket("c", "m", "alice", false);
    let (_member, packet) = world.comes_from(one, &member).await;
    assert!(packet.contains("\"welcome\""), "{packet}");
    let (_elsewhere, packet) = world.comes_from(one, &call_ticket("d", 5)).await;
    assert!(packet.contains("\"welcome\""), "{packet}");
    // A released seat can be taken again.
    let gone = inside.pop().unwrap();
    gone.emit("leave", json!({})).await;
    assert!(inside[0].event("left").await.is_some());
    let (_fourth, packet) = world.comes_from(one, &call_ticket("c", 5)).await;
    assert!(packet.contains("\"welcome\""), "{packet}");
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_another_one_after_its_owner_was_out() {
    let world = world().await;
    let (mut one, welcome) = world.enter(&call_ticket("c", 1)).await;
    let seat = welcome["seat"].as_str().unwrap().to_owned();
    let (two, welcome) = world.enter(&call_ticket("c", 2)).await;
    assert_eq!(welcome["peers"][0]["seat"], seat);
    let second = welcome["seat"].clone();
    assert_eq!(one.event("joined").await.unwrap()["seat"], second);
    assert_ne!(second, seat);
    // Another socket takes the same seat.
    let (again, welcome) = world.enter(&call_ticket("c", 2)).await;
    assert_eq!(welcome["seat"], second);
    assert_eq!(one.event("returned").await.unwrap()["seat"], second);
    drop(two);
    again.emit("leave", json!({})).await;
    assert!(one.event("left").await.is_some());
    let (_third, welcome) = world.enter(&call_ticket("c", 2)).await;
    assert_ne!(welcome["seat"], second);
    assert_eq!(one.event("joined").await.unwrap()["seat"], welcome["seat"]);
    world.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_breaks_the_bounds_is_put_out() {
    let world = world().await;
    let (mut victim, _) = world.enter(&call_ticket("c", 1)).await;
    // What a browser sends is relayed unchanged.
    let (good, _) = world.enter(&call_ticket("c", 10)).await;
    let candidate = json!({"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "a"});
    for data in [
        json!({"description": {"type": "offer", "sdp": "v=0\r\nm=video 9 X 96\r\n"}, "round": 1}),
        json!({"candidates": [candidate]}),
        json!({"restart": true, "round": 1}),
    ] {
        good.emit("signal", json!({"to": "p1", "data": data})).await;
        let signal = victim.event("signal").await.unwrap();
        assert_eq!(signal, json!({"from": "p10", "data": data}));
    }
    good.emit("leave", json!({})).await;
    assert_eq!(victim.event("left").await.unwrap()["peer"], "p10");
    let lines = "m=video 9 X 96\r\n".repeat(24);
    for (n, data) in [
        (2, json!({"description": {"type": "offer", "sdp": lines}})),
        (
            3,
            json!({"candidates": vec![json!({"candidate": "x"}); 65]}),
        ),
        (
            4,
            json!({"description": {"type": "offer", "sdp": "x".repeat(64 << 10)}}),
        ),
        (7, json!({"description": {"nested": {"sdp": lines}}})),
        (
            8,
            json!({"description": {"type": "offer", "sdp": "v=0", "more": {"sdp": lines}}}),
        ),
        (9, json!({"more": [{"candidate": "x"}]})),
    ] {
        let (mut bad, _) = world.enter(&call_ticket("c", n)).await;
        bad.emit("signal", json!({"to": "p1", "data": data})).await;
        assert!(bad.event("refused").await.is_some());
        assert!(bad.ends().await);
        assert_eq!(victim.event("left").await.unwrap()["peer"], format!("p{n}"));
        assert!(
            world
                .refused(&call_ticket("c", n))
                .await
                .contains("removed from this call")
        );
    }
    // A participant who left is ignored, even though the socket is open.
    let (gone, _) = world.enter(&call_ticket("c", 5)).await;
    let small = json!({"to": "p1", "data": {"candidates": []}});
    gone.emit("signal", small.clone()).await;
    assert_eq!(victim.event("signal").await.unwrap()["from"], "p5");
    gone.emit("leave", json!({})).await;
    assert_eq!(victim.event("left").await.unwrap()["peer"], "p5");
    gone.emit("signal", small.clone()).await;
    let (next, _) = world.enter(&call_ticket("c", 6)).await;
    next.emit("signal", small).await;
    assert_eq!(victim.event("signal").await.unwrap()["from"], "p6");
    world.running.stop().await;
}
