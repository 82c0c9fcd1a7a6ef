//! Prepares a mail before it is sent, with a note so that it cannot end the process again and again.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use connector_kit::now;
use program::{Broken, Seldom};

use super::store::Envelope;
use super::{Event, Outgoing, blocking};

static NOT_PREPARED: Seldom = Seldom::new();

/// The result of preparing a mail.
pub(super) enum Prepared {
    /// The mail, signed if possible.
    Ready(Box<(Envelope, Result<Vec<u8>, String>)>),
    Later(String),
    /// Its outcome is known already.
    Gone,
}

impl Outgoing {
    /// Reads and signs a mail. The start of an attempt is made durable beforehand, and its end is noted whatever the
    /// result, unless there is none.
    pub(super) async fn prepare(&self, id: &str, alone: bool) -> std::io::Result<Prepared> {
        let (store, name) = (Arc::clone(&self.store), id.to_owned());
        let begun = blocking(move || match store.done(&name) {
            // A bounce settled it.
            Ok(_) => Ok(false),
            Err(_) => store.begin(&name).map(|()| true),
        });
        if !begun.await? {
            return Ok(Prepared::Gone);
        }
        let (store, name) = (Arc::clone(&self.store), id.to_owned());
        let dkim = self.config.dkim.clone();
        let work = move || -> std::io::Result<_> {
            let (envelope, bytes) = store.read(&name)?;
            // Signed again each time: the key may have changed since it was accepted.
            let signed = dkim.map(|dkim| dkim.sign(&bytes));
            Ok((envelope, signed.unwrap_or(Ok(bytes))))
        };
        let done = if alone {
            self.workshop.run_alone(work).await
        } else {
            self.workshop.run(work).await
        };
        let (store, name) = (Arc::clone(&self.store), id.to_owned());
        match done {
            Ok(read) => {
                blocking(move || store.end(&name)).await?;
                read.map(|read| Prepared::Ready(Box::new(read)))
            }
            Err(Broken::Busy) => {
                blocking(move || store.end(&name)).await?;
                Ok(Prepared::Later(Broken::Busy.to_string()))
            }
            Err(reason) => {
                if let Some(left_out) = NOT_PREPARED.say() {
                    tracing::error!(
                        id,
                        %reason,
                        left_out,
                        "a mail could not be prepared; it is kept aside in broken/"
                    );
                }
                blocking(move || store.set_aside(&name, now())).await?;
                self.counts.failed.fetch_add(1, Relaxed);
                drop(self.events.send(Event::Tell(id.to_owned())));
                Ok(Prepared::Gone)
            }
        }
    }
}
