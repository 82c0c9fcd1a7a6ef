//! The platform as seen by the gateway.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use gateway::{ConnectionHandle, Platform};
use protocol::{
    Assignment, Connection, ConnectionField, FieldKind, PRIVATE_CONNECTION, PersonId,
    PlatformDescriptor, Timestamp,
};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;

use crate::clock::{now, random};
use crate::descriptor::DESCRIPTOR;
use crate::dial::Reach;
use crate::gate::{Gate, Pace};
use crate::identities::Identities;
use crate::own_server::OwnServer;
use crate::policies::Policies;
use crate::shell::{Shared, Shell};
use crate::tls::Trust;
use crate::{AddressPolicy, Proxy, Settings, credentials};

/// Commands and outputs that may be queued between the gateway and a connection.
const CHANNEL: usize = 256;

/// The platform's configuration.
#[derive(Clone, Default)]
pub struct IrcConfig {
    /// Times, rates and limits.
    pub settings: Settings,
    /// Which addresses the connector may connect to.
    pub addresses: AddressPolicy,
    /// The rate at which all accounts together connect to one host.
    pub pace: Pace,
    /// The operator's own servers, `host:port`: all accounts may connect to them without delay.
    pub own: Vec<String>,
    /// Where the space's own server listens. Every account's built-in connection may be made there, whatever
    /// `addresses` says; other connections may not.
    pub own_server: Vec<SocketAddr>,
    /// Where to keep what outlives the process, in a folder that only this one uses; without it nothing does.
    pub folder: Option<PathBuf>,
    /// The connector's key, from which the one is derived that seals what is kept.
    pub key: Vec<u8>,
    /// The proxy through which servers are connected to, except your own.
    pub proxy: Option<Proxy>,
    /// Whether accounts may use proxies of their own.
    pub member_proxies: bool,
    /// Trusted certificates in addition to the system's, DER.
    pub roots: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for IrcConfig {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IrcConfig")
            .field("addresses", &self.addresses)
            .field("own", &self.own)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// The field of the descriptor for an account's own proxy, which may contain a password.
fn proxy_field() -> ConnectionField {
    ConnectionField {
        name: "proxy".to_owned(),
        kind: FieldKind::Secret,
        label: "Proxy".to_owned(),
        hint: Some(
            "SOCKS5 or HTTP; with a name and password as socks5://name:password@host:1080."
                .to_owned(),
        ),
        placeholder: Some("socks5://host:1080".to_owned()),
        required: false,
        limit: Some(600),
        default: None,
        unless: None,
        without: None,
        begins_without: None,
        choices: Vec::new(),
        expected: None,
        implies: Vec::new(),
        unasked: false,
    }
}

/// The platform `irc`: one task per connection.
#[derive(Debug)]
pub struct Irc {
    config: IrcConfig,
    own_server: Arc<OwnServer>,
    shared: Shared,
}

impl Irc {
    /// Creates the platform; reads the system's certificates, and what was kept. Blocking.
    #[must_use]
    pub fn new(config: IrcConfig) -> Self {
        Self {
            own_server: Arc::new(OwnServer::new(config.own_server.clone())),
            shared: Shared {
                trust: Trust::new(&config.roots),
                gate: Arc::new(Gate::new(config.pace.clone(), config.own.clone())),
                policies: Arc::new(Policies::open(config.folder.as_deref())),
                identities: Arc::new(Identities::open(config.folder.as_deref(), &config.key)),
            },
            config,
        }
    }
}

impl Platform for Irc {
    fn descriptor(&self) -> PlatformDescriptor {
        let mut descriptor = DESCRIPTOR.clone();
        if self.config.member_proxies {
            let before = |field: &ConnectionField| field.name == "channels";
            let at = descriptor.fields.iter().position(before);
            let at = at.unwrap_or(descriptor.fields.len());
            descriptor.fields.insert(at, proxy_field());
        }
        descriptor
    }

    fn types(&self) -> &'static [&'static str] {
        &[
            "credentials",
            "connect",
            "update",
            "join",
            "leave",
            "send",
            "query",
            "invite",
            "add",
            "remove",
            "delete",
            "disconnect",
        ]
    }

    fn credentials(
        &self,
        actor: &PersonId,
        object: &serde_json::Value,
    ) -> Result<Connection, String> {
        let id = format!("{:016x}", random());
        credentials::connection(actor, object, id, now())
    }

    fn start(
        &self,
        assignment: Assignment,
        last_seen: Vec<(String, Timestamp)>,
    ) -> ConnectionHandle {
        let (commands, for_shell) = mpsc::channel(CHANNEL);
        let (from_shell, outputs) = mpsc::channel(CHANNEL);
        let built_in = assignment.connection.id == PRIVATE_CONNECTION;
        let shell = Shell::new(
            assignment,
            last_seen,
            self.config.settings.clone(),
            Reach {
                addresses: self.config.addresses.clone(),
                own_server: Arc::clone(&self.own_server),
                built_in,
                proxy: self.config.proxy.clone().map(Arc::new),
                member_proxies: self.config.member_proxies,
            },
            self.shared.clone(),
            random(),
        );
        tokio::spawn(shell.run(for_shell, from_shell));
        ConnectionHandle { commands, outputs }
    }
}
