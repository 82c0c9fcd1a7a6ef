//! The table itself.

use protocol::paths;

use super::Limit::{Form, MailDocument, Nothing, Own, Records};
use super::Route::{Authorize, Health, Hook, Notifications, Storage, Token, Webfinger};
use super::Who::{Admin, Anyone, App, ConsentPage, Link, LinkOrSession, Session};
use super::{Address, Api, ForConnectors, Limit, On, Route, Who};
use crate::kernel::config::ConnectorKind;
use crate::kernel::config::ConnectorKind::{Gateway, Ircd, Smtp};
use crate::kernel::methods::Verb;
use crate::kernel::methods::Verb::{Delete, Get, Patch, Post, Put};

const fn at(pattern: &'static str, on: &'static [On]) -> Address {
    Address {
        pattern,
        on,
        page: false,
    }
}

const fn page(pattern: &'static str, on: &'static [On]) -> Address {
    Address {
        pattern,
        on,
        page: true,
    }
}

const fn on(verb: Verb, route: Route, who: Who, limit: Limit) -> On {
    On {
        verb,
        route,
        who,
        limit,
        hashes: false,
    }
}

/// Hashing a password takes some 20 ms of processor time at once.
const fn hashing(on: On) -> On {
    On { hashes: true, ..on }
}

/// Without a body.
const fn api(verb: Verb, route: Api, who: Who) -> On {
    on(verb, Route::Api(route), who, Nothing)
}

/// With a body.
const fn form(verb: Verb, route: Api, who: Who) -> On {
    on(verb, Route::Api(route), who, Form)
}

const fn by(kinds: &'static [ConnectorKind], verb: Verb, route: ForConnectors, limit: Limit) -> On {
    on(verb, Route::Connector(route), Who::Connector(kinds), limit)
}

