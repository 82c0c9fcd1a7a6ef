//! Authorization codes: valid for five minutes, single use, stored as hashes.

use crate::kernel::host::Host;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{AccountName, BearerToken, GrantKind, Scopes, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_adapter::{ObjectStore, PutMode, StoreError};
use subtle::ConstantTimeEq;

use super::ask::Ask;
use crate::identity::Identity;
use crate::identity::grants::Lasts;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;

/// How long a code lasts: 5 minutes.
pub(super) const CODE_MS: i64 = 5 * 60 * 1000;

/// `accounts/<account>/codes/<id>.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct CodeRecord {
    version: u32,
    id: String,
    secret_hash: String,
    client: String,
    redirect_uri: String,
    scopes: Scopes,
    challenge: String,
    expires: Timestamp,
    /// Set by the first use.
    used: bool,
    /// The resulting grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
}

/// What the app sends to the token endpoint.
pub(super) struct Exchange<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) verifier: &'a str,
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// `invalid_grant`, one sentence.
    Invalid(&'static str),
    Failure(Failure),
}

impl<T: Into<Failure>> From<T> for ExchangeError {
    fn from(error: T) -> Self {
        Self::Failure(error.into())
    }
}

/// Computes the S256 challenge of a verifier (RFC 7636, section 4.2).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// Creates a code for what the user granted.
    pub(super) async fn issue_code(
        &self,
        account: &AccountName,
        ask: &Ask,
        challenge: &str,
    ) -> Result<String, StoreError> {
        self.sweep_codes(account).await?;
        let token = BearerToken::new(account.clone(), &self.kernel.random());
        let record = CodeRecord {
            version: 1,
            id: token.id.clone(),
            secret_hash: token.secret_hash(),
            client: ask.back.origin(),
            redirect_uri: ask.back.redirect_uri().to_owned(),
            scopes: ask.scopes.clone(),
            challenge: challenge.to_owned(),
            expires: self.kernel.now().plus_millis(CODE_MS),
            used: false,
            grant: None,
        };
        let key = keys::code(account, &record.id);
        self.kernel.store(&key, &record, PutMode::IfAbsent).await?;
        Ok(token.to_string())
    }

    /// Removes expired codes.
    async fn sweep_codes(&self, account: &AccountName) -> Result<(), StoreError> {
        let now = self.kernel.now();
        for code in self
            .kernel
            .load_all::<CodeRecord>(&keys::codes(account))
            .await?
        {
            if code.expires <= now {
                let key = keys::code(account, &code.id);
                self.kernel.storage().store().delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Exchanges a code for a token, once. A code that is used again was stolen or leaked, so the token issued for it
    /// is revoked (RFC 6749, section 4.1.2).
    pub(super) async fn exchange(
        &self,
        shown: &Exchange<'_>,
    ) -> Result<(String, Scopes), ExchangeError> {
        let unknown = ExchangeError::Invalid(
            "the code is invalid or has expired; ask for authorization again",
        );
        let Ok(token) = shown.code.parse::<BearerToken>() else {
            return Err(unknown);
        };
        let key = keys::code(&token.owner, &token.id);
        let found = self.kernel.load::<CodeRecord>(&key).await?;
        let Some((record, _)) = found.filter(|(record, _)| token.matches(&record.secret_hash))
        else {
            return Err(unknown);
        };
        if record.expires <= self.kernel.now() {
            return Err(unknown);
        }
        let taken = self
            .kernel
            .edit::<CodeRecord, Result<(), Option<String>>>(&key, |record| {
                if record.used {
                    return Edit::Keep(Err(record.grant.clone()));
                }
                record.used = true;
                Edit::Write(Ok(()))
            })
            .await?;
        match taken {
            Some(Ok(())) => {}
            Some(Err(grant)) => {
                if let Some(grant) = grant {
                    self.revoke(&token.owner, &grant).await?;
                }
                return Err(ExchangeError::Invalid(
                    "the code was used already; the token that it gave is revoked",
                ));
            }
            None => return Err(unknown),
        }
        let fits: bool = challenge(shown.verifier)
            .as_bytes()
            .ct_eq(record.challenge.as_bytes())
            .into();
        if !fits {
            return Err(ExchangeError::Invalid(
                "the code_verifier does not match the code_challenge; ask for authorization again",
            ));
        }
        if record.redirect_uri != shown.redirect_uri {
            return Err(ExchangeError::Invalid(
                "the redirect_uri is not the one that the code was made for",
            ));
        }
        let scopes = Some(record.scopes.clone());
        let (grant, access) = self
            .issue(
                &token.owner,
                GrantKind::App,
                &record.client,
                scopes,
                Lasts::UntilRevoked,
            )
            .await?;
        self.kernel
            .edit::<CodeRecord, ()>(&key, |record| {
                record.grant = Some(grant.id.clone());
                Edit::Write(())
            })
            .await?;
        Ok((access.to_string(), record.scopes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
