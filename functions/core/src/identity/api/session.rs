//! `/api/session`: signing in and out.

use crate::kernel::host::Host;
use crate::kernel::records::AccountRecord;
use http::StatusCode;
use protocol::{ArchiveView, GrantKind, NewSession, SessionResponse};
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::identity::call::Call;
use crate::identity::devices::device;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, json};

impl<S: ObjectStore, H: Host> Identity<S, H> {
    /// `POST /api/session`.
    pub(crate) async fn post_session(&self, call: &Call<'_>, body: Incoming) -> Answer {
        let credentials: NewSession = json(body).await?;
        let record = self
            .check_password(&credentials.name, &credentials.password, call.client)
            .await?;
        self.provision(&record.name).await?;
        let response = self.new_session(&record, call).await?;
        Ok(answer(StatusCode::CREATED, &response))
    }

    /// `GET /api/session`.
    pub(crate) async fn get_session(&self, call: &Call<'_>) -> Answer {
        let (held, record) = self.session_account(call).await?;
        let mut response = self.describe_session(&record);
        response.expires = held.grant.expires;
        Ok(answer(StatusCode::OK, &response))
    }

    /// `DELETE /api/session`.
    pub(crate) async fn delete_session(&self, call: &Call<'_>) -> Answer {
        let held = call.session()?;
        self.end_session(&held.account, &held.grant.id).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Signs in an account whose password was verified.
    pub(crate) async fn new_session(
        &self,
        record: &AccountRecord,
        call: &Call<'_>,
    ) -> Result<SessionResponse, Failure> {
        let client = device(&call.parts.headers);
        let (grant, token) = self
            .issue_by_password(record, GrantKind::Session, &client)
            .await?;
        let mut response = self.describe_session(record);
        response.token = Some(token.to_string());
        response.expires = grant.expires;
        Ok(response)
    }

    fn describe_session(&self, record: &AccountRecord) -> SessionResponse {
        SessionResponse {
            account: record.name.clone(),
            admin: record.admin,
            user_address: format!("{}@{}", record.name, self.kernel.config().authority()),
            storage: self.kernel.config().storage_root(&record.name),
            archive: record.archive.as_ref().map(ArchiveView::from),
            token: None,
            expires: None,
        }
    }
}
