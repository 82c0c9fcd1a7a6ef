//! One table of every request that is taken: the method, the address, what handles it, who may, and how large its body
//! may be. `Allow`, the preflight of CORS, the list in `functions/API.md` and the addresses that the web client knows
//! follow from it.

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

/// Who may send a request. What is marked so is checked before the handler is called, unless it says otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// Everybody.
    Anyone,
    /// Everybody who knows the token in the address; the handler checks it.
    Link,
    /// As [`Who::Link`], and a session if one is shown; the handler checks both.
    LinkOrSession,
    /// A session.
    Session,
    /// A session of an admin.
    Admin,
    /// A token of an app within its scopes; the handler checks it, since some documents are public.
    App,
    /// Whoever signs in on the page, or has its cookie; the handler checks that.
    ConsentPage,
    /// A connector of one of these kinds, by its signature. A key of any other kind gets 403: one that leaks opens no
    /// more than its program needs.
    Connector(&'static [ConnectorKind]),
}

/// How large a body may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Limit {
    /// None is read.
    Nothing,
    /// A form, or a few fields.
    Form,
    /// Many records.
    Records,
    /// A document of a mail: a mail of 25 MiB with what is added on its way.
    MailDocument,
    /// The handler decides: by the installation's configuration, or by the kind of the hook.
    Own,
}

impl Limit {
    /// In bytes.
    const fn bytes(self) -> u64 {
        match self {
            Self::Nothing | Self::Own => 0,
            Self::Form => 64 * 1024,
            Self::Records => 8 * 1024 * 1024,
            Self::MailDocument => 26 * 1024 * 1024,
        }
    }
}

/// What handles a request.
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

/// What handles a request of a browser.
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

/// What handles a request of a connector.
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

/// One request that is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    pub(crate) verb: Verb,
    pub(crate) route: Route,
    pub(crate) who: Who,
    limit: Limit,
    /// A password is hashed.
    hashes: bool,
}

impl On {
    /// The largest body, in bytes.
    pub(crate) const fn most(&self) -> u64 {
        self.limit.bytes()
    }
}

/// One address, `<…>` for what is different each time. Outside of `/api` the handler reads what comes from the first
/// of those on.
#[derive(Debug)]
pub(crate) struct Address {
    pattern: &'static str,
    on: &'static [On],
    /// A page for people, which scripts of other origins may not read.
    page: bool,
}

impl Address {
    /// Returns what is done on a method.
    pub(crate) fn on(&self, method: &Method) -> Option<&'static On> {
        let verb = Verb::of(method)?;
        self.on.iter().find(|on| on.verb == verb)
    }

    /// Returns the methods that are taken.
    pub(crate) fn methods(&self) -> Methods {
        Methods::of(self.on.iter().map(|on| on.verb))
    }

    /// Returns whether this is a page for people, which scripts of other origins may not read.
    pub(crate) const fn is_page(&self) -> bool {
        self.page
    }

    /// Returns whose keys open it, if it is for connectors.
    pub(crate) fn connectors(&self) -> Option<&'static [ConnectorKind]> {
        match self.on.first()?.who {
            Who::Connector(kinds) => Some(kinds),
            _ => None,
        }
    }

    /// Returns what stands in a path where the pattern has a name: up to two segments below `/api`, else all of the
    /// rest as the first; none if the path is another address.
    fn fit<'p>(&self, path: &'p str) -> Option<[&'p str; 2]> {
        let mut values = [""; 2];
        if !self.pattern.starts_with(API) {
            let Some((start, end)) = self.pattern.split_once('<') else {
                return (path == self.pattern).then_some(values);
            };
            let rest = path.strip_prefix(start)?;
            // A folder is another address than a document.
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

/// What browsers use.
const API: &str = "/api";

/// Finds the address that a path is, and what stands in the places of its names.
pub(crate) fn find(path: &str) -> Option<(&'static Address, [&str; 2])> {
    // Most requests are for documents, which stand first.
    let fit = |address: &'static Address| Some((address, address.fit(path)?));
    TABLE.iter().find_map(fit)
}

/// Returns whether a request may take some 20 ms of processor time at a stretch (hashing a password), so
/// that a host with threads may want to handle it on one of its own.
#[must_use]
pub fn is_blocking(method: &Method, path: &str) -> bool {
    if !matches!(*method, Method::POST | Method::PUT) {
        return false;
    }
    let on = find(path).and_then(|(address, _)| address.on(method));
    on.is_some_and(|on| on.hashes)
}

/// What the paths of the functions begin with; a host may serve all others itself. A test compares them with the table,
/// and with what is written down for the web servers in front.
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
