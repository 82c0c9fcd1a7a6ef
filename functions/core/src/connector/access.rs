//! Which connectors may use which addresses, and how much they may send there.

use http::Method;

use super::mail::MAX_DOCUMENT;
use crate::ConnectorKind;
use crate::ConnectorKind::{Gateway, Ircd, Smtp};

/// The largest body of most requests, in bytes.
const LARGE: u64 = 8 * 1024 * 1024;
/// Where only a few fields are sent.
const SMALL: u64 = 64 * 1024;
/// Every kind.
const ALL: &[ConnectorKind] = &[Gateway, Ircd, Smtp];

/// What an address takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Methods {
    Get,
    Post,
    Both,
}

impl Methods {
    pub(super) fn allow(self, method: &Method) -> bool {
        let read = matches!(*method, Method::GET | Method::HEAD);
        match self {
            Self::Get => read,
            Self::Post => method == Method::POST,
            Self::Both => read || method == Method::POST,
        }
    }

    /// As in the header `Allow`.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD, OPTIONS",
            Self::Post => "POST, OPTIONS",
            Self::Both => "GET, HEAD, POST, OPTIONS",
        }
    }
}

/// One address below `/connector/`.
#[derive(Debug)]
pub(super) struct Row {
    address: &'static str,
    pub(super) methods: Methods,
    /// Whose keys open it. A key of any other kind gets 403: one that leaks opens no more than its program needs.
    pub(super) kinds: &'static [ConnectorKind],
    /// The largest body, in bytes.
    pub(super) body: u64,
}

const fn on(
    address: &'static str,
    methods: Methods,
    kinds: &'static [ConnectorKind],
    body: u64,
) -> Row {
    Row {
        address,
        methods,
        kinds,
        body,
    }
}

/// All addresses.
pub(super) const TABLE: &[Row] = &[
    on("register", Methods::Post, ALL, SMALL),
    on("maintain", Methods::Post, ALL, SMALL),
    on("events", Methods::Post, &[Gateway], LARGE),
    on("assignments", Methods::Both, &[Gateway], LARGE),
    on("outbox", Methods::Both, &[Gateway, Smtp], LARGE),
    on("sessions", Methods::Both, &[Gateway, Ircd], LARGE),
    on("authenticate", Methods::Post, &[Ircd], SMALL),
    on("addresses", Methods::Get, &[Smtp], SMALL),
    on("mail", Methods::Post, &[Smtp], LARGE),
    on("mail/document", Methods::Post, &[Smtp], MAX_DOCUMENT),
    on("mail/outcome", Methods::Post, &[Smtp], LARGE),
    on("notifications", Methods::Post, &[Smtp], SMALL),
];

/// Finds what follows `/connector/`.
pub(super) fn row(address: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.address == address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MailService;
    use crate::testing::{functions_with, kind_of};

    /// What each key opens, written down once more: a change of the table has to be meant.
    const OPENS: &[(ConnectorKind, &[&str])] = &[
        (
            Gateway,
            &[
                "register",
                "maintain",
                "events",
                "assignments",
                "outbox",
                "sessions",
            ],
        ),
        (Ircd, &["register", "maintain", "authenticate", "sessions"]),
        (
            Smtp,
            &[
                "register",
                "maintain",
                "outbox",
                "addresses",
                "mail",
                "mail/document",
                "mail/outcome",
                "notifications",
            ],
        ),
    ];

    #[test]
    fn a_key_opens_what_its_program_needs_and_nothing_else() {
        let f = functions_with(|config| {
            config.mail = Some(MailService {
                domain: "chat.example.org".to_owned(),
                connector: kind_of(Smtp).to_owned(),
                sends: true,
            });
        });
        for (kind, opens) in OPENS {
            let id = kind_of(*kind);
            for row in TABLE {
                let path = format!("/connector/{}", row.address);
                for method in ["GET", "POST", "PUT", "DELETE"] {
                    let reply = f.signed(id, method, &path, "[]");
                    let known = row.methods.allow(&method.parse().unwrap());
                    let status = reply.status.as_u16();
                    match (opens.contains(&row.address), known) {
                        (false, _) => assert_eq!(status, 403, "{id} {method} {path}"),
                        (true, false) => {
                            assert_eq!(status, 405, "{id} {method} {path}");
                            assert_eq!(reply.header("allow"), row.methods.header());
                        }
                        (true, true) => {
                            assert!(
                                !matches!(status, 401 | 403 | 405),
                                "{id} {method} {path}: {status}"
                            );
                        }
                    }
                }
            }
            assert_eq!(f.signed(id, "GET", "/connector/nothing", "").status, 404);
        }
    }

    #[test]
    fn every_kind_is_in_every_table() {
        for kind in ConnectorKind::ALL {
            assert!(OPENS.iter().any(|(other, _)| other == kind), "{kind}");
            assert!(TABLE.iter().any(|row| row.kinds.contains(kind)), "{kind}");
        }
    }
}
