//! Webhooks: `/hooks/<token>/…` receives the services' events, `/api/hooks` manages hooks.
//!
//! **How an event reaches its channel exactly once.** A delivery has an id: the service's, if it sends one, else a
//! generated one. The id names a record, and the record names the task in the queue and contains what to announce. In
//! this order:
//!
//! 1. the record is written, only if it does not exist ([`PutMode::IfAbsent`]);
//! 2. a mark is written for the list of recent deliveries, with a name derived from the record;
//! 3. the task goes into the queue, only if it is not there; then the service gets its response.
//!
//! A repeated delivery finds the record. While its outcome is `queued`, steps 2 and 3 are repeated: they change nothing
//! if they were done, and complete a first attempt that was interrupted. When the connector has posted the lines, the
//! record gets its outcome *before* the task leaves the queue, so a repeat finds either the task or the outcome. A
//! repeat that read the record just before that may queue the task once more, under the same id, from which the
//! connector knows that it is done.
//!
//! [`PutMode::IfAbsent`]: storage_adapter::PutMode::IfAbsent

mod clock;
mod deliveries;
mod fields;
mod in_hand;
mod ingest;
mod ledger;
mod manage;
mod rate;
mod reading;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::connectors::Connectors;
use crate::identity::Identity;
use crate::kernel::Kernel;
use protocol::{HookOptions, HookOutcome, HookSource, Say, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use in_hand::InHand;
pub(crate) use rate::Rates;

/// Hooks of accounts.
pub(crate) struct Webhooks<S, H> {
    kernel: Arc<Kernel<S, H>>,
    connectors: Arc<Connectors<S, H>>,
    identity: Arc<Identity<S, H>>,
    rates: Rates,
    in_hand: InHand,
}

impl<S, H> Webhooks<S, H> {
    /// Creates it from the modules that it uses.
    pub(crate) fn new(
        kernel: &Arc<Kernel<S, H>>,
        connectors: &Arc<Connectors<S, H>>,
        identity: &Arc<Identity<S, H>>,
    ) -> Self {
        Self {
            kernel: Arc::clone(kernel),
            connectors: Arc::clone(connectors),
            identity: Arc::clone(identity),
            rates: Rates::default(),
            in_hand: InHand::default(),
        }
    }
}

/// `accounts/<account>/hooks/<id>.json`: a hook.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Hook {
    /// Version of this record's format: 1.
    pub(crate) version: u32,
    /// The hook's id; part of its token.
    pub(crate) id: String,
    /// SHA-256 of the token's secret part, in hexadecimal.
    pub(crate) secret_hash: String,
    /// Who sends.
    pub(crate) source: HookSource,
    /// What its owner calls it.
    pub(crate) name: String,
    /// The connection over which it posts.
    pub(crate) connection: String,
    /// The channel to which it posts.
    pub(crate) channel: String,
    /// Whether it is on.
    pub(crate) enabled: bool,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// The secret with which the service authenticates itself; encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    #[serde(flatten)]
    pub(crate) options: HookOptions,
}

/// `accounts/<account>/deliveries/<hook>/<id>.json`: one request of a service and its outcome.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Delivery {
    /// Version of this record's format: 1.
    pub(crate) version: u32,
    /// Its id: a hash of the service's id, or random.
    pub(crate) id: String,
    /// When it arrived.
    pub(crate) time: Timestamp,
    /// What happened, according to the service.
    pub(crate) event: String,
    /// What to post, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) say: Option<Say>,
    /// The connector's queue, and the task's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<QueuedTask>,
    /// Its outcome.
    #[serde(flatten)]
    pub(crate) outcome: HookOutcome,
    /// The delivery whose lines are said again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<String>,
}

/// A task of a connector.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct QueuedTask {
    pub(crate) connector: String,
    pub(crate) id: String,
}

/// Names of the records.
pub(crate) mod key {
    use protocol::{AccountName, Timestamp};

    pub(crate) fn hooks(account: &AccountName) -> String {
        format!("accounts/{account}/hooks/")
    }

    pub(crate) fn hook(account: &AccountName, id: &str) -> String {
        format!("accounts/{account}/hooks/{id}.json")
    }

    /// The hooks that are being created.
    pub(crate) fn ledger(account: &AccountName) -> String {
        format!("accounts/{account}/hook-ledger.json")
    }

    /// Counters of all hooks of an account.
    pub(crate) fn all_rates(account: &AccountName) -> String {
        format!("accounts/{account}/hook-rates/")
    }

    /// Counters of a hook.
    pub(crate) fn rates(account: &AccountName, hook: &str) -> String {
        format!("accounts/{account}/hook-rates/{hook}/")
    }

    pub(crate) fn rate(account: &AccountName, hook: &str, shard: u8) -> String {
        format!("{}{shard}.json", rates(account, hook))
    }

    /// All deliveries of an account.
    pub(crate) fn all_deliveries(account: &AccountName) -> String {
        format!("accounts/{account}/deliveries/")
    }

    pub(crate) fn deliveries(account: &AccountName, hook: &str) -> String {
        format!("accounts/{account}/deliveries/{hook}/")
    }

    pub(crate) fn delivery(account: &AccountName, hook: &str, id: &str) -> String {
        format!("accounts/{account}/deliveries/{hook}/{id}.json")
    }

    /// Marks of all hooks of an account.
    pub(crate) fn all_recent(account: &AccountName) -> String {
        format!("accounts/{account}/recent-deliveries/")
    }

    /// Times count down from here, so that the latest come first in a listing.
    const LAST: u64 = 0xffff_ffff_ffff;

    /// One mark per delivery, the latest first.
    pub(crate) fn recent(account: &AccountName, hook: &str) -> String {
        format!("accounts/{account}/recent-deliveries/{hook}/")
    }

    pub(crate) fn mark(account: &AccountName, hook: &str, time: Timestamp, id: &str) -> String {
        let millis = u64::try_from(time.millis()).unwrap_or_default().min(LAST);
        format!("{}{:012x}-{id}", recent(account, hook), LAST - millis)
    }

    /// Returns the id of a delivery from the key of its mark.
    pub(crate) fn marked(key: &str) -> Option<&str> {
        key.rsplit('/').next()?.split_once('-').map(|(_, id)| id)
    }
}
