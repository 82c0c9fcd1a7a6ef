//! Versions of documents that were overwritten or deleted: how many are retained, listing and removing them.

use http::StatusCode;
use protocol::{AccountName, KeptView};
use storage_adapter::{Kept, ObjectStore, StoreError, TreeError};

use crate::files::Files;
use crate::identity::call::Call;
use crate::kernel::config::DEFAULT_QUOTA;
use crate::kernel::host::Host;
use crate::kernel::problem::Answer;
use crate::kernel::request::{answer, empty};

/// They take at most this fraction of the quota, the newest ones first; of the default quota if there is none.
const PART: u64 = 10;
/// The limit is checked once this fraction of it may have been added, …
const LOOK_PART: u64 = 8;
/// … but never for fewer bytes than this.
const LEAST_LOOK: u64 = 4 << 20;

impl<S: ObjectStore, H: Host> Files<S, H> {
    /// Returns the most bytes of old versions that are retained for an account.
    pub(crate) async fn most_kept(&self, account: &AccountName) -> Result<u64, StoreError> {
        let quota = self.quota(account).await?;
        Ok(quota.unwrap_or(DEFAULT_QUOTA) / PART)
    }

    /// After a write: removes the oldest versions if there may be too many by now. A failure is made up for after
    /// another write, or by maintenance.
    pub(crate) async fn trim_kept(&self, account: &AccountName) {
        let trimmed: Result<(), TreeError> = async {
            let tree = self.tree(account).await?;
            let left = tree.left_since_sweep(account);
            if left < LEAST_LOOK {
                return Ok(());
            }
            let most = self.most_kept(account).await?;
            if left >= most / LOOK_PART {
                tree.sweep_to(account, self.kernel.now(), Some(most))
                    .await?;
            }
            Ok(())
        }
        .await;
        drop(trimmed);
    }

    /// `GET /api/store/kept`: the retained old versions.
    pub(crate) async fn get_kept(&self, call: &Call<'_>) -> Answer {
        let account = &call.session()?.account;
        let most = self.most_kept(account).await?;
        let Kept { versions, bytes } = self.tree(account).await?.kept(account).await?;
        let days = self.kernel.storage().options().keep_millis / (24 * 60 * 60 * 1000);
        let view = KeptView {
            versions: versions as u64,
            bytes,
            most_bytes: most,
            days,
        };
        Ok(answer(StatusCode::OK, &view))
    }

    /// `DELETE /api/store/kept`: removes all of them.
    pub(crate) async fn delete_kept(&self, call: &Call<'_>) -> Answer {
        let account = &call.session()?.account;
        let tree = self.tree(account).await?;
        tree.sweep_to(account, self.kernel.now(), Some(0)).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::testing::{block_on, functions_with};

    const MIB: u64 = 1 << 20;
    const MINUTE: i64 = 60 * 1_000;

    #[test]
    fn old_versions_are_bounded_told_and_emptied() {
        let f = functions_with(|config| config.default_quota = Some(40 * MIB));
        let session = f.sign_up("alice");
        let token = format!("Bearer {}", f.grant("alice", "*:rw"));
        let put = |name: &str| {
            let headers = [("authorization", &*token), ("content-type", "text/plain")];
            let body = vec![b'x'; MIB as usize];
            let reply = f.request(
                "PUT",
                &format!("/storage/alice/notes/{name}"),
                &headers,
                body,
            );
            assert!(reply.status.is_success(), "{reply:?}");
        };
        let kept = || {
            let reply = f.api("GET", "/api/store/kept", &session, Value::Null);
            assert_eq!(reply.status, 200, "{reply:?}");
            let told = reply.json();
            assert_eq!(
                (&told["most_bytes"], &told["days"]),
                (&(4 * MIB).into(), &30.into())
            );
            let count = |name: &str| told[name].as_u64().unwrap();
            assert_eq!(count("bytes"), count("versions") * MIB);
            count("versions")
        };
        // Overwritten repeatedly in a burst: no version of it is retained.
        (0..20).for_each(|_| put("burst"));
        assert_eq!(kept(), 0);
        for _ in 0..20 {
            put("slow");
            f.host().advance(6 * MINUTE);
            // The limit, and what a process adds before it checks.
            assert!(kept() <= 4 + 4);
        }
        let done = block_on(f.lifecycle.maintain());
        assert!(done.failed.is_empty(), "{done:?}");
        assert_eq!(kept(), 3, "each counts some more than its bytes");
        let emptied = f.api("DELETE", "/api/store/kept", &session, Value::Null);
        assert_eq!(emptied.status, 204);
        assert_eq!(kept(), 0);
        assert_eq!(
            f.api("POST", "/api/store/kept", &session, Value::Null)
                .status,
            405
        );
        let app = f.grant("alice", "*:rw");
        assert_eq!(
            f.api("GET", "/api/store/kept", &app, Value::Null).status,
            403
        );
    }
}
