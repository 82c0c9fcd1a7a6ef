//! `/connector/sessions`: which of those that a connector acts for are over. The other half is whoever ends a
//! grant: [`Functions::sessions_ended`].

use std::collections::BTreeMap;

use crate::kernel::records::{AccountRecord, Grant};
use bytes::Bytes;
use http::StatusCode;
use protocol::{AccountName, MAX_SESSIONS_ASKED, SessionRef, SessionsAnswer, SessionsQuery};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::Functions;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, parse_json};

/// Differs from before after something ended, `sessions-ended.json`.
#[derive(Default, Deserialize, Serialize)]
struct Mark {
    version: u32,
    mark: String,
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// `GET /connector/sessions`: the version only, one read of the store.
    pub(crate) async fn get_sessions(&self) -> Answer {
        let answered = SessionsAnswer {
            version: self.sessions_version().await?,
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
        // Read before anything else: what ends while we look changes it again.
        let version = self.sessions_version().await?;
        let mut accounts: BTreeMap<AccountName, Vec<SessionRef>> = BTreeMap::new();
        for session in query.sessions {
            accounts
                .entry(session.account.clone())
                .or_default()
                .push(session);
        }
        let closed = self.closed_accounts().await?;
        let mut ended = Vec::new();
        for (name, sessions) in accounts {
            if closed.contains(&name) {
                ended.extend(sessions);
                continue;
            }
            let record = match self.account(&name).await {
                Ok(record) => record.map(|(record, _)| record),
                // One damaged record is not everybody's trouble; nobody is thrown out for it.
                Err(StoreError::Damaged(_)) => continue,
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
            if !self.call_goes_on(&call).await? {
                ended_calls.push(call);
            }
        }
        let answered = SessionsAnswer {
            version,
            ended,
            ended_calls,
        };
        Ok(answer(StatusCode::OK, &answered))
    }

    /// Returns whether nobody may act by this any more.
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
        if !crate::routes::api::is_id(id) {
            return Ok(true);
        }
        match self.load::<Grant>(&keys::grant(&session.account, id)).await {
            Ok(None) => Ok(true),
            Ok(Some((grant, _))) => {
                let over = |expires| expires <= self.now();
                Ok(grant.suspended || grant.expires.is_some_and(over))
            }
            Err(StoreError::Damaged(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn sessions_version(&self) -> Result<String, StoreError> {
        let mark = match self.load::<Mark>(keys::SESSIONS_ENDED).await {
            Ok(mark) => mark.map(|(mark, _)| mark.mark),
            // It is only a mark; the next one replaces it.
            Err(StoreError::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(mark.unwrap_or_default())
    }

    /// Tells connectors that sessions of an account ended (call it after the grants are gone), or that the account was
    /// disabled or removed: gateways end its sockets before this returns, as far as they can be reached; other
    /// connectors see it within seconds.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn sessions_ended(&self, account: &AccountName) -> Result<(), StoreError> {
        self.mark_ended().await?;
        self.tell_gateways(&format!("account={account}")).await
    }

    /// As [`Functions::sessions_ended`], of a call whose link is over.
    pub(crate) async fn call_ended(&self, id: &str) -> Result<(), StoreError> {
        self.mark_ended().await?;
        self.tell_gateways(&format!("call={id}")).await
    }

    async fn mark_ended(&self) -> Result<(), StoreError> {
        let mark = Mark {
            version: 1,
            mark: format!("{:032x}", u128::from_be_bytes(self.random::<16>())),
        };
        self.store(keys::SESSIONS_ENDED, &mark, PutMode::Overwrite)
            .await
            .map(drop)
    }

    /// Tells all connectors that browsers use.
    async fn tell_gateways(&self, what: &str) -> Result<(), StoreError> {
        let all = self.all_connectors().await?;
        let gateways = all.iter().filter(|one| !one.platforms.is_empty());
        futures_util::future::join_all(gateways.map(|one| self.wake_about(one, what))).await;
        Ok(())
    }

    /// Tells connectors that an account's connections changed; they have fetched them when this returns, as far as
    /// they can be reached.
    pub(crate) async fn connections_changed(
        &self,
        account: &AccountName,
        connectors: &[&str],
    ) -> Result<(), StoreError> {
        let mut told: Vec<&str> = Vec::new();
        for id in connectors {
            if told.contains(id) {
                continue;
            }
            told.push(id);
            if let Some(connector) = self.find_connector(id).await? {
                self.wake_about(&connector, &format!("account={account}"))
                    .await;
            }
        }
        Ok(())
    }
}
