//! Functions and a chat network for tests: small, in this process, on loopback.

#![allow(dead_code, unreachable_pub, reason = "every test uses a part of this")]

pub mod functions;
pub mod network;
pub mod polling;
pub mod running;
pub mod websocket;

use std::time::Duration;

/// The time in which everything must have happened.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let all = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(TIME_LIMIT, all).await.is_err() {
        panic!("never happened: {what}");
    }
}
