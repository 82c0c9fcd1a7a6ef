//! The interface for checking passwords and looking up accounts.

use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;

use program::Seldom;
use protocol::{AccountName, SessionRef, SessionsQuery, Timestamp};

/// The result of a correct password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// Its account.
    pub account: AccountName,
    /// Id of the `irc` grant that was used; `None` for the account's password.
    pub grant: Option<String>,
    /// Whether the account may end other users' connections (KILL).
    pub administrator: bool,
}

/// Why a name and a password are refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The name or the password is wrong.
    Wrong,
    /// They are correct, but the account is disabled.
    Disabled,
    /// There were too many wrong passwords; the next one is checked after this many seconds.
    Wait(u64),
    /// They could not be checked; one sentence saying why.
    Unavailable(String),
}

/// What [`Accounts::authenticate`] returns.
pub type Authentication<'a> = Pin<Box<dyn Future<Output = Result<Proof, Refusal>> + Send + 'a>>;

/// What the other methods of [`Accounts`] return; the error is one sentence saying why there is no answer.
pub type Answered<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// Knows accounts and checks their passwords.
pub trait Accounts: Send + Sync + 'static {
    /// Checks a name, as typed, with a password or the token of an `irc` grant, for a client at `address`; `None` if
    /// many clients share the address, so that guesses are counted by account only. Given up after
    /// [`AUTHENTICATION_SECONDS`].
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        address: Option<IpAddr>,
    ) -> Authentication<'a>;

    /// Returns which of a few names are accounts. Given up after [`AUTHENTICATION_SECONDS`].
    fn known(&self, names: Vec<AccountName>) -> Answered<'_, Vec<AccountName>>;

    /// Returns a string that changes whenever credentials stop being valid.
    fn version(&self) -> Answered<'_, String>;

    /// Returns which of these credentials are no longer valid; at most [`protocol::MAX_SESSIONS_ASKED`].
    fn ended(&self, sessions: Vec<SessionRef>) -> Answered<'_, Vec<SessionRef>>;
}

/// How long a password check may take.
pub const AUTHENTICATION_SECONDS: u64 = 20;

/// A server without accounts.
#[derive(Clone, Copy, Debug)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn authenticate<'a>(&'a self, _: &'a str, _: &'a str, _: Option<IpAddr>) -> Authentication<'a> {
        Box::pin(ready(Err(Refusal::Wrong)))
    }

    fn known(&self, _: Vec<AccountName>) -> Answered<'_, Vec<AccountName>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn version(&self) -> Answered<'_, String> {
        Box::pin(ready(Ok(String::new())))
    }

    fn ended(&self, _: Vec<SessionRef>) -> Answered<'_, Vec<SessionRef>> {
        Box::pin(ready(Ok(Vec::new())))
    }
}

static REFUSED: Seldom = Seldom::new();
static UNREACHABLE: Seldom = Seldom::new();

/// Asks the functions.
impl Accounts for connector_kit::FunctionsClient {
    fn authenticate<'a>(
        &'a self,
        name: &'a str,
        password: &'a str,
        address: Option<IpAddr>,
    ) -> Authentication<'a> {
        Box::pin(async move {
            let request = protocol::AuthenticateRequest {
                name: name.to_owned(),
                password: password.to_owned(),
                address: address.map(|address| address.to_string()),
            };
            match Self::authenticate(self, &request).await {
                Ok(answer) => match answer.account {
                    Some(account) => Ok(Proof {
                        account,
                        grant: answer.grant,
                        administrator: answer.admin,
                    }),
                    None => {
                        if let (Some(reason), Some(left_out)) = (&answer.reason, REFUSED.say()) {
                            tracing::info!(name, reason, left_out, "an IRC client was refused");
                        }
                        Err(match answer.wait {
                            _ if answer.disabled => Refusal::Disabled,
                            Some(seconds) => Refusal::Wait(seconds),
                            None => Refusal::Wrong,
                        })
                    }
                },
                Err(error) => {
                    if let Some(left_out) = UNREACHABLE.say() {
                        tracing::warn!(%error, left_out, "the IRC server cannot check passwords");
                    }
                    let text = "passwords cannot be checked right now; try again in a minute";
                    Err(Refusal::Unavailable(text.to_owned()))
                }
            }
        })
    }

    fn known(&self, names: Vec<AccountName>) -> Answered<'_, Vec<AccountName>> {
        Box::pin(async move {
            // A session signed in with the account's password as of tomorrow: it is over only if there is no account.
            let refer = |account: &AccountName| SessionRef {
                account: account.clone(),
                grant: None,
                since: Timestamp::from_millis(NEVER),
            };
            let query = SessionsQuery {
                sessions: names.iter().map(refer).collect(),
                calls: Vec::new(),
            };
            match self.sessions(&query).await {
                Ok(answer) => Ok(names
                    .into_iter()
                    .filter(|name| answer.ended.iter().all(|ended| ended.account != *name))
                    .collect()),
                Err(error) => {
                    if let Some(left_out) = UNREACHABLE.say() {
                        tracing::warn!(%error, left_out, "the IRC server cannot look up accounts");
                    }
                    Err("members cannot be looked up right now; try again in a minute".to_owned())
                }
            }
        })
    }

    fn version(&self) -> Answered<'_, String> {
        Box::pin(async move {
            let version = self.sessions_version().await;
            version.map_err(|error| error.to_string())
        })
    }

    fn ended(&self, sessions: Vec<SessionRef>) -> Answered<'_, Vec<SessionRef>> {
        Box::pin(async move {
            let query = SessionsQuery {
                sessions,
                calls: Vec::new(),
            };
            let answer = self.sessions(&query).await;
            answer
                .map(|answer| answer.ended)
                .map_err(|error| error.to_string())
        })
    }
}

/// Later than any password change: the last millisecond of the year 9999.
const NEVER: i64 = 253_402_300_799_999;
