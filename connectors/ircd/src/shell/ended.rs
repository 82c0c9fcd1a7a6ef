//! Checks every few seconds whether credentials of signed-in clients stopped being valid, and has those clients
//! disconnected.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use program::Seldom;
use protocol::{MAX_SESSIONS_ASKED, SessionRef};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::engine::Input;
use crate::accounts::Accounts;

/// How often to check whether any credentials ended.
const PAUSE: Duration = Duration::from_secs(5);

/// How long to repeat the check after some ended: a password verified just before may still sign someone in just
/// after.
const AFTER: Duration = Duration::from_secs(30);

/// How often all credentials are checked in any case: grants expire by themselves.
const ALL: Duration = Duration::from_secs(300);

static NOT_ASKED: Seldom = Seldom::new();

/// Runs until the engine ends.
pub(super) async fn watch(accounts: Arc<dyn Accounts>, engine: mpsc::Sender<Input>) {
    let mut version = None;
    let mut asked = Instant::now();
    let mut until = asked;
    loop {
        sleep(PAUSE).await;
        match accounts.version().await {
            Ok(now) => {
                if version.as_ref() != Some(&now) {
                    until = Instant::now() + AFTER;
                    version = Some(now);
                }
            }
            Err(reason) => {
                // Connected clients stay: it is not known that anything ended.
                complain(&reason);
                continue;
            }
        }
        if Instant::now() > until && asked.elapsed() < ALL {
            continue;
        }
        asked = Instant::now();
        let (tell, told) = oneshot::channel();
        if engine.send(Input::SignedIn { tell }).await.is_err() {
            return;
        }
        let Ok(sessions) = told.await else {
            return;
        };
        let sessions: Vec<SessionRef> = sessions.into_iter().collect();
        for part in sessions.chunks(MAX_SESSIONS_ASKED) {
            match accounts.ended(part.to_vec()).await {
                Ok(ended) if ended.is_empty() => {}
                Ok(ended) => {
                    let sessions: BTreeSet<SessionRef> = ended.into_iter().collect();
                    if engine.send(Input::Ended { sessions }).await.is_err() {
                        return;
                    }
                }
                Err(reason) => {
                    complain(&reason);
                    // All of them are checked the next time.
                    version = None;
                    break;
                }
            }
        }
    }
}

fn complain(reason: &str) {
    if let Some(left_out) = NOT_ASKED.say() {
        tracing::warn!(
            reason,
            left_out,
            "the IRC server cannot find out which sessions have ended"
        );
    }
}
