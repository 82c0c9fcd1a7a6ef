//! Who knows whether a password is right.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use model::AccountName;

/// What [`Accounts::authenticate`] gives: the account; none if name or password are wrong; or one
/// sentence why it could not be checked.
pub type Authentication<'a> =
    Pin<Box<dyn Future<Output = Result<Option<AccountName>, String>> + Send + 'a>>;

/// Checks passwords.
pub trait Accounts: Send + Sync + 'static {
    /// Checks a name, as typed, with a password or the token of an `irc` grant, for a client at
    /// `address`. Given up after [`AUTHENTICATION_SECONDS`].
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        address: IpAddr,
    ) -> Authentication<'a>;
}

/// How long a password check may take.
pub const AUTHENTICATION_SECONDS: u64 = 20;

/// A server without accounts.
#[derive(Clone, Copy, Debug)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn authenticate<'a>(&'a self, _: &'a str, _: &'a str, _: IpAddr) -> Authentication<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// Asks the functions: `POST /connector/authenticate`.
impl Accounts for connector::FunctionsClient {
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        address: IpAddr,
    ) -> Authentication<'a> {
        Box::pin(async move {
            let request = model::AuthenticateRequest {
                name: name.to_owned(),
                password: password.to_owned(),
                address: Some(address.to_string()),
            };
            match Self::authenticate(self, &request).await {
                Ok(answer) => {
                    if let (None, Some(reason)) = (&answer.account, &answer.reason) {
                        tracing::info!(name, reason, "an IRC client was refused");
                    }
                    Ok(answer.account)
                }
                Err(error) => {
                    tracing::warn!(%error, "the IRC server cannot check passwords");
                    Err("Passwords cannot be checked now; try again in a minute".to_owned())
                }
            }
        })
    }
}
