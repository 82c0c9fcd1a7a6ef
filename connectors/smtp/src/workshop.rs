//! Work on foreign bytes: on threads of its own, so many at once, so long, and what panics there ends nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

/// Stack of a thread. Nothing here needs much; memory is taken only where it is used.
const STACK: usize = 16 << 20;

/// Why work has no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Broken {
    /// There was no place in time; nothing was begun.
    #[error("too much is being done at the moment")]
    Busy,
    #[error("it panicked")]
    Panicked,
    #[error("it took too long")]
    TooLong,
}

/// Places to work.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    places: Arc<Semaphore>,
    count: u32,
    limit: Duration,
}

impl Workshop {
    pub(crate) fn new(count: u32, limit: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count as usize)),
            count,
            limit,
        }
    }

    /// Does a piece of work when there is a place.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        self.start(1, work).await
    }

    /// Does a piece of work while nothing else is done here.
    pub(crate) async fn run_alone<T: Send + 'static>(
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
        let thread = std::thread::Builder::new()
            .name("foreign-mail".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(work));
                // Who took too long keeps the place until the end: there are never more threads than places.
                drop(place);
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
        let workshop = Workshop::new(2, Duration::from_secs(60));
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
}
