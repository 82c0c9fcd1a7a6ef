//! The memory store fulfils the contract.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may fail and speak"
)]

use std::sync::Arc;

use futures_util::FutureExt;
use storage_adapter::contract;
use storage_adapter::memory::MemoryStore;

#[test]
fn keeps_the_contract() {
    for store in [MemoryStore::new(), MemoryStore::new().with_digests()] {
        // Without delays a request completes at the first poll.
        contract::run_all(Arc::new(store), "contract")
            .now_or_never()
            .unwrap();
    }
}
