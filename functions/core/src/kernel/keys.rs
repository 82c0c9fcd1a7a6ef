//! Keys of the records in the object store, besides the trees (storage-adapter).

use protocol::{AccountName, EmailAddress, Timestamp};

/// Claimed to create the first account.
pub(crate) const SETUP: &str = "setup.json";
/// The connectors that admins created.
pub(crate) const CONNECTORS: &str = "connectors.json";
/// When the last round of maintenance began.
pub(crate) const MAINTAINED: &str = "maintained.json";
/// Changes whenever sessions end, so that connectors notice with one read.
pub(crate) const SESSIONS_ENDED: &str = "sessions-ended.json";
/// Counters against guessing, on hosts that share them.
pub(crate) const GUARD: &str = "guard/";
/// One empty object per account, to list accounts without listing their data.
pub(crate) const NAMES: &str = "names/";
/// All invites.
pub(crate) const INVITES: &str = "invites/";

/// Accounts that are disabled or removed.
pub(crate) const CLOSED: &str = "closed/";

/// Records that an account is disabled or removed.
pub(crate) fn closed(account: &AccountName) -> String {
    format!("{CLOSED}{account}.json")
}

/// The prefix of all keys of one account.
pub(crate) fn all_of(account: &AccountName) -> String {
    format!("accounts/{account}/")
}

/// Whether everything below this prefix belongs to one account.
pub(crate) fn is_of_one_account(prefix: &str) -> bool {
    let below = prefix.strip_prefix("accounts/");
    below.is_some_and(|below| below.contains('/'))
}

pub(crate) fn account(account: &AccountName) -> String {
    format!("accounts/{account}/account.json")
}

/// Where the account's tree is.
pub(crate) fn store(account: &AccountName) -> String {
    format!("accounts/{account}/store.json")
}

pub(crate) fn name(account: &AccountName) -> String {
    format!("{NAMES}{account}")
}

/// Records that a new account got what new accounts get.
pub(crate) fn provisioned(account: &AccountName) -> String {
    format!("accounts/{account}/provisioned.json")
}

pub(crate) fn grants(account: &AccountName) -> String {
    format!("accounts/{account}/grants/")
}

pub(crate) fn grant(account: &AccountName, id: &str) -> String {
    format!("accounts/{account}/grants/{id}.json")
}

/// The networks from which its password was recently proved.
pub(crate) fn networks(account: &AccountName) -> String {
    format!("accounts/{account}/networks.json")
}

pub(crate) fn connections(account: &AccountName) -> String {
    format!("accounts/{account}/connections/")
}

pub(crate) fn connection(account: &AccountName, id: &str) -> String {
    format!("accounts/{account}/connections/{id}.json")
}

pub(crate) fn codes(account: &AccountName) -> String {
    format!("accounts/{account}/codes/")
}

pub(crate) fn code(account: &AccountName, id: &str) -> String {
    format!("accounts/{account}/codes/{id}.json")
}

/// Mail addresses of the account's channels.
pub(crate) fn mail_addresses(account: &AccountName) -> String {
    format!("accounts/{account}/mail/addresses/")
}

pub(crate) fn mail_address(account: &AccountName, id: &str) -> String {
    format!("accounts/{account}/mail/addresses/{id}.json")
}

/// The owner of a mail address, by its local part.
pub(crate) fn mail_owner(local: &str) -> String {
    format!("mail-addresses/{local}.json")
}

/// Accounts with missed messages, by when they are to be notified.
pub(crate) const NOTIFICATIONS_DUE: &str = "notifications/due/";

pub(crate) fn notifications_due(account: &AccountName, due: Timestamp) -> String {
    let millis = u64::try_from(due.millis()).unwrap_or_default();
    format!("{NOTIFICATIONS_DUE}{millis:012x}-{account}")
}

/// Parses a key made by [`notifications_due`].
pub(crate) fn parse_notifications_due(key: &str) -> Option<(Timestamp, AccountName)> {
    let (millis, account) = key.strip_prefix(NOTIFICATIONS_DUE)?.split_once('-')?;
    let millis = i64::from_str_radix(millis, 16).ok()?;
    Some((Timestamp::from_millis(millis), account.parse().ok()?))
}

/// Where an account wants to be notified by mail.
pub(crate) fn notifications(account: &AccountName) -> String {
    format!("accounts/{account}/notifications/settings.json")
}

/// What it is to be notified about.
pub(crate) fn notifications_pending(account: &AccountName) -> String {
    format!("accounts/{account}/notifications/pending.json")
}

/// How much mail was sent for an account.
pub(crate) fn mailed_by(account: &AccountName) -> String {
    format!("outgoing/accounts/{account}.json")
}

/// How much mail was sent to an address, and whether it was refused.
pub(crate) fn mailed_to(address: &EmailAddress) -> String {
    format!("outgoing/addresses/{}.json", address.key())
}

pub(crate) fn invite(id: &str) -> String {
    format!("{INVITES}{id}.json")
}

/// A connector's tasks, oldest first.
pub(crate) fn queue(connector: &str) -> String {
    format!("queue/{connector}/")
}

/// The prefix of all tasks' keys.
pub(crate) const QUEUES: &str = "queue/";

/// Returns the connector and the id in a task's key.
pub(crate) fn read_task(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(QUEUES)?
        .strip_suffix(".json")?
        .split_once('/')
}

pub(crate) fn task(connector: &str, id: &str) -> String {
    format!("queue/{connector}/{id}.json")
}

/// Damaged records that must not hold up others.
pub(crate) const SET_ASIDE: &str = "set-aside/";

/// Where a damaged record is kept for the operator.
pub(crate) fn set_aside(key: &str) -> String {
    format!("{SET_ASIDE}{key}")
}

/// The open calls of an account.
pub(crate) fn calls_of(account: &AccountName) -> String {
    format!("accounts/{account}/calls.json")
}

/// A call that has a link.
pub(crate) fn call(id: &str) -> String {
    format!("calls/{id}.json")
}

/// Returns whether a text can be the id of a record: base64url characters only.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
