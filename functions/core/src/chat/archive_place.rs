//! `/api/archive`: the external storage of the account's chat archives. Its token is stored encrypted.

use crate::kernel::records::{AccountRecord, ArchivePlace};
use http::StatusCode;
use protocol::{
    ArchiveAnswer, ArchiveFound, ArchiveState, ArchiveToken, ArchiveView, NewArchivePlace,
};
use storage_adapter::ObjectStore;

use crate::chat::Chat;
use crate::chat::away::{DiscoveryError, Remote, discover, probe, storage_root};
use crate::identity::call::Call;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::Edit;
use crate::kernel::request::{answer, empty, json, query};

/// The longest token, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// How long testing a storage may take, in milliseconds.
const PROBE_MS: i64 = 20_000;

impl From<DiscoveryError> for Failure {
    fn from(error: DiscoveryError) -> Self {
        Self::unprocessable(error.to_string())
    }
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `GET /api/archive`.
    pub(crate) async fn get_archive(&self, call: &Call<'_>) -> Answer {
        let (_, record) = self.identity.session_account(call).await?;
        let archive = record.archive.as_ref().map(ArchiveView::from);
        Ok(answer(StatusCode::OK, &ArchiveAnswer { archive }))
    }

    /// `GET /api/archive/discovery?address=…`: where a user's storage is, and where they authorise apps.
    pub(crate) async fn get_archive_discovery(&self, call: &Call<'_>) -> Answer {
        call.session()?;
        let address = query(call.parts, "address").ok_or_else(|| {
            Failure::bad_request("the query lacks address; expected ?address=alice@example.org")
        })?;
        let found = self.find_storage(&address).await?;
        Ok(answer(StatusCode::OK, &found))
    }

    /// `GET /api/archive/token`: the token with which the account's own client reads the archives.
    pub(crate) async fn get_archive_token(&self, call: &Call<'_>) -> Answer {
        let (held, record) = self.identity.session_account(call).await?;
        let place = record.archive.ok_or_else(|| {
            Failure::not_found("the archives are kept here; no external storage is connected")
        })?;
        let token = self.archive_token(&held.account, &place).ok_or_else(|| {
            Failure::conflict("the token can no longer be decrypted; authorise again")
        })?;
        let root = place.root;
        Ok(answer(StatusCode::OK, &ArchiveToken { root, token }))
    }

    /// `PUT /api/archive`: tests a storage, then keeps archives there from now on.
    pub(crate) async fn put_archive(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let (held, record) = self.identity.session_account(call).await?;
        let wanted: NewArchivePlace = json(body).await?;
        let token = wanted.token.trim();
        if token.is_empty()
            || token.len() > MAX_TOKEN
            || !token.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(Failure::unprocessable(
                "token is not valid: expected the one that the storage's authorisation page gave",
            ));
        }
        let found = self.find_storage(&wanted.user_address).await?;
        if let Some(root) = &wanted.root
            && storage_root(root)? != found.root
        {
            return Err(Failure::unprocessable(format!(
                "the storage of {} is {}, not {root}; connect it again",
                found.user_address, found.root
            )));
        }
        if found.root == self.kernel.config().storage_root(&held.account) {
            return Err(Failure::unprocessable(
                "this is the account's own storage here, where archives are kept anyway",
            ));
        }
        let until = self.kernel.now().plus_millis(PROBE_MS);
        let remote = Remote::new(self.kernel.storage().host(), &found.root, token, until);
        let id = protocol::hex(&self.kernel.random::<8>());
        probe(&remote, &id).await.map_err(Failure::unprocessable)?;
        let now = self.kernel.now();
        let place = ArchivePlace {
            user_address: found.user_address,
            root: found.root,
            authorize: found.authorize,
            token: self.seal_archive_token(&held.account, token)?,
            state: ArchiveState::Ok,
            reason: None,
            since: now,
            connected: now,
        };
        self.set_archive(&record, Some(place.clone())).await?;
        Ok(answer(StatusCode::OK, &ArchiveView::from(&place)))
    }

    /// `DELETE /api/archive`: archives are kept here again from now on; existing ones stay there.
    pub(crate) async fn delete_archive(&self, call: &Call<'_>) -> Answer {
        let (_, record) = self.identity.session_account(call).await?;
        self.set_archive(&record, None).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    async fn find_storage(&self, address: &str) -> Result<ArchiveFound, Failure> {
        Ok(discover(self.kernel.storage().host(), address).await?)
    }

    async fn set_archive(
        &self,
        record: &AccountRecord,
        place: Option<ArchivePlace>,
    ) -> Result<(), Failure> {
        let account = &record.name;
        self.kernel
            .edit::<AccountRecord, ()>(&keys::account(account), |record| {
                record.archive.clone_from(&place);
                Edit::Write(())
            })
            .await?
            .ok_or_else(|| Failure::not_found("the account no longer exists"))?;
        // Whatever waits in the connectors' spools can be processed.
        let mut woken = Vec::new();
        for connection in self.connections(account).await? {
            if woken.contains(&connection.connector) {
                continue;
            }
            if let Some(connector) = self
                .connectors
                .find_connector(&connection.connector)
                .await?
            {
                self.connectors.wake(&connector).await;
            }
            woken.push(connection.connector);
        }
        Ok(())
    }
}
