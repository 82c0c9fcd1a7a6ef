//! Grants: bearer tokens, issued, verified and revoked.
//!
//! A check costs one conditional read of the grant's record: a cached grant is used only if the store confirms that it
//! is current, so a revoked token stops working at once, everywhere.

use std::sync::{Arc, Mutex};

use crate::kernel::host::Host;
use crate::kernel::records::{AccountRecord, Grant, too_large};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use mutex::lock;
use protocol::{AccountName, BearerToken, Bounded, GrantKind, Scopes, Timestamp};
use sha2::{Digest, Sha256};
use storage_adapter::{ETag, GetOptions, ObjectStore, PutMode, StoreError};

use crate::identity::Identity;
use crate::kernel::body::collect;
use crate::kernel::guard::{ClientAddress, Subject};
use crate::kernel::keys;
use crate::kernel::problem::Failure;

/// The most grants cached in the process.
const MAX_CACHED: usize = 4096;
/// The largest record of a grant, in bytes.
const MAX_GRANT: u64 = 64 * 1024;
/// The most grants of one account.
pub(crate) const MAX_GRANTS: usize = 500;
/// How long a session lasts: 90 days.
pub(crate) const SESSION_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// The client name of the consent page's cookie, as shown among the grants.
pub(crate) const COOKIE_CLIENT: &str = "consent page";
/// The longest name of a client, in characters.
pub(crate) const MAX_CLIENT: usize = 200;

/// Why a grant was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateGrantError {
    /// There is no such account.
    #[error("there is no account \"{0}\"")]
    NoAccount(AccountName),
    /// The account is disabled, or being removed.
    #[error("the account \"{0}\" is disabled; `subspace account enable {0}` enables it")]
    Disabled(AccountName),
    /// The account has reached its limit.
    #[error("the account already has {MAX_GRANTS} grants; revoke some that are no longer needed")]
    TooMany,
    /// The password used is no longer the account's.
    #[error("the password was changed a moment ago, elsewhere; sign in again")]
    PasswordChanged,
    /// The session that it depends on has ended.
    #[error("this session has ended; sign in again")]
    SessionEnded,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateGrantError> for Failure {
    fn from(error: CreateGrantError) -> Self {
        match error {
            CreateGrantError::Store(error) => error.into(),
            CreateGrantError::Disabled(_) => Self::forbidden(crate::identity::accounts::DISABLED),
            CreateGrantError::SessionEnded => Self::unauthorized(error.to_string(), true),
            other => Self::conflict(other.to_string()),
        }
    }
}

/// How long a grant is valid, unless it is revoked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lasts<'a> {
    /// Until it is revoked.
    UntilRevoked,
    /// Until this time.
    Until(Timestamp),
    /// As long as this session.
    With(&'a Grant),
}

/// A token that was presented and is valid.
#[derive(Debug)]
pub(crate) struct VerifiedGrant {
    pub(crate) account: AccountName,
    pub(crate) grant: Grant,
    key: String,
    etag: ETag,
}

/// Grants by the hash of their token.
#[derive(Debug)]
pub(crate) struct GrantCache {
    entries: Mutex<Bounded<[u8; 32], Arc<VerifiedGrant>>>,
}

impl Default for GrantCache {
    fn default() -> Self {
        Self {
            entries: Mutex::new(Bounded::new(MAX_CACHED)),
        }
    }
}

impl GrantCache {
    fn get(&self, digest: &[u8; 32]) -> Option<Arc<VerifiedGrant>> {
        let mut entries = lock(&self.entries);
        entries.touch(digest).cloned()
    }

    fn insert(&self, digest: [u8; 32], held: Arc<VerifiedGrant>) {
        let mut entries = lock(&self.entries);
        entries.insert(digest, held);
    }

    fn remove(&self, digest: &[u8; 32]) {
        let mut entries = lock(&self.entries);
        entries.remove(digest);
    }
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Returns the grant whose token the request carries.
    ///
    /// # Errors
    /// 401 if there is no valid token, 429 after far too many wrong ones.
    pub(crate) async fn bearer(
        &self,
        headers: &HeaderMap,
        client: ClientAddress,
    ) -> Result<Arc<VerifiedGrant>, Failure> {
        let Some(text) = bearer_token(headers) else {
            return Err(Failure::unauthorized(
                "this requires a token: send it as Authorization: Bearer",
                false,
            ));
        };
        if let Some(held) = self.check_token(text).await? {
            return Ok(held);
        }
        Err(Box::pin(self.refuse_token(client)).await?)
    }

