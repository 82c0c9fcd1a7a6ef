//! `/connector/sessions`: which of the sessions that a connector acts for have ended. The push counterpart, called when
//! a grant ends, is [`crate::connectors::Connectors::sessions_ended`].

use std::collections::BTreeMap;

use crate::kernel::records::{AccountRecord, Grant};
use bytes::Bytes;
use http::StatusCode;
use protocol::{AccountName, MAX_SESSIONS_ASKED, SessionRef, SessionsAnswer, SessionsQuery};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, parse_json};

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `GET /connector/sessions`: the version only, one read of the store.
    pub(crate) async fn get_sessions(&self) -> Answer {
        let answered = SessionsAnswer {
            version: self.connectors.sessions_version().await?,
            ..SessionsAnswer::default()
        };
        Ok(answer(StatusCode::OK, &answered))
    }

    /// `POST /connector/sessions`.
    pub(crate) async fn post_sessions(&self, body: &Bytes) -> Answer {
        let query: SessionsQuery = parse_json(body)?;
        if query.sessions.len().max(query.calls.len()) > MAX_SESSIONS_ASKED {
            return Err(Failure::unprocessable(format!(
                "at most {MAX_SESSIONS_ASKED} sessions and calls can be asked about at once; ask several times"
            )));
        }
        // Read first: whatever ends in the meantime changes it again.
        let version = self.connectors.sessions_version().await?;
        let mut accounts: BTreeMap<AccountName, Vec<SessionRef>> = BTreeMap::new();
        for session in query.sessions {
            accounts
                .entry(session.account.clone())
                .or_default()
                .push(session);
        }
        let closed = self.identity.closed_accounts().await?;
        let mut ended = Vec::new();
        for (name, sessions) in accounts {
            if closed.contains(&name) {
                ended.extend(sessions);
                continue;
            }
            let record = match self.identity.account(&name).await {
                Ok(record) => record.map(|(record, _)| record),
                // One unreadable record is not everyone's problem; nobody is signed out because of it.
                Err(error) if error.is_own() => continue,
                Err(error) => return Err(error.into()),
            };
            for session in sessions {
                if self.is_over(record.as_ref(), &session).await? {
                    ended.push(session);
                }
            }
        }
        let mut ended_calls = Vec::new();
        for call in query.calls {
            match self.call_goes_on(&call).await {
                Ok(true) => {}
                Ok(false) => ended_calls.push(call),
                Err(error) if error.is_own() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let answered = SessionsAnswer {
            version,
            ended,
            ended_calls,
        };
        Ok(answer(StatusCode::OK, &answered))
    }

    /// Returns whether this no longer authorises anyone.
    async fn is_over(
        &self,
        record: Option<&AccountRecord>,
        session: &SessionRef,
    ) -> Result<bool, StoreError> {
        let Some(record) = record else {
            return Ok(true);
        };
        let Some(id) = &session.grant else {
            let changed = record.password_changed;
            return Ok(changed.is_some_and(|changed| changed >= session.since));
        };
        if !keys::is_id(id) {
            return Ok(true);
        }
        match self
            .kernel
            .load::<Grant>(&keys::grant(&session.account, id))
            .await
        {
            Ok(None) => Ok(true),
            Ok(Some((grant, _))) => {
                let over = |expires| expires <= self.kernel.now();
                Ok(grant.suspended || grant.expires.is_some_and(over))
            }
            Err(error) if error.is_own() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
