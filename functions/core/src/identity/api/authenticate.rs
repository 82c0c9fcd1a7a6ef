//! `POST /connector/authenticate`: the IRC server asks whether a password is right.

use crate::kernel::host::Host;
use bytes::Bytes;
use http::StatusCode;
use protocol::{AuthenticateRequest, AuthenticateResponse, GrantKind};
use storage_adapter::ObjectStore;

use crate::identity::Identity;
use crate::identity::accounts::SignInError;
use crate::kernel::guard::ClientAddress;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::records::AccountRecord;
use crate::kernel::request::{answer, parse_json};

impl<S: ObjectStore, H: Host> Identity<S, H> {
    pub(crate) async fn post_authenticate(&self, body: &Bytes) -> Answer {
        let request: AuthenticateRequest = parse_json(body)?;
        let response = match self.authenticate(&request).await {
            Ok((record, grant)) => AuthenticateResponse {
                account: Some(record.name),
                grant,
                admin: record.admin,
                ..Default::default()
            },
            Err(refusal) => {
                // Revealed only after the password was proved right, as at `/api/session`.
                let disabled = matches!(refusal, SignInError::Disabled);
                let failure = Failure::from(refusal);
                if failure.status.is_server_error() {
                    return Err(failure);
                }
                AuthenticateResponse {
                    wait: failure.retry_after(),
                    disabled,
                    reason: Some(failure.detail.into_owned()),
                    ..Default::default()
                }
            }
        };
        Ok(answer(StatusCode::OK, &response))
    }

    /// Takes the token of an IRC grant, or the account's password. Tokens cannot be guessed and are not rate-limited,
    /// so that guessing cannot keep the account's own connectors out. Also returns the grant's id.
    async fn authenticate(
        &self,
        request: &AuthenticateRequest,
    ) -> Result<(AccountRecord, Option<String>), SignInError> {
        let name = request.name.trim().to_ascii_lowercase();
        if let Some(held) = self.check_token(&request.password).await? {
            if held.grant.kind == GrantKind::Irc
                && held.account.as_str() == name
                && let Some((record, _)) = self.account(&held.account).await?
            {
                return Ok((record, Some(held.grant.id.clone())));
            }
            return Err(SignInError::Other(Failure::forbidden(
                "this token is not an IRC password of this account",
            )));
        }
        let client = request.address.as_deref();
        let client = client.map_or(ClientAddress::SHARED, ClientAddress::parse);
        let record = self
            .check_password(&name, &request.password, client)
            .await?;
        Ok((record, None))
    }
}
