//! Disks that are full or broken, and processes that end, at each operation on the disk.
#![allow(
    clippy::unwrap_used,
    reason = "a poisoned lock is a test that failed: it is only used by tests"
)]

use std::io;
use std::sync::{Arc, Mutex};

use crate::Space;
use crate::disk::{Disk, Faults, Step};

/// Which steps fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Only steps of this kind; any if `None`.
    pub step: Option<Step>,
    /// How many of them still succeed.
    pub after: usize,
    /// How many of them fail after that.
    pub times: usize,
    /// The disk's error.
    pub kind: io::ErrorKind,
    /// The process ends there: the current step is done in part, and nothing is cleaned up.
    pub kills: bool,
}

impl Fault {
    /// The next step of a kind fails, once.
    #[must_use]
    pub const fn at(step: Step, kind: io::ErrorKind) -> Self {
        Self {
            step: Some(step),
            after: 0,
            times: 1,
            kind,
            kills: false,
        }
    }

    /// After this many steps, this many fail.
    #[must_use]
    pub const fn after(after: usize, times: usize, kind: io::ErrorKind) -> Self {
        Self {
            step: None,
            after,
            times,
            kind,
            kills: false,
        }
    }

    /// After this many steps the process ends.
    #[must_use]
    pub const fn kill(after: usize) -> Self {
        Self {
            step: None,
            after,
            times: usize::MAX,
            kind: io::ErrorKind::Interrupted,
            kills: true,
        }
    }
}

/// All the ways in which keeping a file can fail.
pub fn ways_to_fail() -> impl Iterator<Item = Fault> {
    use io::ErrorKind::{Other, StorageFull};
    [
        (Step::Create, 0, StorageFull),
        (Step::Write, 0, StorageFull),
        (Step::Write, 1, StorageFull),
        (Step::Sync, 0, Other),
        (Step::Rename, 0, StorageFull),
        (Step::SyncFolder, 0, Other),
    ]
    .into_iter()
    .map(|(step, after, kind)| Fault {
        after,
        ..Fault::at(step, kind)
    })
}

/// The faults, which can be changed. Clones share the plan.
#[derive(Clone, Debug, Default)]
pub struct Plan(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    failed: usize,
    space: Option<Space>,
}

impl Plan {
    /// The disk that follows the plan.
    #[must_use]
    pub fn disk(&self) -> Disk {
        Disk::failing(Arc::new(self.clone()))
    }

    /// Makes steps fail from now on.
    pub fn set(&self, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        (state.fault, state.failed) = (Some(fault), 0);
    }

    /// Simulates this much free space from now on, or reports the real one again.
    pub fn leave(&self, space: Option<Space>) {
        self.0.lock().unwrap().space = space;
    }

    /// Ends all faults; returns how many steps failed.
    pub fn clear(&self) -> usize {
        let mut state = self.0.lock().unwrap();
        state.fault = None;
        std::mem::take(&mut state.failed)
    }
}

impl Faults for Plan {
    fn before(&self, step: Step) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let State { fault, failed, .. } = &mut *state;
        let Some(now) = fault else { return Ok(()) };
        let spared = step == Step::Discard && !now.kills;
        if spared || now.step.is_some_and(|wanted| wanted != step) {
            return Ok(());
        }
        if now.after > 0 {
            now.after -= 1;
            return Ok(());
        }
        let error = now.kind.into();
        now.times = now.times.saturating_sub(1);
        if now.times == 0 {
            *fault = None;
        }
        *failed += 1;
        Err(error)
    }

    fn space(&self) -> Option<Space> {
        self.0.lock().unwrap().space
    }
}
