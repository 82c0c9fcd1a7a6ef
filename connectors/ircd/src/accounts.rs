//! Who knows whether a password is right.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use model::AccountName;

/// What a right password proves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// Whose it is.
    pub account: AccountName,
    /// Whether the account may end the connections of others (KILL).
    pub administrator: bool,
}

/// Why a name and a password prove nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// They do not belong together.
    Wrong,
    /// There were too many wrong ones; the next is looked at after so many seconds.
    Wait(u64),
    /// It could not be found out; one sentence why.
    Unavailable(String),
}

/// What [`Accounts::authenticate`] gives.
pub type Authentication<'a> = Pin<Box<dyn Future<Output = Result<Proof, Refusal>> + Send + 'a>>;

/// Checks passwords.
pub trait Accounts: Send + Sync + 'static {
    /// Checks a name, as typed, with a password or the token of an `irc` grant, for a client at
    /// `address`; none if many share one, so that only the account tells who guesses. Given up after
    /// [`AUTHENTICATION_SECONDS`].
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        address: Option<IpAddr>,
    ) -> Authentication<'a>;
}

/// How long a password check may take.
pub const AUTHENTICATION_SECONDS: u64 = 20;

/// A server without accounts.
#[derive(Clone, Copy, Debug)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn authenticate<'a>(&'a self, _: &'a str, _: &'a str, _: Option<IpAddr>) -> Authentication<'a> {
        Box::pin(std::future::ready(Err(Refusal::Wrong)))
    }
}

/// Asks the functions: `POST /connector/authenticate`.
impl Accounts for connector::FunctionsClient {
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        address: Option<IpAddr>,
    ) -> Authentication<'a> {
        Box::pin(async move {
            let request = model::AuthenticateRequest {
                name: name.to_owned(),
                password: password.to_owned(),
                address: address.map(|address| address.to_string()),
            };
            match Self::authenticate(self, &request).await {
                Ok(answer) => match answer.account {
                    Some(account) => Ok(Proof {
                        account,
                        administrator: false,
                    }),
                    None => {
                        if let Some(reason) = &answer.reason {
                            tracing::info!(name, reason, "an IRC client was refused");
                        }
                        Err(Refusal::Wrong)
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "the IRC server cannot check passwords");
                    let text = "passwords cannot be checked now; try again in a minute";
                    Err(Refusal::Unavailable(text.to_owned()))
                }
            }
        })
    }
}
