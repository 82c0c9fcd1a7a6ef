//! An account's open calls, whose number is limited.

use protocol::{AccountName, Timestamp};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, StoreError};

use crate::chat::Chat;
use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::Failure;
use crate::kernel::records::Edit;

/// The most open calls of one account.
pub(super) const MAX_CALLS: usize = 20;
/// The calls of an account that are open, `accounts/<account>/calls.json`: updated by compare-and-swap, so that there
/// are never more than [`MAX_CALLS`].
#[derive(Default, Deserialize, Serialize)]
struct OpenCalls {
    version: u32,
    #[serde(default)]
    calls: Vec<OpenCall>,
}

#[derive(Deserialize, Serialize)]
struct OpenCall {
    id: String,
    expires: Timestamp,
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// Returns the calls of an account that may still be open.
    pub(crate) async fn open_calls(
        &self,
        account: &AccountName,
    ) -> Result<Vec<String>, StoreError> {
        let open = match self
            .kernel
            .load::<OpenCalls>(&keys::calls_of(account))
            .await
        {
            Err(StoreError::Damaged(_)) => None,
            open => open?,
        };
        let calls = open.map(|(open, _)| open.calls).unwrap_or_default();
        Ok(calls.into_iter().map(|call| call.id).collect())
    }

    /// Adds an open call of an account, if the limit permits; removes expired calls and their links.
    pub(crate) async fn count_call(
        &self,
        account: &AccountName,
        new: Option<(&str, Timestamp)>,
    ) -> Result<(), Failure> {
        let now = self.kernel.now();
        let key = keys::calls_of(account);
        let counted = self
            .kernel
            .upsert::<OpenCalls, Result<Vec<String>, ()>>(&key, |open| {
                open.version = 1;
                let over = |one: &OpenCall| one.expires <= now;
                let ended = open.calls.iter().filter(|one| over(one));
                let ended: Vec<_> = ended.map(|one| one.id.clone()).collect();
                open.calls.retain(|one| !over(one));
                let Some((id, expires)) = new else {
                    return match ended.is_empty() {
                        true => Edit::Keep(Ok(ended)),
                        false => Edit::Write(Ok(ended)),
                    };
                };
                if open.calls.len() >= MAX_CALLS {
                    return Edit::Keep(Err(()));
                }
                open.calls.push(OpenCall {
                    id: id.to_owned(),
                    expires,
                });
                Edit::Write(Ok(ended))
            })
            .await?;
        let ended = counted.map_err(|()| {
            Failure::conflict(format!(
                "you have {MAX_CALLS} open calls already; end one, or wait until its day is over"
            ))
        })?;
        for id in ended {
            self.kernel
                .storage()
                .store()
                .delete(&keys::call(&id))
                .await?;
        }
        Ok(())
    }

    /// Removes a call that is over.
    pub(crate) async fn uncount_call(
        &self,
        account: &AccountName,
        id: &str,
    ) -> Result<(), StoreError> {
        let key = keys::calls_of(account);
        let edited = self.kernel.edit::<OpenCalls, ()>(&key, |open| {
            open.calls.retain(|one| one.id != id);
            Edit::Write(())
        });
        match edited.await {
            // It is only a counter, and the call expires within a day by itself.
            Ok(_) | Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
