//! `/api/accounts`: signing up.

use crate::kernel::host::Host;
use crate::kernel::records::AccountRecord;
use http::StatusCode;
use protocol::{AccountName, NewAccount};
use sha2::{Digest, Sha256};
use storage_adapter::ObjectStore;
use subtle::ConstantTimeEq;

use crate::identity::Identity;
use crate::identity::accounts::{CreateAccountError, check_new};
use crate::identity::call::Call;
use crate::kernel::guard::Subject;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, json};

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// `POST /api/accounts`.
    pub(crate) async fn post_account(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let wanted: NewAccount = json(body).await?;
        let guesses = Subject::Client(call.client);
        self.kernel.check_guesses(&guesses).await?;
        let name = check_new(&wanted.name, &wanted.password)?;
        let record = match (&wanted.setup, &wanted.invite) {
            (Some(setup), None) => {
                if !self.is_setup_token(setup) {
                    self.kernel.count_attempt(&guesses).await?;
                    return Err(Failure::forbidden(
                        "the set-up token is wrong; open the link that the server printed at its first start",
                    ));
                }
                self.first_account(&name, &wanted.password).await?
            }
            (None, Some(invite)) => {
                if self.open_invite(invite, Some(&name)).await?.is_none() {
                    self.kernel.count_attempt(&guesses).await?;
                    return Err(Failure::forbidden(
                        "the invite is invalid or has expired; ask for a new one",
                    ));
                }
                self.invited_account(&name, &wanted.password, invite)
                    .await?
            }
            _ => {
                return Err(Failure::forbidden(
                    "an account requires an invite or, if it is the first, the set-up token",
                ));
            }
        };
        self.note_network(&record.name, call.client).await?;
        let response = self.new_session(&record, call).await?;
        Ok(answer(StatusCode::CREATED, &response))
    }

    fn is_setup_token(&self, shown: &str) -> bool {
        self.kernel
            .config()
            .setup_token
            .as_ref()
            .is_some_and(|token| {
                let hash = |text: &str| Sha256::digest(text.as_bytes());
                hash(token).ct_eq(&hash(shown)).into()
            })
    }

    async fn first_account(
        &self,
        name: &AccountName,
        password: &str,
    ) -> Result<AccountRecord, Failure> {
        if self.is_tombstone(name).await? {
            return Err(CreateAccountError::Taken(name.clone()).into());
        }
        if self.account(name).await?.is_some() && !self.needs_setup().await? {
            return Err(Failure::forbidden(
                "the first account has already been created; ask somebody here for an invite",
            ));
        }
        self.claim_setup(name).await?;
        Ok(self.write_account(name, password, true).await?)
    }

    async fn invited_account(
        &self,
        name: &AccountName,
        password: &str,
        invite: &str,
    ) -> Result<AccountRecord, Failure> {
        // Checked before the invite is used, so that a taken name does not use it up.
        if self.is_taken(name).await? {
            return Err(CreateAccountError::Taken(name.clone()).into());
        }
        let invite = self.use_invite(invite, name).await?;
        match self.write_account(name, password, false).await {
            Err(error @ CreateAccountError::Taken(_)) => {
                self.release_invite(&invite.id, name).await?;
                Err(error.into())
            }
            result => Ok(result?),
        }
    }
}
