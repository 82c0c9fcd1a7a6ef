//! The gateway's contract for platforms, as tests that are written once.
//!
//! A package with a platform implements [`Ground`] and invokes [`contract!`] in its tests. The stories run against a
//! whole gateway, with [`functions`] as a stand-in for the real ones and a Socket.IO client ([`polling`]); whatever
//! is specific to a platform they take from its descriptor.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::unused_async,
    missing_debug_implementations,
    missing_docs,
    reason = "tests, which fail by panicking"
)]

mod described;
pub mod functions;
pub mod polling;
mod relations;
mod stories;
mod world;

use std::sync::Arc;
use std::time::Duration;

use gateway::Platform;
use protocol::Connection;
use serde_json::Value;

pub use described::it_describes_itself;
pub use relations::{
    what_is_about_no_message_is_refused, where_there_are_deletions_the_text_is_gone,
    where_there_are_edits_they_are_told, where_there_are_reactions_they_come_and_go,
    where_there_are_replies_they_name_their_message, where_there_is_typing_it_is_told,
};
pub use stories::{
    credentials_make_a_connection, it_comes_online, tasks_are_said_once,
    what_cannot_be_done_is_said, what_is_not_supported_is_refused,
    what_is_said_has_one_id_everywhere, what_was_said_outlives_a_restart,
    where_there_are_channels_they_are_joined_and_left, where_there_are_topics_they_are_set,
};

/// The time limit for everything.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A platform to be tested, with a network behind it.
pub trait Ground: Send + Sync {
    /// Returns the platform.
    fn platform(&self) -> Arc<dyn Platform>;

    /// Returns the record of a connection with this name; its `connector`, `account` and id are set by the stories.
    fn record(&self, name: &str) -> Connection;

    /// Returns a person who is present and can receive messages.
    fn somebody(&self) -> &str;

    /// Returns the server as it appears in ids, and the `object` of `credentials` with which a Sockethub client
    /// connects.
    fn credentials(&self, name: &str) -> (String, Value);
}

/// Creates a test for each story; takes an expression that creates a [`Ground`] in an async context.
#[macro_export]
macro_rules! contract {
    ($ground:expr) => {
        $crate::contract!($ground;
            it_describes_itself,
            it_comes_online,
            what_is_said_has_one_id_everywhere,
            what_cannot_be_done_is_said,
            where_there_are_channels_they_are_joined_and_left,
            what_is_not_supported_is_refused,
            where_there_are_topics_they_are_set,
            tasks_are_said_once,
            what_was_said_outlives_a_restart,
            credentials_make_a_connection,
            where_there_are_replies_they_name_their_message,
            where_there_are_reactions_they_come_and_go,
            where_there_are_edits_they_are_told,
            where_there_are_deletions_the_text_is_gone,
            where_there_is_typing_it_is_told,
            what_is_about_no_message_is_refused,
        );
    };
    ($ground:expr; $($story:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $story() {
            let ground = $ground;
            $crate::$story(&ground).await;
        }
    )*};
}

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
