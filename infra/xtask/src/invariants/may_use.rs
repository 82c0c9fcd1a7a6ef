//! The arrows between the folders of a package, as in ARCHITECTURE.md.

/// The folders and files at the root of a package's sources, and what each may use.
#[derive(Debug)]
pub(super) struct Arrows {
    /// The folder of the sources.
    pub(super) sources: &'static str,
    /// Folders, and those that each may use; a folder may always use itself. Lower ones use those above them.
    pub(super) may_use: &'static [(&'static str, &'static [&'static str])],
    /// The folders that all may use, and that use none of the others.
    pub(super) base: &'static [&'static str],
    /// The parts that compose everything, and may use everything.
    pub(super) top: &'static [&'static str],
}

/// Every package whose arrows are checked.
pub(super) const PACKAGES: &[Arrows] = &[
    Arrows {
        sources: "functions/core/src/",
        may_use: FUNCTIONS,
        base: &["kernel"],
        top: &["routes", "testing", "tests"],
    },
    Arrows {
        sources: "connectors/gateway/src/",
        may_use: GATEWAY,
        base: &[
            "channel_keys",
            "config",
            "metrics",
            "platform",
            "settings",
            "work",
        ],
        top: &["gateway", "run", "serve", "testing", "tests"],
    },
];

const FUNCTIONS: &[(&str, &[&str])] = &[
    ("connectors", &[]),
    ("outgoing", &["connectors"]),
    ("identity", &["connectors", "outgoing"]),
    ("files", &["connectors", "identity"]),
    ("webhooks", &["connectors", "identity"]),
    ("notify", &["connectors", "outgoing", "identity"]),
    ("chat", &["connectors", "identity", "files", "notify"]),
    (
        "mail",
        &["connectors", "outgoing", "identity", "files", "chat"],
    ),
    (
        "lifecycle",
        &[
            "connectors",
            "outgoing",
            "identity",
            "files",
            "webhooks",
            "notify",
            "chat",
            "mail",
        ],
    ),
];

const GATEWAY: &[(&str, &[&str])] = &[
    ("settings", &[]),
    ("spool", &[]),
    ("publish", &["spool"]),
    ("dialect", &[]),
    ("outbox", &["publish"]),
    ("clients", &[]),
    ("sockets", &["dialect", "clients"]),
    ("link", &["spool", "outbox", "clients"]),
    ("hub", &["link", "outbox", "clients"]),
    ("calls", &["sockets"]),
    ("sessions", &["hub", "calls", "clients", "sockets"]),
    (
        "namespaces",
        &[
            "dialect", "clients", "sockets", "link", "hub", "calls", "sessions",
        ],
    ),
    (
        "entrance",
        &["dialect", "clients", "sockets", "link", "hub", "sessions"],
    ),
    (
        "service",
        &["hub", "sessions", "sockets", "spool", "publish", "outbox"],
    ),
];
