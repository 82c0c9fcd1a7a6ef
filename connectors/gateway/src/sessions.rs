//! Whatever ends a session ends its sockets: the functions are asked which of those that are here are over.
//!
//! They are asked when a socket comes, when the functions say that something of an account changed, as soon as their
//! version of what ended changes, and otherwise from time to time, for sessions that expire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{AccountName, MAX_SESSIONS_ASKED, SessionRef, SessionsQuery};
use tokio::time::Instant;

use crate::calls::Calls;
use crate::hub::Hub;
use crate::sockets::SESSION_OVER;
use crate::sync::lock;
use connector_kit::{FunctionsClient, FunctionsError, jitter};

/// How long a socket that comes waits for the functions' word before it is believed by its ticket alone.
const VOUCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How often they are asked although nothing seems to have ended.
const ASK_ALL: Duration = Duration::from_secs(300);
/// How long it is remembered that a session has ended: longer than tickets live.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Sessions of which that is remembered.
const MAX_REMEMBERED: usize = 10_000;
/// About whom the functions are asked.
#[derive(Clone, Copy)]
enum About<'a> {
    All,
    Account(&'a AccountName),
    Call(&'a str),
}

/// Sessions that have ended lately.
#[derive(Default)]
struct Ended(HashMap<(AccountName, String), Instant>);

impl Ended {
    fn note(&mut self, session: &SessionRef) {
        let Some(grant) = session.grant.clone() else {
            return;
        };
        let now = Instant::now();
        if self.0.len() >= MAX_REMEMBERED {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < MAX_REMEMBERED {
            let key = (session.account.clone(), grant);
            self.0.insert(key, now + REMEMBERED);
        }
    }

    fn has(&self, session: &SessionRef) -> bool {
        let Some(grant) = session.grant.clone() else {
            return false;
        };
        let until = self.0.get(&(session.account.clone(), grant));
        until.is_some_and(|until| *until > Instant::now())
    }
}

/// Ends the sockets of sessions that have ended.
pub(crate) struct Sessions {
    client: FunctionsClient,
    hub: Arc<Hub>,
    calls: Arc<Calls>,
    /// How often the functions are asked.
    pause: Duration,
    ended: Mutex<Ended>,
}

impl Sessions {
    /// `pause`: how often the functions are asked whether something has ended.
    pub(crate) fn new(
        client: FunctionsClient,
        hub: Arc<Hub>,
        calls: Arc<Calls>,
        pause: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            hub,
            calls,
            pause,
            ended: Mutex::default(),
        })
    }

    /// Ends what has ended, for as long as the gateway runs.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut seen = None;
        let mut asked = Instant::now();
        let mut complained = None;
        loop {
            tokio::time::sleep(self.pause + jitter(self.pause / 2)).await;
            if !self.has_sessions(About::All) {
                // Whoever comes is asked about anyway.
                seen = None;
                continue;
            }
            let result = match self.client.sessions_version().await {
                Ok(version) if seen.as_ref() == Some(&version) && asked.elapsed() < ASK_ALL => {
                    continue;
                }
                Ok(version) => {
                    if seen.as_ref().is_some_and(|seen| *seen != version) {
                        // Accounts may have been disabled or enabled.
                        self.hub.refresh_soon();
                    }
                    self.check(About::All).await
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(version) => {
                    seen = Some(version);
                    asked = Instant::now();
                    complained = None;
                }
                Err(error) => {
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::warn!(
                            error = text,
                            "the functions do not say which sessions have ended; trying again"
                        );
                        complained = Some(text);
                    }
                }
            }
        }
    }

    /// Asks about those that are here, ends those that are over, and returns the functions' version.
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
            let answer = self.client.sessions(&query).await?;
            for session in &answer.ended {
                self.end(session);
            }
            for call in &answer.ended_calls {
                self.calls.end(call);
            }
            // The first is the oldest: what ended since changes it again.
            version.get_or_insert(answer.version);
        }
        Ok(version.unwrap_or_default())
    }

    /// Whether a socket that comes with this may come in. If the functions cannot be asked its ticket is enough.
    pub(crate) async fn vouched(&self, session: Option<&SessionRef>, call: Option<&str>) -> bool {
        if session.is_some_and(|session| lock(&self.ended).has(session)) {
            return false;
        }
        let query = SessionsQuery {
            sessions: session.cloned().into_iter().collect(),
            calls: call.map(str::to_owned).into_iter().collect(),
        };
        let ask = async {
            let _place = self.hub.fetch_permit().await;
            self.client.sessions(&query).await
        };
        match tokio::time::timeout(VOUCH_TIMEOUT, ask).await {
            Ok(Ok(answer)) => {
                for session in &answer.ended {
                    self.end(session);
                }
                for call in &answer.ended_calls {
                    self.calls.end(call);
                }
                answer.ended.is_empty() && answer.ended_calls.is_empty()
            }
            _ => true,
        }
    }

    fn has_sessions(&self, about: About<'_>) -> bool {
        let (sessions, calls) = self.sessions(about);
        !sessions.is_empty() || !calls.is_empty()
    }

    /// Returns by what those that are here were let in, and the calls that are going on.
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
        // One session with several sockets is asked about once.
        sessions.dedup_by(|a, b| {
            a.account == b.account
                && a.grant == b.grant
                && (a.grant.is_some() || a.since == b.since)
        });
        (sessions, calls)
    }

    /// Ends the sockets that were let in by it, and takes its tickets no more.
    fn end(&self, session: &SessionRef) {
        lock(&self.ended).note(session);
        let ends = |other: &SessionRef| {
            other.account == session.account
                && other.grant == session.grant
                && (session.grant.is_some() || other.since == session.since)
        };
        for client in self.hub.clients(&session.account, ends) {
            client.end(SESSION_OVER);
        }
        self.calls.end_session(ends);
    }

    /// Connections or sessions of an account changed: knows them when it returns.
    pub(crate) async fn account_changed(
        &self,
        account: &AccountName,
    ) -> Result<(), FunctionsError> {
        let sessions = async {
            if self.has_sessions(About::Account(account)) {
                self.check(About::Account(account)).await?;
            }
            Ok(())
        };
        let (connections, sessions) = tokio::join!(self.hub.fetch_changed(account), sessions);
        connections.and(sessions)
    }

    /// A call ended.
    pub(crate) async fn call_changed(&self, call: &str) -> Result<(), FunctionsError> {
        self.check(About::Call(call)).await.map(drop)
    }
}