    /// Counts an invalid token; returns the error response.
    async fn refuse_token(&self, client: ClientAddress) -> Result<Failure, Failure> {
        let subject = Subject::Token(client);
        if let Some(seconds) = self.kernel.must_wait(&subject).await? {
            return Ok(Failure::too_many(
                "too many requests with invalid tokens came from this address",
                seconds,
            ));
        }
        self.kernel.count_attempt(&subject).await?;
        Ok(Failure::unauthorized(
            "the token is invalid or has expired; sign in or connect the app again",
            true,
        ))
    }

    /// Returns the grant of a token if it is valid now.
    pub(crate) async fn check_token(
        &self,
        text: &str,
    ) -> Result<Option<Arc<VerifiedGrant>>, StoreError> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let held = match self.grants.get(&digest) {
            Some(held) => self.revalidate(text, digest, held).await?,
            None => Box::pin(self.look_up(text, digest)).await?,
        };
        Ok(held.filter(|held| {
            let expires = held.grant.expires;
            !held.grant.suspended && expires.is_none_or(|expires| expires > self.kernel.now())
        }))
    }

    async fn revalidate(
        &self,
        text: &str,
        digest: [u8; 32],
        held: Arc<VerifiedGrant>,
    ) -> Result<Option<Arc<VerifiedGrant>>, StoreError> {
        let options = GetOptions {
            if_none_match: Some(held.etag.clone()),
            range: None,
        };
        match self.kernel.storage().store().get(&held.key, options).await {
            Err(StoreError::NotModified) => Ok(Some(held)),
            Err(StoreError::NotFound) => {
                self.grants.remove(&digest);
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(_) => {
                self.grants.remove(&digest);
                Box::pin(self.look_up(text, digest)).await
            }
        }
    }

    async fn look_up(
        &self,
        text: &str,
        digest: [u8; 32],
    ) -> Result<Option<Arc<VerifiedGrant>>, StoreError> {
        let Ok(token) = text.parse::<BearerToken>() else {
            return Ok(None);
        };
        let key = keys::grant(&token.owner, &token.id);
        let object = match self
            .kernel
            .storage()
            .store()
            .get(&key, GetOptions::default())
            .await
        {
            Ok(object) => object,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(self.kernel.whose(&key, error).await),
        };
        let Some(bytes) = collect(object.body, MAX_GRANT).await? else {
            self.kernel.note_damage(&key, &too_large(MAX_GRANT));
            return Ok(None);
        };
        let mut grant = match serde_json::from_slice::<Grant>(&bytes) {
            Ok(grant) => grant,
            Err(error) => {
                self.kernel.note_damage(&key, &error);
                return Ok(None);
            }
        };
        if grant.kind == GrantKind::Session && grant.client == COOKIE_CLIENT {
            // Cookies of the consent page used to be sessions.
            grant.kind = GrantKind::Consent;
        }
        if !token.matches(&grant.secret_hash) {
            return Ok(None);
        }
        let held = Arc::new(VerifiedGrant {
            account: token.owner,
            grant,
            key,
            etag: object.etag,
        });
        self.grants.insert(digest, Arc::clone(&held));
        Ok(Some(held))
    }

    /// Creates a grant with its token; the account must exist.
    pub(crate) async fn issue(
        &self,
        account: &AccountName,
        kind: GrantKind,
        client: &str,
        scopes: Option<Scopes>,
        lasts: Lasts<'_>,
    ) -> Result<(Grant, BearerToken), CreateGrantError> {
        let (expires, session) = match lasts {
            Lasts::UntilRevoked => (None, None),
            Lasts::Until(then) => (Some(then), None),
            Lasts::With(session) => (session.expires, Some(session.id.clone())),
        };
        self.make_room_for_grant(account, kind, MAX_GRANTS - 1, "")
            .await?;
        let token = BearerToken::new(account.clone(), &self.kernel.random());
        let grant = Grant {
            version: 1,
            id: token.id.clone(),
            kind,
            client: client.chars().take(MAX_CLIENT).collect(),
            scopes,
            secret_hash: token.secret_hash(),
            created: self.kernel.now(),
            expires,
            session,
            suspended: false,
        };
        let key = keys::grant(account, &grant.id);
        self.kernel.store(&key, &grant, PutMode::IfAbsent).await?;
        // A concurrent disabling of the account either finds the grant, or has already been recorded.
        if self.is_closed(account).await? {
            self.kernel.storage().store().delete(&key).await?;
            return Err(CreateGrantError::Disabled(account.clone()));
        }
        // Likewise, a concurrent end of the session either finds the grant, or has already removed the session.
        if let Some(session) = &grant.session
            && !self.is_grant(account, session).await?
        {
            self.kernel.storage().store().delete(&key).await?;
            return Err(CreateGrantError::SessionEnded);
        }
        // Counted again now that it exists: others may have been created at the same time, and each sees the earlier
        // ones.
        if let Err(error) = self
            .make_room_for_grant(account, kind, MAX_GRANTS, &grant.id)
            .await
        {
            self.kernel.storage().store().delete(&key).await?;
            return Err(error);
        }
        Ok((grant, token))
    }

    /// Creates a grant for somebody who presented the password stored in `shown`.
    pub(crate) async fn issue_by_password(
        &self,
        shown: &AccountRecord,
        kind: GrantKind,
        client: &str,
    ) -> Result<(Grant, BearerToken), CreateGrantError> {
        let lasts = Lasts::Until(self.kernel.now().plus_millis(SESSION_MS));
        let (grant, token) = self.issue(&shown.name, kind, client, None, lasts).await?;
        // A concurrent change of the password either finds the grant, or has already written the new password.
        let now = self.account(&shown.name).await?;
        if now.is_none_or(|(now, _)| now.password != shown.password) {
            self.remove_grant(&shown.name, &grant.id).await?;
            return Err(CreateGrantError::PasswordChanged);
        }
        Ok((grant, token))
    }

    /// Removes expired grants and, for a sign-in, the oldest sessions except `new`, until the limit is met.
    async fn make_room_for_grant(
        &self,
        account: &AccountName,
        kind: GrantKind,
        most: usize,
        new: &str,
    ) -> Result<(), CreateGrantError> {
        let held = self.kernel.list_keys(&keys::grants(account)).await?.len();
        if held <= most {
            return Ok(());
        }
        let now = self.kernel.now();
        let mut grants: Vec<Grant> = self.kernel.load_all(&keys::grants(account)).await?;
        protocol::sort_by(&mut grants, |a, b| a.created.cmp(&b.created));
        let mut left = grants.len();
        let expired = |grant: &Grant| grant.expires.is_some_and(|expires| expires <= now);
        let by_password = |kind| matches!(kind, GrantKind::Session | GrantKind::Consent);
        for grant in grants.iter().filter(|grant| expired(grant)) {
            self.remove_grant(account, &grant.id).await?;
            left -= 1;
        }
        let oldest = grants
            .iter()
            .filter(|grant| by_password(grant.kind) && !expired(grant) && grant.id != new);
        for grant in oldest {
            if left <= most || !by_password(kind) {
                break;
            }
            self.end_session(account, &grant.id).await?;
            let with_it = |other: &&Grant| other.session.as_ref() == Some(&grant.id);
            left -= 1 + grants.iter().filter(with_it).count();
        }
        if left <= most {
            return Ok(());
        }
        Err(CreateGrantError::TooMany)
    }

    /// Creates a token for a program (`subspace token NAME --scope '*:rw'`).
    ///
    /// # Errors
    /// If there is no such account, it has too many grants, or the store fails.
    pub async fn create_grant(
        &self,
        account: &AccountName,
        client: &str,
        scopes: Scopes,
    ) -> Result<String, CreateGrantError> {
        if self.account(account).await?.is_none() {
            return Err(CreateGrantError::NoAccount(account.clone()));
        }
        let (_, token) = self
            .issue(
                account,
                GrantKind::App,
                client,
                Some(scopes),
                Lasts::UntilRevoked,
            )
            .await?;
        Ok(token.to_string())
    }
}

/// Returns the token of `Authorization: Bearer …` (RFC 6750, section 2.1).
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
