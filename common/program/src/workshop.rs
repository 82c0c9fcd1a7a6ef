//! Processes untrusted bytes on separate threads, limited in number and time, where a panic ends nothing else.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};

/// The stack of a thread. Nothing here needs much; memory is only used where it is touched.
const STACK: usize = 16 << 20;

/// Why a job has no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// There was no free place in time; it was not started.
    #[error("too much is being done at the moment")]
    Busy,
    /// The panic message is on stderr.
    #[error("it panicked")]
    Panicked,
    /// It may still be running.
    #[error("it took too long")]
    TooLong,
}

/// Places for jobs.
#[derive(Clone, Debug)]
pub struct Workshop {
    name: &'static str,
    places: Arc<Semaphore>,
    count: u32,
    limit: Duration,
    /// After this time a place is free again even if its job has not ended.
    given_up: Option<Duration>,
}

impl Workshop {
    /// Creates `count` places; each job may wait for one, and then take, as long as `limit`. Threads have this name.
    #[must_use]
    pub fn new(name: &'static str, count: u32, limit: Duration) -> Self {
        Self {
            name,
            places: Arc::new(Semaphore::new(count as usize)),
            count,
            limit,
            given_up: None,
        }
    }

    /// Frees a place after this time, whether its job has ended or not. Without it there are never more threads than
    /// places; with it an endless job blocks others only for a while, and continues beside them.
    #[must_use]
    pub fn giving_up_after(self, given_up: Duration) -> Self {
        Self {
            given_up: Some(given_up),
            ..self
        }
    }

    /// Runs a job when there is a place.
    ///
    /// # Errors
    /// If there was no place, or the job did not complete in time.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        self.start(1, work).await
    }

    /// Runs a job while nothing else runs here.
    ///
    /// # Errors
    /// Like [`Workshop::run`].
    pub async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        self.start(self.count, work).await
    }

    async fn start<T: Send + 'static>(
        &self,
        places: u32,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let place = Arc::clone(&self.places).acquire_many_owned(places);
        let Ok(Ok(place)) = timeout(self.limit, place).await else {
            return Err(Broken::Busy);
        };
        self.finish(place, work).await
    }

    async fn finish<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let (done, result) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        let given_up = self.given_up;
        // A job that takes too long keeps its place until it ends, whether anyone waits for it or not.
        tokio::spawn(async move {
            let given_up = async {
                match given_up {
                    Some(given_up) => sleep(given_up).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                _ = ended => {}
                () = given_up => {}
            }
            drop(place);
        });
        let thread = std::thread::Builder::new()
            .name(self.name.to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(work));
                drop(end);
                drop(done.send(result));
            });
        if thread.is_err() {
            return Err(Broken::Busy);
        }
        match timeout(self.limit, result).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(_) => Err(Broken::Panicked),
            Err(_) => Err(Broken::TooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_panic_and_an_endless_work_end_nothing_else() {
        let workshop = Workshop::new("test", 2, Duration::from_secs(60));
        let panicked: Result<(), _> = workshop.run(|| panic!("as a parser does")).await;
        assert_eq!(panicked, Err(Broken::Panicked));
        assert_eq!(workshop.run(|| 7).await, Ok(7));
        assert_eq!(workshop.run_alone(|| 8).await, Ok(8));

        let hasty = Workshop {
            limit: Duration::from_millis(20),
            ..workshop.clone()
        };
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let (go_on, wait) = mpsc::channel::<()>();
            waiting.push(go_on);
            assert_eq!(
                hasty.run(move || wait.recv().is_ok()).await,
                Err(Broken::TooLong)
            );
        }
        assert_eq!(
            hasty.run(|| 1).await,
            Err(Broken::Busy),
            "never more threads than places"
        );
        waiting.pop();
        assert_eq!(workshop.run(|| 9).await, Ok(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_whose_work_has_no_end_comes_back() {
        let limit = Duration::from_secs(20);
        let given_up = Duration::from_secs(600);
        let workshop = Workshop::new("test", 2, limit).giving_up_after(given_up);
        let mut endless = Vec::new();
        for waits in [true, false] {
            let (go_on, wait) = mpsc::channel::<()>();
            endless.push(go_on);
            let work = workshop.run(move || wait.recv().is_ok());
            if waits {
                assert_eq!(work.await, Err(Broken::TooLong));
            } else {
                // A caller that disappears in the meantime changes nothing.
                timeout(Duration::from_secs(1), work).await.unwrap_err();
            }
        }
        assert_eq!(workshop.run(|| 1).await, Err(Broken::Busy));
        sleep(given_up).await;
        tokio::time::resume();
        assert_eq!(workshop.run_alone(|| 2).await, Ok(2));
        drop(endless);
    }
}
