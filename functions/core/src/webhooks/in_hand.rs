//! Limits how many bytes from services are held in memory at once, overall and per hook.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use http::StatusCode;
use mutex::lock;
use protocol::AccountName;
use storage_adapter::Gathered;

use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::Failure;

/// The most bytes of hooks' bodies at once, within the limit for all requests together: others need space as well.
const MAX_IN_HAND: usize = 64 * 1024 * 1024;
/// The most bytes of one hook's bodies at once.
const MAX_OF_HOOK: usize = 16 * 1024 * 1024;
/// How long a body may take to arrive, in milliseconds.
const PATIENCE: u64 = 30_000;

type Of = (AccountName, String);

/// Counts the bytes held.
#[derive(Debug, Default)]
pub(crate) struct InHand(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Hooks without any bodies held are not in it.
    by_hook: HashMap<Of, usize>,
}

impl InHand {
    /// Starts to hold a body of a hook.
    pub(super) fn hold(&self, account: &AccountName, hook: &str) -> Holding<'_> {
        Holding {
            all: self,
            of: (account.clone(), hook.to_owned()),
            counted: 0,
            bytes: Bytes::new(),
        }
    }
}

/// A body, or what was made of it; counted as long as this lives.
pub(super) struct Holding<'a> {
    all: &'a InHand,
    of: Of,
    counted: usize,
    bytes: Bytes,
}

impl Holding<'_> {
    /// Reads a body. Only bytes that have arrived are counted, so slow senders take nothing away from others.
    pub(super) async fn collect(
        mut self,
        host: &impl Host,
        body: Incoming,
        most: usize,
    ) -> Result<Self, Failure> {
        let mut share = body.share();
        let mut stream = body.into_stream(u64::try_from(most).unwrap_or(u64::MAX));
        let reading = async {
            let mut all = Gathered::default();
            while let Some(piece) = stream.next().await.transpose()? {
                if !self.count(piece.len()) || !share.grow(piece.len() as u64) {
                    return Err(Failure::busy(
                        "too many webhooks are arriving at once; send it again in a moment",
                    ));
                }
                all.push(piece);
            }
            Ok(all.finish())
        };
        let read = match select(pin!(reading), pin!(host.sleep(PATIENCE))).await {
            Either::Left((read, _)) => read?,
            Either::Right(_) => {
                return Err(Failure::new(
                    StatusCode::REQUEST_TIMEOUT,
                    format!(
                        "the body did not arrive within {} seconds",
                        PATIENCE / 1_000
                    ),
                ));
            }
        };
        self.bytes = share.keep(read);
        Ok(self)
    }

    fn count(&mut self, bytes: usize) -> bool {
        let mut counts = lock(&self.all.0);
        let own = counts.by_hook.get(&self.of).copied().unwrap_or_default();
        if counts.all + bytes > MAX_IN_HAND || own + bytes > MAX_OF_HOOK {
            return false;
        }
        counts.all += bytes;
        counts.by_hook.insert(self.of.clone(), own + bytes);
        self.counted += bytes;
        true
    }

    /// Returns the body.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut counts = lock(&self.all.0);
        counts.all = counts.all.saturating_sub(self.counted);
        if let Some(count) = counts.by_hook.get_mut(&self.of) {
            *count = count.saturating_sub(self.counted);
            if *count == 0 {
                counts.by_hook.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::Full;

    use super::*;
    use crate::kernel::incoming::{Held, MAX_HELD};
    use crate::testing::{block_on, functions};

    fn body(held: &Arc<Held>) -> Incoming {
        Incoming::new(
            Full::new(Bytes::from_static(b"four")),
            held,
            std::future::ready(()),
        )
    }

    #[test]
    fn bodies_count_among_those_of_all_requests() {
        let functions = functions();
        let (all, held) = (InHand::default(), Arc::default());
        let alice: AccountName = "alice".parse().unwrap();
        let collect = || {
            block_on(
                all.hold(&alice, "a")
                    .collect(functions.host(), body(&held), 9),
            )
        };
        let mut others = body(&held).share();
        assert!(others.grow(MAX_HELD - 7));
        let one = collect().ok().unwrap();
        let bytes = one.bytes();
        drop(one);
        // Still in use elsewhere.
        let refused = collect().err().unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        drop(bytes);
        collect().ok().unwrap();
        assert!(others.grow(7), "all of it comes back");
    }

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let all = InHand::default();
        let alice: AccountName = "alice".parse().unwrap();
        let hold = |hook: &str| all.hold(&alice, hook);
        let mut first = hold("a");
        assert!(first.count(MAX_OF_HOOK - 1) && first.count(1) && !first.count(1));
        assert!(!hold("a").count(1));
        let mut others: Vec<_> = ["b", "c", "d"].into_iter().map(hold).collect();
        assert!(others.iter_mut().all(|other| other.count(MAX_OF_HOOK)));
        assert!(!hold("e").count(1));
        drop(first);
        assert!(hold("e").count(1));
        drop(others);
        let counts = all.0.lock().unwrap();
        assert!(counts.all == 0 && counts.by_hook.is_empty());
    }
}
