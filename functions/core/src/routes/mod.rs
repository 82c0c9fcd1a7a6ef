//! One table of all accepted requests: the method, the address, its handler, who may send it, and how large its body
//! may be. `Allow`, CORS preflights, the list in `functions/API.md` and the addresses that the web client knows are
//! derived from it.

pub(crate) mod api;
mod connectors;
#[cfg(test)]
mod generated;
mod outbox;
pub(crate) mod router;
mod table;
#[cfg(test)]
mod tests;

use http::Method;

use crate::kernel::config::ConnectorKind;
use crate::kernel::methods::{Methods, Verb};
use table::TABLE;

/// Who may send a request. This is checked before the handler is called, unless stated otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// Everyone.
    Anyone,
    /// Anyone who knows the token in the address; the handler checks it.
    Link,
    /// Like [`Who::Link`], optionally with a session; the handler checks both.
    LinkOrSession,
    /// A session.
    Session,
    /// A session of an admin.
    Admin,
    /// A token of an app within its scopes; the handler checks it, since some documents are public.
    App,
    /// Anyone who signs in on the page, or has its cookie; the handler checks that.
    ConsentPage,
    /// A connector of one of these kinds, by its signature. A key of any other kind gets 403, so that a leaked key
    /// opens no more than its program needs.
    Connector(&'static [ConnectorKind]),
}

/// The limit of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limit {
    /// No body is read.
    Nothing,
    /// A form, or a few fields.
    Form,
    /// Many records.
    Records,
    /// A document of a mail: a mail of 25 MiB with what is added in transit.
    MailDocument,
    /// The handler decides: by the installation's configuration, or by the kind of hook.
    Own,
}

impl Limit {
    /// The limit in bytes.
    const fn bytes(self) -> u64 {
        match self {
            Self::Nothing | Self::Own => 0,
            Self::Form => 64 * 1024,
            Self::Records => 8 * 1024 * 1024,
            Self::MailDocument => 26 * 1024 * 1024,
        }
    }
}

/// The handler of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    Authorize,
    Health,
    Hook,
    Notifications,
    Storage,
    Token,
    Webfinger,
    Api(Api),
    Connector(ForConnectors),
}

/// The handler of a request by browsers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Api {
    About,
    CancelMove,
    ContinueMove,
    DeleteAddress,
    DeleteArchive,
    DeleteCall,
    DeleteConnection,
    DeleteConnector,
    DeleteGrant,
    DeleteHook,
    DeleteInvite,
    DeleteKept,
    DeleteLeft,
    DeleteSession,
    DeleteSessions,
    DeliverAgain,
    GetAddresses,
    GetArchive,
    GetArchiveDiscovery,
    GetArchiveToken,
    GetCall,
    GetConnection,
    GetConnections,
    GetConnectors,
    GetGrants,
    GetHook,
    GetHooks,
    GetInvite,
    GetInvites,
    GetKept,
    GetNotifications,
    GetSession,
    GetStore,
    GetTurn,
    JoinCall,
    PatchConnection,
    PatchConnector,
    PatchHook,
    PostAccount,
    PostAddress,
    PostCall,
    PostConnection,
    PostConnector,
    PostGrant,
    PostHook,
    PostInvite,
    PostNotifications,
    PostSession,
    PostTicket,
    PutArchive,
    PutNotifications,
    PutPassword,
    PutStore,
    RenewHookSecret,
    RenewHookToken,
    RotateAddress,
    TestStore,
}

/// The handler of a request by connectors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ForConnectors {
    Authenticate,
    Digests,
    GetAssignments,
    GetMailAddress,
    GetOutbox,
    GetSessions,
    Maintain,
    PostAssignment,
    PostEvents,
    PostMail,
    PostMailDocument,
    PostMailOutcome,
    PostOutbox,
    PostSessions,
    Register,
}

/// One accepted request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    pub(crate) verb: Verb,
    pub(crate) route: Route,
    pub(crate) who: Who,
    limit: Limit,
    /// Whether a password is hashed.
    hashes: bool,
}

impl On {
    /// The largest body, in bytes.
    pub(crate) const fn most(&self) -> u64 {
        self.limit.bytes()
    }
}

/// One address, with `<…>` for variable parts. Outside of `/api` the handler parses everything from the first of those
/// on.
#[derive(Debug)]
pub(crate) struct Address {
    pattern: &'static str,
    on: &'static [On],
    /// A page for people, which scripts of other origins must not read.
    page: bool,
}

impl Address {
    /// Returns the request for a method.
    pub(crate) fn on(&self, method: &Method) -> Option<&'static On> {
        let verb = Verb::of(method)?;
        self.on.iter().find(|on| on.verb == verb)
    }

    /// Returns the accepted methods.
    pub(crate) fn methods(&self) -> Methods {
        Methods::of(self.on.iter().map(|on| on.verb))
    }

    /// Returns whether this is a page for people, which scripts of other origins must not read.
    pub(crate) const fn is_page(&self) -> bool {
        self.page
    }

    /// Returns the kinds of connectors whose keys open it, if it is for connectors.
    pub(crate) fn connectors(&self) -> Option<&'static [ConnectorKind]> {
        match self.on.first()?.who {
            Who::Connector(kinds) => Some(kinds),
            _ => None,
        }
    }

    /// Returns the parts of a path in place of the pattern's names: up to two segments below `/api`, else all of the
    /// rest as the first; `None` if the path does not match.
    fn fit<'p>(&self, path: &'p str) -> Option<[&'p str; 2]> {
        let mut values = [""; 2];
        if !self.pattern.starts_with(API) {
            let Some((start, end)) = self.pattern.split_once('<') else {
                return (path == self.pattern).then_some(values);
            };
            let rest = path.strip_prefix(start)?;
            // A folder's address differs from a document's.
            let fits = !end.ends_with('/') || rest.ends_with('/');
            return fits.then_some([rest, ""]);
        }
        if !path.starts_with(API) {
            return None;
        }
        let mut filled = 0;
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        for wanted in self.pattern.split('/').skip(1) {
            let segment = segments.next()?;
            if wanted.starts_with('<') {
                *values.get_mut(filled)? = segment;
                filled += 1;
            } else if wanted != segment {
                return None;
            }
        }
        segments.next().is_none().then_some(values)
    }
}

/// The prefix of the API for browsers.
const API: &str = "/api";

/// Finds the address that a path matches, and its variable parts.
pub(crate) fn find(path: &str) -> Option<(&'static Address, [&str; 2])> {
    // Most requests are for documents, which come first.
    let fit = |address: &'static Address| Some((address, address.fit(path)?));
    TABLE.iter().find_map(fit)
}

/// Returns whether a request may take some 20 ms of processor time at once (hashing a password), so that a host with
/// threads may want to handle it on a separate one.
#[must_use]
pub fn is_blocking(method: &Method, path: &str) -> bool {
    if !matches!(*method, Method::POST | Method::PUT) {
        return false;
    }
    let on = find(path).and_then(|(address, _)| address.on(method));
    on.is_some_and(|on| on.hashes)
}

/// Prefixes of the functions' paths; a host may serve all others itself. A test compares them with the table, and with
/// the configurations of the web servers in front.
const PREFIXES: &[&str] = &[
    "/.well-known/webfinger",
    API,
    "/connector",
    "/healthz",
    "/hooks",
    "/notifications",
    "/oauth",
    "/storage",
];

/// Returns whether a path belongs to the functions; a host may serve all others itself.
#[must_use]
pub fn is_ours(path: &str) -> bool {
    let below = |prefix: &&str| {
        path.strip_prefix(*prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    PREFIXES.iter().any(below)
}
