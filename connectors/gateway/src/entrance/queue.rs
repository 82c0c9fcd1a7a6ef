//! What an attached program is to be told: a queue that is bounded in number and in bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use program::Seldom;
use protocol::{Activity, RoomSpelling};
use tokio::sync::{Notify, mpsc};

use super::News;
use crate::clients::{Admitted, Answer, Aspect, Client, json_length};
use crate::config::Limits;
use crate::sockets::unread::Unread;
use mutex::lock;

static NOT_READING: Seldom = Seldom::new();

/// An attached program, as connections and sessions know it.
#[derive(Debug)]
pub(super) struct Queue {
    admitted: Admitted,
    news: mpsc::Sender<(usize, News)>,
    end: Arc<End>,
}

/// Shared by both ends of the queue.
#[derive(Debug)]
struct End {
    unread: Unread,
    over: AtomicBool,
    /// Why it ended; taken by the reader.
    why: Mutex<Option<String>>,
    notify: Notify,
}

/// The program's end of the queue.
#[derive(Debug)]
pub(super) struct Reading {
    news: mpsc::Receiver<(usize, News)>,
    end: Arc<End>,
}

impl Queue {
    pub(super) fn new(admitted: Admitted, limits: &Limits) -> (Arc<Self>, Reading) {
        let (news, told) = mpsc::channel(limits.socket_queue.max(1));
        let end = Arc::new(End {
            unread: Unread::new(limits.socket_bytes),
            over: AtomicBool::new(false),
            why: Mutex::default(),
            notify: Notify::new(),
        });
        let queue = Self {
            admitted,
            news,
            end: Arc::clone(&end),
        };
        (Arc::new(queue), Reading { news: told, end })
    }

    fn push(&self, activity: &Activity, news: impl FnOnce(Box<Activity>) -> News) {
        if self.end.over.load(Ordering::SeqCst) {
            return;
        }
        let size = json_length(activity);
        let fits = self.end.unread.add(size).is_ok();
        if fits
            && self
                .news
                .try_send((size, news(Box::new(activity.clone()))))
                .is_ok()
        {
            return;
        }
        if self.news.is_closed() {
            return;
        }
        if let Some(left_out) = NOT_READING.say() {
            let account = self.admitted.account();
            tracing::info!(%account, left_out, "a member's program does not read; it is disconnected");
        }
        self.end("you don't read fast enough");
    }
}

impl Client for Queue {
    fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    fn show(&self, activity: &Activity, aspect: &Aspect<'_>) {
        let missed = aspect.missed;
        self.push(activity, |activity| News::Activity { activity, missed });
    }

    /// Programs spell rooms as the gateway does.
    fn spells(&self, _: RoomSpelling) {}

    fn end(&self, why: &str) {
        if !self.end.over.swap(true, Ordering::SeqCst) {
            *lock(&self.end.why) = Some(why.to_owned());
            self.end.notify.notify_one();
        }
    }
}

impl Reading {
    pub(super) async fn next(&mut self) -> News {
        loop {
            if self.end.over.load(Ordering::SeqCst) {
                let why = lock(&self.end.why).take();
                return News::Ended(why.unwrap_or_default());
            }
            tokio::select! {
                biased;
                () = self.end.notify.notified() => {}
                Some((size, news)) = self.news.recv() => {
                    self.end.unread.written(size);
                    return news;
                }
            }
        }
    }
}

/// A request whose answer goes through the queue.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) queue: Arc<Queue>,
    pub(super) request: u64,
}

impl Answer for Awaited {
    fn answer(self: Box<Self>, activity: &Activity, _: &Aspect<'_>) {
        self.tell(activity);
    }
}

impl Awaited {
    /// Answers that the request was not sent; one sentence saying why.
    pub(super) fn refuse(&self, mut activity: Activity, error: &str) {
        activity.error = Some(error.to_owned());
        self.tell(&activity);
    }

    fn tell(&self, activity: &Activity) {
        let request = self.request;
        self.queue
            .push(activity, |activity| News::Answer { request, activity });
    }
}

#[cfg(test)]
mod tests {
    use protocol::{SessionRef, Timestamp};

    use super::*;

    fn queue(limits: &Limits) -> (Arc<Queue>, Reading) {
        let session = SessionRef {
            account: "alice".parse().unwrap(),
            grant: None,
            since: Timestamp::from_millis(0),
        };
        let admitted = Admitted {
            id: 1,
            session,
            full: true,
        };
        Queue::new(admitted, limits)
    }

    fn tell(queue: &Arc<Queue>, request: u64) {
        let awaited = Awaited {
            queue: Arc::clone(queue),
            request,
        };
        awaited.refuse(Activity::default(), "x".repeat(100).as_str());
    }

    #[tokio::test]
    async fn who_does_not_read_is_let_go_and_who_reads_gets_everything() {
        let few = Limits {
            socket_queue: 4,
            ..Limits::default()
        };
        let small = Limits {
            socket_bytes: 500,
            ..Limits::default()
        };
        for limits in [few, small] {
            let (queue, mut reading) = queue(&limits);
            for request in 0..100 {
                tell(&queue, request);
                let news = reading.next().await;
                assert!(matches!(news, News::Answer { request: r, .. } if r == request));
            }
            for request in 0..100 {
                tell(&queue, request);
            }
            assert!(matches!(reading.next().await, News::Ended(why) if why.contains("read")));
        }
    }

    #[tokio::test]
    async fn the_end_is_told_before_everything_else() {
        let (queue, mut reading) = queue(&Limits::default());
        tell(&queue, 1);
        queue.end("signed out");
        queue.end("later");
        tell(&queue, 2);
        assert!(matches!(reading.next().await, News::Ended(why) if why == "signed out"));
    }
}
