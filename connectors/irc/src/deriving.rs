//! Keys of passwords are computed on other threads than those that serve connections, a few at a time for all of them.

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::{Derivation, Keys};

/// How many are computed at once: servers choose how long it takes, and after a restart all accounts sign in.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What a connection has computed; the newest only.
#[derive(Debug, Default)]
pub(crate) struct Deriving(Option<JoinHandle<(Derivation, Keys)>>);

impl Deriving {
    pub(crate) fn start(&mut self, derivation: Derivation) {
        self.stop();
        self.0 = Some(tokio::spawn(async move {
            // Nobody closes it.
            let _permit = AT_ONCE.acquire().await;
            let job = derivation.clone();
            let computed = tokio::task::spawn_blocking(move || job.run()).await;
            match computed {
                Ok(keys) => (derivation, keys),
                // It cannot panic, and a runtime that ends has nobody who waits.
                Err(_) => std::future::pending().await,
            }
        }));
    }

    /// Waits for what was started; for ever if nothing was.
    pub(crate) async fn done(&mut self) -> (Derivation, Keys) {
        if let Some(job) = &mut self.0
            && let Ok(done) = job.await
        {
            self.0 = None;
            return done;
        }
        self.0 = None;
        std::future::pending().await
    }

    /// What waits for its turn is not begun any more.
    fn stop(&mut self) {
        if let Some(job) = self.0.take() {
            job.abort();
        }
    }
}

impl Drop for Deriving {
    fn drop(&mut self) {
        self.stop();
    }
}
