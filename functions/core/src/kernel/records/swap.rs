//! Compare and swap: what is written again while others write it at the same time. How often, and after which pauses, is
//! decided here alone.

use std::time::Duration;

use protocol::{Backoff, Jitter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage_adapter::{MaybeSend, ObjectStore, PutMode, StoreError};

use crate::kernel::Kernel;
use crate::kernel::host::Host;

/// How often something is read, changed and written again when others write it at the same time.
const MAX_ATTEMPTS: u32 = 12;

/// Waits after others changed it at the same time.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(640));

/// What a change of a record comes to.
pub(crate) enum Edit<R> {
    /// Write it.
    Write(R),
    /// Leave it as it is.
    Keep(R),
}

/// What a record comes to that was perhaps not there.
pub(crate) enum Change<T, R> {
    /// This is written.
    Write(T, R),
    /// Nothing is written.
    Keep(R),
}

impl<T, R> Change<T, R> {
    /// Changes a record.
    pub(crate) fn of(mut record: T, change: impl FnOnce(&mut T) -> Edit<R>) -> Self {
        match change(&mut record) {
            Edit::Write(result) => Self::Write(record, result),
            Edit::Keep(result) => Self::Keep(result),
        }
    }
}

/// The attempts of one compare-and-swap.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    made: u32,
    /// The pauses are those after so many more.
    slower: u32,
}

impl Attempts {
    /// Attempts whose pauses are longer from the beginning: those after so many more.
    pub(crate) const fn slower(slower: u32) -> Self {
        Self { made: 0, slower }
    }
}

impl<S: ObjectStore, H: Host> Kernel<S, H> {
    /// Returns whether to try, or to try once more. Between attempts it waits, a little longer after every one.
    pub(crate) async fn attempt(&self, attempts: &mut Attempts) -> bool {
        if attempts.made >= MAX_ATTEMPTS {
            return false;
        }
        if let Some(lost) = attempts.made.checked_sub(1) {
            self.back_off(lost + attempts.slower).await;
        }
        attempts.made += 1;
        true
    }

    /// Changes a record by compare-and-swap; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Precondition`] if others were quicker each time.
    pub(crate) async fn edit<T, R>(
        &self,
        key: &str,
        mut change: impl FnMut(&mut T) -> Edit<R> + MaybeSend,
    ) -> Result<Option<R>, StoreError>
    where
        T: Serialize + DeserializeOwned + MaybeSend + Sync,
        R: MaybeSend,
    {
        let mut change = |record: &mut T| match change(record) {
            Edit::Write(result) => Edit::Write(Some(result)),
            Edit::Keep(result) => Edit::Keep(Some(result)),
        };
        self.update(key, |record| match record {
            Some(record) => Change::of(record, &mut change),
            None => Change::Keep(None),
        })
        .await
    }

    /// Changes a record by compare-and-swap, or makes it.
    ///
    /// # Errors
    /// [`StoreError::Precondition`] if others were quicker each time.
    pub(crate) async fn update<T, R>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> Change<T, R> + MaybeSend,
    ) -> Result<R, StoreError>
    where
        T: Serialize + DeserializeOwned + MaybeSend + Sync,
        R: MaybeSend,
    {
        let mut attempts = Attempts::default();
        while self.attempt(&mut attempts).await {
            let (record, mode) = match self.load::<T>(key).await? {
                Some((record, etag)) => (Some(record), PutMode::IfMatch(etag)),
                None => (None, PutMode::IfAbsent),
            };
            if let Some(result) = self.swap(key, change(record), mode).await? {
                return Ok(result);
            }
        }
        Err(StoreError::Precondition)
    }

    /// As [`Self::update`], of a note to ourselves: one that is damaged must not stop what it is a note of, and starts over.
    pub(crate) async fn update_note<T, R>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> Change<T, R> + MaybeSend,
    ) -> Result<R, StoreError>
    where
        T: Serialize + DeserializeOwned + MaybeSend + Sync,
        R: MaybeSend,
    {
        let mut attempts = Attempts::default();
        while self.attempt(&mut attempts).await {
            let (note, mode) = self.load_note::<T>(key).await?;
            if let Some(result) = self.swap(key, change(note), mode).await? {
                return Ok(result);
            }
        }
        Err(StoreError::Precondition)
    }

    /// As [`Self::update_note`], of a note that begins with the default.
    pub(crate) async fn upsert<T, R>(
        &self,
        key: &str,
        mut change: impl FnMut(&mut T) -> Edit<R> + MaybeSend,
    ) -> Result<R, StoreError>
    where
        T: Default + Serialize + DeserializeOwned + MaybeSend + Sync,
        R: MaybeSend,
    {
        self.update_note(key, |note: Option<T>| {
            Change::of(note.unwrap_or_default(), &mut change)
        })
        .await
    }

    /// Writes what was changed; `None` if others were quicker.
    pub(crate) async fn swap<T: Serialize + MaybeSend + Sync, R>(
        &self,
        key: &str,
        change: Change<T, R>,
        mode: PutMode,
    ) -> Result<Option<R>, StoreError> {
        let (record, result) = match change {
            Change::Keep(result) => return Ok(Some(result)),
            Change::Write(record, result) => (record, result),
        };
        match self.store(key, &record, mode).await {
            Ok(_) => Ok(Some(result)),
            Err(StoreError::Precondition) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits a little longer after every attempt, with jitter.
    pub(crate) async fn back_off(&self, attempt: u32) {
        let [random] = self.random::<1>();
        // Repeated, a byte is as even as a number of 64 bits.
        let random = u64::from_ne_bytes([random; 8]);
        let pause = Jitter::Equal.of(BACKOFF.after(attempt), random);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.storage.host().sleep(millis).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{block_on, functions};

    #[test]
    fn whoever_is_never_quick_enough_gives_up() {
        let f = functions();
        let (mut tries, key) = (0, "counter.json");
        let change = |number: Option<u32>| {
            tries += 1;
            // Others are quicker.
            block_on(f.kernel.store(key, &tries, PutMode::Overwrite)).unwrap();
            Change::Write(number.unwrap_or_default(), ())
        };
        let lost = block_on(f.kernel.update(key, change));
        assert!(matches!(lost, Err(StoreError::Precondition)), "{lost:?}");
        assert_eq!(tries, MAX_ATTEMPTS);
        let change = |number: Option<u32>| {
            Change::of(number.unwrap(), |number| {
                *number += 1;
                Edit::Write(*number)
            })
        };
        assert_eq!(block_on(f.kernel.update(key, change)).unwrap(), tries + 1);
        let change = |number: &mut u32| Edit::Keep(*number);
        assert_eq!(
            block_on(f.kernel.edit(key, change)).unwrap(),
            Some(tries + 1)
        );
        assert_eq!(block_on(f.kernel.edit("none.json", change)).unwrap(), None);
    }
}
