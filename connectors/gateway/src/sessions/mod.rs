//! Ends the sockets of sessions that have ended, for whatever reason: the functions are asked which of the sessions
//! open here are over.
//!
//! They are asked when a socket connects, when they report a change to an account, as soon as their version number
//! for ended sessions changes, and otherwise periodically, for sessions that expire.
//!
//! While they cannot be reached, a session or call stays trusted for [`crate::Limits::believed`] after the last
//! confirmation, both for open sockets and for reconnecting ones. Then it is closed, since we may have missed its
//! end. A ticket alone, for which the functions have never confirmed anything, admits nobody.

mod known;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{AccountName, MAX_SESSIONS_ASKED, SessionRef, SessionsAnswer, SessionsQuery};
use tokio::time::Instant;

use self::known::{Grounds, Known};
use crate::calls::{Calls, UNCONFIRMED as CALL_UNCONFIRMED};
use crate::config::Limits;
use crate::hub::Hub;
use crate::sockets::{SESSION_OVER, SESSION_UNCONFIRMED};
use connector_kit::{FunctionsClient, FunctionsError, jitter};
use mutex::lock;
use program::Seldom;

/// How long a connecting socket, or someone waiting for a change, waits for the functions.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the functions are asked although nothing seems to have ended.
const ASK_ALL: Duration = Duration::from_secs(300);
/// Maximum delay before the functions are asked again after giving no answer.
const RETRY: Duration = Duration::from_secs(2);

static UNCONFIRMED: Seldom = Seldom::new();
static CLOSED: Seldom = Seldom::new();

/// Which sessions the functions are asked about.
#[derive(Clone, Copy)]
enum About<'a> {
    All,
    Account(&'a AccountName),
    Call(&'a str),
}

/// Why a socket may not be admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// The session has ended.
    Over,
    /// The call has ended.
    CallOver,
    /// The functions cannot be reached, and have not confirmed it recently.
    Unconfirmed,
}

/// Ends the sockets of sessions that have ended.
pub(crate) struct Sessions {
    client: FunctionsClient,
    hub: Arc<Hub>,
    calls: Arc<Calls>,
    /// How often the functions are asked.
    pause: Duration,
    /// How long their confirmation stays trusted.
    believed: Duration,
    known: Mutex<Known>,
}

