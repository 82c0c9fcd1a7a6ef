//! How many guests may join a call from one address, and how long a client that connects to nothing stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::time::Duration;

use common::functions::{Functions, guest_ticket, member_ticket};
use common::network::Network;
use common::polling::Polling;
use common::running::Running;
use common::websocket::WebSocket;
use serde_json::json;

/// Longer than a session may take to connect to a namespace, and shorter than pings may remain unanswered.
const SOON: Duration = Duration::from_secs(30);

async fn world(
    change: impl FnOnce(&mut gateway::GatewayConfig),
) -> (Functions, Running, tempfile::TempDir) {
    let (functions, dir) = (Functions::start().await, tempfile::tempdir().unwrap());
    let network = Network::new();
    let running = Running::start_with(&functions.origin, dir.path(), &network, change).await;
    (functions, running, dir)
}

/// Joins a call from an address; returns the connector's first packet.
async fn comes_from(running: &Running, address: &str, ticket: &str) -> (Polling, String) {
    let auth = json!({"ticket": ticket});
    let mut socket = Polling::open_from(&running.url, Some(address), "/calls,", auth).await;
    let packet = socket.packet().await.unwrap();
    (socket, packet)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_guests_of_an_address_are_in_a_call() {
    let (_functions, running, _dir) = world(|config| config.behind_proxy = true).await;
    for (call, addresses, other) in [
        ("c", ["203.0.113.7"; 4], "203.0.113.8"),
        // A customer's block of addresses counts as one.
        (
            "d",
            [
                "2001:db8:0:1::1",
                "2001:db8:0:1::2",
                "2001:db8:0:1:2:3:4:5",
                "2001:db8:0:1::3",
            ],
            "2001:db8:0:2::1",
        ),
    ] {
        let guest = |n: usize| guest_ticket(call, &format!("g{n}"), &format!("Guest {n}"));
        let mut inside = Vec::new();
        for (n, address) in addresses.iter().take(3).enumerate() {
            let (socket, packet) = comes_from(&running, address, &guest(n)).await;
            assert!(packet.contains("\"welcome\""), "{packet}");
            inside.push(socket);
        }
        let (_, packet) = comes_from(&running, addresses[3], &guest(3)).await;
        assert!(
            packet.contains("too many guests from your address"),
            "{packet}"
        );
        // Neither members there nor guests elsewhere are kept out.
        let member = member_ticket(call, "m", "bob", false);
        let (mut member, packet) = comes_from(&running, addresses[3], &member).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
        let (_elsewhere, packet) = comes_from(&running, other, &guest(4)).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
        // A free seat is available to the next guest.
        inside[0].emit("leave", json!({})).await;
        let left = member.event("left").await.unwrap();
        assert_eq!(left["peer"], "g0");
        let (_again, packet) = comes_from(&running, addresses[3], &guest(5)).await;
        assert!(packet.contains("\"welcome\""), "{packet}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_to_no_namespace_is_let_go() {
    let (_functions, running, _dir) = world(|config| config.limits.unproven_per_ip = 3).await;
    let url = &running.url;
    let mut direct = WebSocket::open(url, "").await;
    assert!(direct.find("0{").await.is_some());
    let mut polling = Polling::begin(url).await.unwrap();
    // One that was started by polling.
    let begun = Polling::begin(url).await.unwrap();
    let mut upgraded = WebSocket::open(url, begun.sid()).await;
    upgraded.send("2probe").await;
    assert!(upgraded.find("3probe").await.is_some());
    upgraded.send("5").await;
    assert_eq!(
        Polling::begin(url).await.err(),
        Some(429),
        "all places are taken"
    );
    let over = async {
        while direct.packet().await.is_some() {}
        while upgraded.packet().await.is_some() {}
        while polling.packet().await.is_some() {}
    };
    tokio::time::timeout(SOON, over).await.expect("they end");
    // And their places are free.
    let mut again = Vec::new();
    let begin = async {
        while again.len() < 3 {
            again.extend(Polling::begin(url).await);
        }
    };
    tokio::time::timeout(SOON, begin)
        .await
        .expect("there is room");
    running.stop().await;
}
