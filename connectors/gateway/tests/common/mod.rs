//! Functions and a chat network for tests: small, in this process, on loopback.

#![allow(dead_code, unreachable_pub, reason = "every test uses a part of this")]

pub mod network;
pub mod running;
pub mod websocket;

#[allow(unused_imports, reason = "every test uses a part of this")]
pub use gateway_contract::{TIME_LIMIT, functions, polling, until};