impl Sessions {
    pub(crate) fn new(
        client: FunctionsClient,
        hub: Arc<Hub>,
        calls: Arc<Calls>,
        limits: &Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            hub,
            calls,
            pause: limits.sessions,
            believed: limits.believed,
            known: Mutex::default(),
        })
    }

    /// Ends sockets whose session has ended, for as long as the gateway runs.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut seen = None;
        let mut asked = Instant::now();
        let mut complained = None;
        loop {
            let pause = match complained {
                Some(_) => self.pause.min(RETRY),
                None => self.pause,
            };
            tokio::time::sleep(pause + jitter(pause / 2)).await;
            if !self.has_sessions(About::All) {
                // Sockets that connect are checked anyway.
                seen = None;
                continue;
            }
            let started = Instant::now();
            let result = match in_time(self.client.sessions_version()).await {
                Ok(version) if seen.as_ref() == Some(&version) && asked.elapsed() < ASK_ALL => {
                    self.confirm_all(started);
                    Ok(version)
                }
                Ok(version) => {
                    if seen.as_ref().is_some_and(|seen| *seen != version) {
                        // Accounts may have been disabled or enabled.
                        self.hub.refresh_soon();
                    }
                    let checked = self.check(About::All).await;
                    if checked.is_ok() {
                        asked = started;
                    }
                    checked
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(version) => {
                    seen = Some(version);
                    complained = None;
                }
                Err(error) => {
                    self.end_unconfirmed();
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "the functions do not say which sessions have ended; retrying"
                        );
                        complained = Some(text);
                    }
                }
            }
        }
    }

    /// Asks about open sessions, ends those that are over, and returns the functions' version number.
    async fn check(&self, about: About<'_>) -> Result<String, FunctionsError> {
        let (sessions, calls) = self.sessions(about);
        let mut version = None;
        let most = MAX_SESSIONS_ASKED;
        let rounds = sessions.len().max(calls.len()).div_ceil(most);
        let part = |of: usize, round: usize| (round * most).min(of)..((round + 1) * most).min(of);
        for round in 0..rounds {
            let query = SessionsQuery {
                sessions: sessions[part(sessions.len(), round)].to_vec(),
                calls: calls[part(calls.len(), round)].to_vec(),
            };
            let answer = self.ask(&query).await?;
            // The first answer is the oldest: anything that ended since changes the version again.
            version.get_or_insert(answer.version);
        }
        Ok(version.unwrap_or_default())
    }

    /// Asks about these, and ends those that are over.
    async fn ask(&self, query: &SessionsQuery) -> Result<SessionsAnswer, FunctionsError> {
        let asked = Instant::now();
        let answer = self.client.sessions(query).await?;
        for session in &answer.ended {
            self.end(session);
        }
        for call in &answer.ended_calls {
            self.end_call(call);
        }
        let goes_on = |session: &&SessionRef| !answer.ended.contains(*session);
        let sessions = query.sessions.iter().filter(goes_on);
        let call_goes_on = |call: &&String| !answer.ended_calls.contains(*call);
        let calls = query.calls.iter().filter(call_goes_on);
        let mut known = lock(&self.known);
        for grounds in sessions.map(Grounds::from).chain(calls.map(Grounds::from)) {
            known.confirm(grounds, asked);
        }
        Ok(answer)
    }

    /// Nothing has ended: everything confirmed before is still valid as of the time of the question.
    fn confirm_all(&self, asked: Instant) {
        let (sessions, calls) = self.sessions(About::All);
        let sessions = sessions.iter().map(Grounds::from);
        let mut known = lock(&self.known);
        for grounds in sessions.chain(calls.iter().map(Grounds::from)) {
            // Others are being asked about.
            if known.is_confirmed(&grounds, None) {
                known.confirm(grounds, asked);
            }
        }
    }

    /// Returns whether it was confirmed so recently that it stays trusted while the functions cannot be reached.
    fn is_believed(&self, grounds: &Grounds) -> bool {
        let since = Instant::now().checked_sub(self.believed);
        lock(&self.known).is_confirmed(grounds, since)
    }

    /// Checks whether a socket with this session or call may be admitted.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) async fn vouched(
        &self,
        session: Option<&SessionRef>,
        call: Option<&str>,
    ) -> Result<(), Refusal> {
        let query = SessionsQuery {
            sessions: session.cloned().into_iter().collect(),
            calls: call.map(str::to_owned).into_iter().collect(),
        };
        // Of both, the session is named: without it a new link would be of no use.
        let sessions = query.sessions.iter().map(Grounds::from);
        let sessions = sessions.map(|one| (one, Refusal::Over));
        let calls = query.calls.iter().map(Grounds::from);
        let calls = calls.map(|one| (one, Refusal::CallOver));
        let grounds: Vec<(Grounds, Refusal)> = sessions.chain(calls).collect();
        let ended = || {
            let (known, now) = (lock(&self.known), Instant::now());
            let ended = grounds.iter().find(|(one, _)| known.has_ended(one, now));
            ended.map_or(Ok(()), |(_, refusal)| Err(*refusal))
        };
        ended()?;
        let ask = async {
            let _place = self.hub.fetch_permit().await;
            self.ask(&query).await
        };
        let answer = in_time(ask).await;
        // It may have ended after they answered.
        ended()?;
        match answer {
            Ok(answer) if !answer.ended.is_empty() => Err(Refusal::Over),
            Ok(answer) if !answer.ended_calls.is_empty() => Err(Refusal::CallOver),
            Ok(_) => Ok(()),
            Err(_) if grounds.iter().all(|(one, _)| self.is_believed(one)) => Ok(()),
            Err(error) => {
                if let Some(left_out) = UNCONFIRMED.say() {
                    tracing::warn!(
                        %error,
                        left_out,
                        "refusing a socket: the functions do not say whether its session is still valid"
                    );
                }
                Err(Refusal::Unconfirmed)
            }
        }
    }

    fn has_sessions(&self, about: About<'_>) -> bool {
        let (sessions, calls) = self.sessions(about);
        !sessions.is_empty() || !calls.is_empty()
    }

    /// Returns the sessions that admitted the open sockets, and the calls in progress.
    fn sessions(&self, about: About<'_>) -> (Vec<SessionRef>, Vec<String>) {
        let meant = |account: &AccountName| match about {
            About::All => true,
            About::Account(only) => account == only,
            About::Call(_) => false,
        };
        let mut sessions = self.hub.sessions(meant);
        let (in_calls, mut calls) = self.calls.sessions();
        sessions.extend(
            in_calls
                .into_iter()
                .filter(|session| meant(&session.account)),
        );
        match about {
            About::All => {}
            About::Account(_) => calls.clear(),
            About::Call(only) => calls = vec![only.to_owned()],
        }
        sessions.sort();
        // A session with several sockets is asked about once.
        sessions.dedup_by(|a, b| {
            a.account == b.account
                && a.grant == b.grant
                && (a.grant.is_some() || a.since == b.since)
        });
        (sessions, calls)
    }

    /// Ends the sockets a session admitted, and rejects its tickets from now on.
    fn end(&self, session: &SessionRef) {
        lock(&self.known).end(Grounds::from(session), Instant::now());
        let ends = |other: &SessionRef| {
            other.account == session.account
                && other.grant == session.grant
                && (session.grant.is_some() || other.since == session.since)
        };
        for client in self.hub.clients(&session.account, ends) {
            client.end(SESSION_OVER);
        }
        self.calls.end_session(ends, SESSION_OVER);
    }

    /// Ends a call, and rejects its tickets from now on.
    fn end_call(&self, call: &str) {
        lock(&self.known).end(Grounds::Call(call.to_owned()), Instant::now());
        self.calls.end(call);
    }

    /// Closes what the functions have not confirmed for too long. It may come back once they can be reached.
    fn end_unconfirmed(&self) {
        let (sessions, calls) = self.sessions(About::All);
        for call in calls {
            if !self.is_believed(&Grounds::from(&call)) {
                self.calls.close(&call, CALL_UNCONFIRMED);
            }
        }
        let mut closed = 0;
        for session in sessions {
            if self.is_believed(&Grounds::from(&session)) {
                continue;
            }
            let ends = |other: &SessionRef| {
                other.account == session.account && other.grant == session.grant
            };
            for client in self.hub.clients(&session.account, ends) {
                client.end(SESSION_UNCONFIRMED);
                closed += 1;
            }
            self.calls.end_session(ends, SESSION_UNCONFIRMED);
        }
        if closed > 0
            && let Some(left_out) = CLOSED.say()
        {
            tracing::warn!(
                closed,
                left_out,
                "closing sockets: the functions have not confirmed their sessions for too long"
            );
        }
    }

    /// An account's connections or sessions changed; the change is known here when this returns.
    pub(crate) async fn account_changed(
        &self,
        account: &AccountName,
    ) -> Result<(), FunctionsError> {
        lock(&self.known)
            .doubt(|grounds| matches!(grounds, Grounds::Session(whose, _) if whose == account));
        let sessions = async {
            if self.has_sessions(About::Account(account)) {
                self.check_changed(About::Account(account)).await?;
            }
            Ok(())
        };
        let (connections, sessions) = tokio::join!(self.hub.fetch_changed(account), sessions);
        connections.and(sessions)
    }

    /// A call ended.
    pub(crate) async fn call_changed(&self, call: &str) -> Result<(), FunctionsError> {
        lock(&self.known).doubt(|grounds| matches!(grounds, Grounds::Call(id) if id == call));
        self.check_changed(About::Call(call)).await
    }

    /// Asks about a change. If there is no answer, it may have been an end, and the sockets are closed.
    async fn check_changed(&self, about: About<'_>) -> Result<(), FunctionsError> {
        let checked = in_time(self.check(about)).await;
        if checked.is_err() {
            self.end_unconfirmed();
        }
        checked.map(drop)
    }
}

/// Waits for the functions' answer, for a limited time.
async fn in_time<T>(
    asked: impl Future<Output = Result<T, FunctionsError>>,
) -> Result<T, FunctionsError> {
    let answer = tokio::time::timeout(ASK_TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| {
        let seconds = ASK_TIMEOUT.as_secs();
        let text = format!("no answer within {seconds} seconds");
        Err(FunctionsError::Silent(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn functions_that_say_nothing_are_not_waited_for_long() {
        let begun = Instant::now();
        let answer = in_time(std::future::pending::<Result<(), _>>()).await;
        assert!(
            matches!(answer, Err(FunctionsError::Silent(_))),
            "{answer:?}"
        );
        assert_eq!(begun.elapsed().as_secs(), ASK_TIMEOUT.as_secs());
    }
}