/// Every address; the first one that matches a path counts.
pub(super) static TABLE: &[Address] = &[
    at("/storage/<account>/…/", &[on(Get, Storage, App, Nothing)]),
    at(
        "/storage/<account>/…",
        &[
            on(Get, Storage, App, Nothing),
            on(Put, Storage, App, Own),
            on(Delete, Storage, App, Nothing),
        ],
    ),
    at(
        "/hooks/<token>/…",
        &[
            on(Get, Hook, Link, Nothing),
            on(Post, Hook, Link, Own),
            on(Put, Hook, Link, Own),
        ],
    ),
    at("/healthz", &[on(Get, Health, Anyone, Nothing)]),
    at(
        "/.well-known/webfinger",
        &[on(Get, Webfinger, Anyone, Nothing)],
    ),
    page(
        "/oauth/authorize/<account>",
        &[
            on(Get, Authorize, ConsentPage, Nothing),
            hashing(on(Post, Authorize, ConsentPage, Form)),
        ],
    ),
    at("/oauth/token", &[on(Post, Token, Anyone, Form)]),
    page(
        "/notifications/confirm/<token>",
        &[
            on(Get, Notifications, Link, Nothing),
            on(Post, Notifications, Link, Nothing),
        ],
    ),
    page(
        "/notifications/unsubscribe/<account>/<token>",
        &[
            on(Get, Notifications, Link, Nothing),
            on(Post, Notifications, Link, Nothing),
        ],
    ),
    // Connectors.
    at(
        paths::REGISTER,
        &[by(ConnectorKind::ALL, Post, ForConnectors::Register, Form)],
    ),
    at(
        paths::MAINTAIN,
        &[by(ConnectorKind::ALL, Post, ForConnectors::Maintain, Form)],
    ),
    at(
        paths::EVENTS,
        &[by(&[Gateway], Post, ForConnectors::PostEvents, Records)],
    ),
    at(
        paths::ASSIGNMENTS,
        &[
            by(&[Gateway], Get, ForConnectors::GetAssignments, Records),
            by(&[Gateway], Post, ForConnectors::PostAssignment, Records),
        ],
    ),
    at(
        paths::OUTBOX,
        &[
            by(&[Gateway, Smtp], Get, ForConnectors::GetOutbox, Records),
            by(&[Gateway, Smtp], Post, ForConnectors::PostOutbox, Records),
        ],
    ),
    at(
        paths::SESSIONS,
        &[
            by(&[Gateway, Ircd], Get, ForConnectors::GetSessions, Records),
            by(&[Gateway, Ircd], Post, ForConnectors::PostSessions, Records),
        ],
    ),
    at(
        paths::AUTHENTICATE,
        &[hashing(by(
            // A gateway's bouncer signs plain clients in.
            &[Gateway, Ircd],
            Post,
            ForConnectors::Authenticate,
            Form,
        ))],
    ),
    at(
        paths::ADDRESSES,
        &[by(&[Smtp], Get, ForConnectors::GetMailAddress, Form)],
    ),
    at(
        paths::MAIL,
        &[by(&[Smtp], Post, ForConnectors::PostMail, Records)],
    ),
    at(
        paths::MAIL_DOCUMENT,
        &[by(
            &[Smtp],
            Post,
            ForConnectors::PostMailDocument,
            MailDocument,
        )],
    ),
    at(
        paths::MAIL_OUTCOME,
        &[by(&[Smtp], Post, ForConnectors::PostMailOutcome, Records)],
    ),
    at(
        paths::NOTIFICATIONS,
        &[by(&[Smtp], Post, ForConnectors::Digests, Form)],
    ),
    // Browsers.
    at("/api", &[api(Get, Api::About, Anyone)]),
    at(
        "/api/accounts",
        &[hashing(form(Post, Api::PostAccount, Anyone))],
    ),
    at(
        "/api/session",
        &[
            api(Get, Api::GetSession, Session),
            hashing(form(Post, Api::PostSession, Anyone)),
            api(Delete, Api::DeleteSession, Session),
        ],
    ),
    at(
        "/api/sessions",
        &[api(Delete, Api::DeleteSessions, Session)],
    ),
    at(
        "/api/password",
        &[hashing(form(Put, Api::PutPassword, Session))],
    ),
    at(
        "/api/grants",
        &[
            api(Get, Api::GetGrants, Session),
            form(Post, Api::PostGrant, Session),
        ],
    ),
    at(
        "/api/grants/<id>",
        &[api(Delete, Api::DeleteGrant, Session)],
    ),
    at(
        "/api/invites",
        &[
            api(Get, Api::GetInvites, Session),
            form(Post, Api::PostInvite, Session),
        ],
    ),
    // Read by its token, deleted by its id.
    at(
        "/api/invites/<id>",
        &[
            api(Get, Api::GetInvite, Link),
            api(Delete, Api::DeleteInvite, Session),
        ],
    ),
    at(
        "/api/connections",
        &[
            api(Get, Api::GetConnections, Session),
            form(Post, Api::PostConnection, Session),
        ],
    ),
    at(
        "/api/connections/<id>",
        &[
            api(Get, Api::GetConnection, Session),
            form(Patch, Api::PatchConnection, Session),
            api(Delete, Api::DeleteConnection, Session),
        ],
    ),
    at("/api/calls", &[form(Post, Api::PostCall, Session)]),
    at(
        "/api/calls/<token>",
        &[
            api(Get, Api::GetCall, Link),
            form(Post, Api::JoinCall, LinkOrSession),
            api(Delete, Api::DeleteCall, Session),
        ],
    ),
    at(
        "/api/connectors",
        &[
            api(Get, Api::GetConnectors, Admin),
            form(Post, Api::PostConnector, Admin),
        ],
    ),
    at(
        "/api/connectors/<id>",
        &[
            form(Patch, Api::PatchConnector, Admin),
            api(Delete, Api::DeleteConnector, Admin),
        ],
    ),
    at(
        "/api/addresses",
        &[
            api(Get, Api::GetAddresses, Session),
            form(Post, Api::PostAddress, Session),
        ],
    ),
    at(
        "/api/addresses/<id>",
        &[
            api(Post, Api::RotateAddress, Session),
            api(Delete, Api::DeleteAddress, Session),
        ],
    ),
    at(
        "/api/notifications",
        &[
            api(Get, Api::GetNotifications, Session),
            api(Post, Api::PostNotifications, Session),
            form(Put, Api::PutNotifications, Session),
        ],
    ),
    at(
        "/api/archive",
        &[
            api(Get, Api::GetArchive, Session),
            form(Put, Api::PutArchive, Session),
            api(Delete, Api::DeleteArchive, Session),
        ],
    ),
    at(
        "/api/archive/discovery",
        &[api(Get, Api::GetArchiveDiscovery, Session)],
    ),
    at(
        "/api/archive/token",
        &[api(Get, Api::GetArchiveToken, Session)],
    ),
    at("/api/tickets", &[api(Post, Api::PostTicket, Session)]),
    at("/api/turn", &[api(Get, Api::GetTurn, Session)]),
    at(
        "/api/store",
        &[
            api(Get, Api::GetStore, Session),
            form(Put, Api::PutStore, Session),
        ],
    ),
    at("/api/store/test", &[form(Post, Api::TestStore, Session)]),
    at(
        "/api/store/move",
        &[
            api(Post, Api::ContinueMove, Session),
            api(Delete, Api::CancelMove, Session),
        ],
    ),
    at(
        "/api/store/kept",
        &[
            api(Get, Api::GetKept, Session),
            api(Delete, Api::DeleteKept, Session),
        ],
    ),
    at("/api/store/left", &[api(Delete, Api::DeleteLeft, Session)]),
    at(
        "/api/hooks",
        &[
            api(Get, Api::GetHooks, Session),
            form(Post, Api::PostHook, Session),
        ],
    ),
    at(
        "/api/hooks/<id>",
        &[
            api(Get, Api::GetHook, Session),
            form(Patch, Api::PatchHook, Session),
            api(Delete, Api::DeleteHook, Session),
        ],
    ),
    at(
        "/api/hooks/<id>/token",
        &[api(Post, Api::RenewHookToken, Session)],
    ),
    at(
        "/api/hooks/<id>/secret",
        &[api(Post, Api::RenewHookSecret, Session)],
    ),
    at(
        "/api/hooks/<id>/deliveries/<delivery>/again",
        &[api(Post, Api::DeliverAgain, Session)],
    ),
];
