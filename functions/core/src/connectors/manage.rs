//! `/api/connectors`: admins create connectors and see their state.

use http::StatusCode;
use protocol::{
    ConnectorChange, ConnectorList, ConnectorState, ConnectorView, DEFAULT_PLATFORM, NewConnector,
    Registration,
};
use storage_adapter::ObjectStore;

use crate::connectors::Connectors;
use crate::connectors::registry::Registered;
use crate::kernel::config::{Config, ConnectorKind};
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, json};

/// The most connectors that admins can create.
const MAX_CONNECTORS: usize = 100;
/// The longest id.
const MAX_ID: usize = 32;
/// A connector that has not registered for this long is shown as silent, in milliseconds: it registers hourly.
const SILENT_MS: i64 = 2 * 60 * 60 * 1000;

impl<S: ObjectStore, H: Host> Connectors<S, H> {
    /// `GET /api/connectors`.
    pub(crate) async fn get_connectors(&self) -> Answer {
        let configured = self
            .kernel
            .config()
            .connectors
            .iter()
            .map(|connector| ConnectorView {
                id: connector.id.clone(),
                kind: String::new(),
                state: ConnectorState::Configured,
                registration: Registration {
                    url: Some(connector.url.clone()),
                    platforms: connector.platforms.clone(),
                    ..Registration::default()
                },
                created: None,
                seen: None,
                key: None,
                command: None,
            });
        let registry = self.registry().await?;
        let made = registry
            .connectors
            .iter()
            .map(|registered| self.view(registered));
        let connectors = configured.chain(made).collect();
        Ok(answer(StatusCode::OK, &ConnectorList { connectors }))
    }

    fn view(&self, registered: &Registered) -> ConnectorView {
        let silent =
            |seen: protocol::Timestamp| self.kernel.now().millis() - seen.millis() > SILENT_MS;
        let state = match registered.seen {
            None => ConnectorState::Waiting,
            Some(seen) if silent(seen) => ConnectorState::Silent,
            Some(_) => ConnectorState::Registered,
        };
        ConnectorView {
            id: registered.id.clone(),
            // Older records have the old word.
            kind: kind_of(&registered.kind)
                .map_or_else(|_| registered.kind.clone(), |kind| kind.to_string()),
            state,
            registration: registered.registration.clone(),
            created: Some(registered.created),
            seen: registered.seen,
            key: None,
            command: None,
        }
    }

    /// `POST /api/connectors`.
    pub(crate) async fn post_connector(&self, body: Incoming) -> Answer {
        let wanted: NewConnector = json(body).await?;
        let kind = kind_of(&wanted.kind)?;
        let platform = platform_of(kind, wanted.platform)?;
        check_url(kind, wanted.url.as_deref())?;
        let configured: Vec<&str> = self
            .kernel
            .config()
            .connectors
            .iter()
            .map(|c| c.id.as_str())
            .collect();
        let now = self.kernel.now();
        let made = self
            .edit_registry(|registry| {
                let all = &mut registry.connectors;
                if all.len() >= MAX_CONNECTORS {
                    let text =
                        format!("there are {MAX_CONNECTORS} connectors already; delete one first");
                    return Err(Failure::conflict(text));
                }
                let taken = |id: &str| configured.contains(&id) || all.iter().any(|c| c.id == id);
                let id = match &wanted.id {
                    Some(id) => id.clone(),
                    None => {
                        let word = platform.clone().unwrap_or_else(|| kind.to_string());
                        let mut ids = (1..).map(|number| match number {
                            1 => word.clone(),
                            number => format!("{word}-{number}"),
                        });
                        ids.find(|id| !taken(id)).unwrap_or_default()
                    }
                };
                if !is_connector_id(&id) {
                    let text = "the id of a connector is 1 to 32 of the characters a-z, 0-9 and -";
                    return Err(Failure::unprocessable(text));
                }
                if taken(&id) {
                    let text = format!("there is a connector \"{id}\" already; choose another id");
                    return Err(Failure::conflict(text));
                }
                let made = Registered {
                    id,
                    kind: kind.to_string(),
                    platform: platform.clone(),
                    generation: u32::from_be_bytes(self.kernel.random()),
                    created: now,
                    registration: Registration::default(),
                    seen: None,
                };
                all.push(made.clone());
                Ok(made)
            })
            .await?;
        let view = self.with_key(&made, wanted.url.as_deref()).await?;
        Ok(answer(StatusCode::CREATED, &view))
    }

    /// `PATCH /api/connectors/<id>`: a new key.
    pub(crate) async fn patch_connector(&self, id: &str, body: Incoming) -> Answer {
        let change: ConnectorChange = json(body).await?;
        let made = self
            .edit_registry(|registry| {
                let known = registry.connectors.iter_mut().find(|known| known.id == id);
                let known = known.ok_or_else(missing)?;
                check_url(kind_of(&known.kind)?, change.url.as_deref())?;
                if change.rotate {
                    known.generation = known.generation.wrapping_add(1);
                }
                Ok(known.clone())
            })
            .await?;
        if !change.rotate {
            return Ok(answer(StatusCode::OK, &self.view(&made)));
        }
        let url = change.url.or_else(|| made.registration.url.clone());
        let view = self.with_key(&made, url.as_deref()).await?;
        Ok(answer(StatusCode::OK, &view))
    }

    /// `DELETE /api/connectors/<id>`. The unreadable part of a damaged record is set aside.
    pub(crate) async fn delete_connector(&self, id: &str) -> Answer {
        self.edit_readable_registry(|registry| {
            let before = registry.connectors.len();
            registry.connectors.retain(|known| known.id != id);
            if registry.connectors.len() == before && registry.damaged.is_none() {
                return Err(missing());
            }
            Ok(())
        })
        .await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Shows the key and the command that starts the connector; this is the only time.
    async fn with_key(
        &self,
        made: &Registered,
        url: Option<&str>,
    ) -> Result<ConnectorView, Failure> {
        let key = self.kernel.keys().connector(&made.id, made.generation);
        let key = protocol::hex(&key);
        // A private network that is not on the public internet has to be allowed explicitly.
        let kind = kind_of(&made.kind)?;
        let gateway = kind == ConnectorKind::Gateway;
        let allow = self.network().await?.filter(|_| gateway);
        let allow = allow.map(|network| format!("{}:{}", network.host, network.port));
        let mut words = vec![
            format!("SUBSPACE_FUNCTIONS_URL={}", self.kernel.config().origin),
            format!("SUBSPACE_CONNECTOR_ID={}", made.id),
            format!("SUBSPACE_CONNECTOR_KEY={key}"),
        ];
        match kind {
            ConnectorKind::Ircd => {
                words.extend(url.map(|url| format!("SUBSPACE_IRCD_PUBLIC_URL={url}")));
                words.push(format!("SUBSPACE_IRCD_DATA={}-data", made.id));
                words.push("subspace-ircd".to_owned());
            }
            ConnectorKind::Smtp => {
                // The domain of mail addresses, by default that of the web pages.
                let host = url
                    .unwrap_or(&self.kernel.config().origin)
                    .split_once("://")
                    .map_or("", |(_, rest)| rest.split([':', '/']).next().unwrap_or(""));
                words.push(format!("SUBSPACE_MAIL_DOMAIN={host}"));
                words.push(format!("SUBSPACE_SPOOL={}-spool", made.id));
                words.push("subspace-smtp-connector".to_owned());
            }
            ConnectorKind::Gateway => {
                words.extend(url.map(|url| format!("SUBSPACE_PUBLIC_URL={url}")));
                words.push(format!("SUBSPACE_SPOOL={}-spool", made.id));
                words.extend(allow.map(|allow| format!("SUBSPACE_ALLOW={allow}")));
                let platform = made.platform.as_deref().unwrap_or(DEFAULT_PLATFORM);
                let program = program_of(platform).ok_or_else(|| no_program(platform))?;
                words.push(program.to_owned());
            }
        }
        Ok(ConnectorView {
            key: Some(key),
            command: Some(words.join(" ")),
            ..self.view(made)
        })
    }
}

fn missing() -> Failure {
    Failure::not_found("no admin created such a connector")
}

fn is_connector_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Parses a kind as an admin writes it.
fn kind_of(text: &str) -> Result<ConnectorKind, Failure> {
    text.parse().map_err(|()| {
        Failure::unprocessable(
            "kind must be gateway (connects people to chat networks), ircd (an IRC server of your own) or smtp",
        )
    })
}

/// The gateway programs, by platform.
const PROGRAMS: &[(&str, &str)] = &[(DEFAULT_PLATFORM, "subspace-irc-connector")];

fn program_of(platform: &str) -> Option<&'static str> {
    let found = PROGRAMS.iter().find(|(id, _)| *id == platform);
    found.map(|(_, program)| *program)
}

fn no_program(platform: &str) -> Failure {
    let known: Vec<&str> = PROGRAMS.iter().map(|(id, _)| *id).collect();
    let shown: String = platform
        .chars()
        .filter(|c| !c.is_control())
        .take(60)
        .collect();
    let known = known.join(", ");
    Failure::unprocessable(format!(
        "no gateway connects to \"{shown}\"; platform must be one of: {known}"
    ))
}

/// Returns the platform of a new connector, if it is a gateway.
fn platform_of(kind: ConnectorKind, wanted: Option<String>) -> Result<Option<String>, Failure> {
    match (kind, wanted) {
        (ConnectorKind::Gateway, wanted) => {
            let platform = wanted.unwrap_or_else(|| DEFAULT_PLATFORM.to_owned());
            match program_of(&platform) {
                Some(_) => Ok(Some(platform)),
                None => Err(no_program(&platform)),
            }
        }
        (_, None) => Ok(None),
        (kind, Some(_)) => Err(Failure::unprocessable(format!(
            "only a gateway has a platform; a connector of kind {kind} has none"
        ))),
    }
}

/// The address becomes part of a command that is pasted into a shell, so nothing but the expected form is accepted.
fn check_url(kind: ConnectorKind, url: Option<&str>) -> Result<(), Failure> {
    let schemes: &[&str] = match kind {
        ConnectorKind::Gateway => &["http", "https"],
        ConnectorKind::Smtp => &["smtp"],
        ConnectorKind::Ircd => &["irc", "ircs"],
    };
    let Some(url) = url else { return Ok(()) };
    let good = url.split_once("://").is_some_and(|(scheme, rest)| {
        // Parsed by the same rules as an origin.
        schemes.contains(&scheme) && Config::parse_origin(&format!("https://{rest}")).is_ok()
    });
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'.' | b'-' | b'[' | b']');
    if good && url.bytes().all(plain) {
        return Ok(());
    }
    Err(Failure::unprocessable(match kind {
        ConnectorKind::Ircd => "url must be like irc://irc.example.org:6667, or ircs:// with TLS",
        ConnectorKind::Smtp => {
            "url must be smtp:// and the domain of mail addresses, like smtp://example.org"
        }
        ConnectorKind::Gateway => {
            "url must be the address at which browsers reach the connector, like https://irc.example.org"
        }
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{TestFunctions, functions_with};

    fn empty() -> TestFunctions {
        functions_with(|config| {
            config.connectors.clear();
            config.network = None;
        })
    }

    fn register(f: &TestFunctions, made: &Value, body: &Value) -> crate::testing::Reply {
        let key = protocol::connector_key(made["key"].as_str().unwrap()).unwrap();
        let body = body.to_string();
        let id = made["id"].as_str().unwrap();
        f.signed_with(id, &key, ("POST", "/connector/register"), body)
    }

    #[test]
    fn a_gateway_is_of_a_platform_that_there_is() {
        let f = empty();
        let admin = f.sign_up("alice");
        let make = |platform: &str| {
            let body = json!({
                "kind": "gateway", "platform": platform, "url": "https://irc.example.org",
            });
            f.api("POST", "/api/connectors", &admin, body)
        };
        let refused = make("smoke-signals");
        assert_eq!(refused.status, 422, "{refused:?}");
        let said = refused.detail();
        assert!(
            said.contains("no gateway connects to \"smoke-signals\"") && said.contains("irc"),
            "{said}"
        );
        assert_eq!(make("irc").status, 201);
    }

    #[test]
    fn a_connector_is_made_registers_and_is_found() {
        let f = empty();
        let admin = f.sign_up("alice");
        let ircd = f.api(
            "POST",
            "/api/connectors",
            &admin,
            json!({"kind": "ircd", "url": "irc://10.0.0.1:6667"}),
        );
        assert_eq!(ircd.status, 201, "{ircd:?}");
        let ircd = ircd.json();
        let command = ircd["command"].as_str().unwrap();
        assert!(
            command.ends_with("subspace-ircd")
                && command.contains("SUBSPACE_IRCD_PUBLIC_URL=irc://10.0.0.1:6667"),
            "{command}"
        );
        let network = json!({"name": "Home", "server": "irc.example.org", "host": "10.0.0.1", "port": 6667, "secure": false, "channels": ["#general"]});
        assert_eq!(
            register(&f, &ircd, &json!({"version": "1", "network": network})).status,
            204
        );

        let body = json!({"kind": "irc", "url": "https://irc.example.org"});
        let irc = f.api("POST", "/api/connectors", &admin, body).json();
        let command = irc["command"].as_str().unwrap();
        assert!(
            command.contains("SUBSPACE_ALLOW=10.0.0.1:6667"),
            "{command}"
        );
        assert!(
            f.api("POST", "/api/tickets", &admin, Value::Null).json()["connectors"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        let told = json!({"url": "https://irc.example.org/", "platforms": ["irc"], "version": "1"});
        assert_eq!(register(&f, &irc, &told).status, 204);
        let tickets = f.api("POST", "/api/tickets", &admin, Value::Null).json();
        assert_eq!(tickets["connectors"][0]["url"], "https://irc.example.org");
        // Accounts older than the network have it as well.
        let connections = f.api("GET", "/api/connections", &admin, Value::Null).json();
        assert_eq!(connections["connections"][0]["host"], "10.0.0.1");
        assert_eq!(connections["connections"][0]["connector"], "irc");

        let list = f.api("GET", "/api/connectors", &admin, Value::Null).json();
        assert_eq!(list["connectors"][1]["state"], "registered");
        assert!(list["connectors"][1].get("key").is_none());
        f.host().advance(3 * 60 * 60 * 1000);
        let list = f.api("GET", "/api/connectors", &admin, Value::Null).json();
        assert_eq!(list["connectors"][1]["state"], "silent");
        // The key itself is nowhere in the store.
        assert!(!f.dump().contains(irc["key"].as_str().unwrap()));
    }

    #[test]
    fn a_key_can_be_changed_and_a_connector_removed() {
        let f = empty();
        let admin = f.sign_up("alice");
        let old = f
            .api("POST", "/api/connectors", &admin, json!({"kind": "irc"}))
            .json();
        let second = f
            .api("POST", "/api/connectors", &admin, json!({"kind": "irc"}))
            .json();
        assert_eq!(
            (&old["id"], &second["id"]),
            (&json!("irc"), &json!("irc-2"))
        );
        let new = f.api(
            "PATCH",
            "/api/connectors/irc",
            &admin,
            json!({"rotate": true}),
        );
        assert_eq!(new.status, 200, "{new:?}");
        let told = json!({"url": "https://irc.example.org", "platforms": ["irc"]});
        assert_eq!(register(&f, &old, &told).status, 401);
        assert_eq!(register(&f, &new.json(), &told).status, 204);
        assert_eq!(
            f.api("DELETE", "/api/connectors/irc", &admin, Value::Null)
                .status,
            204
        );
        assert_eq!(
            f.api("DELETE", "/api/connectors/irc", &admin, Value::Null)
                .status,
            404
        );
        assert_eq!(register(&f, &new.json(), &told).status, 401);
    }

    #[test]
    fn only_admins_and_only_what_is_expected() {
        let f = empty();
        let admin = f.sign_up("alice");
        let bob = f.sign_up("bob");
        for (method, path, body) in [
            ("GET", "/api/connectors", Value::Null),
            ("POST", "/api/connectors", json!({"kind": "irc"})),
            ("DELETE", "/api/connectors/irc", Value::Null),
            ("PATCH", "/api/connectors/irc", json!({"rotate": true})),
        ] {
            let reply = f.api(method, path, &bob, body);
            assert_eq!(reply.status, 403, "{method} {path}");
            assert!(reply.detail().contains("admin"));
        }
        for body in [
            json!({"kind": "ftp"}),
            json!({"kind": "irc", "id": "Irc"}),
            json!({"kind": "irc", "url": "https://x/path"}),
            json!({"kind": "irc", "url": "https://x;rm"}),
            json!({"kind": "ircd", "url": "https://x"}),
        ] {
            let reply = f.api("POST", "/api/connectors", &admin, body.clone());
            assert_eq!(reply.status, 422, "{body}");
        }
        let irc = f
            .api("POST", "/api/connectors", &admin, json!({"kind": "irc"}))
            .json();
        for told in [
            json!({"url": "javascript:alert(1)"}),
            json!({"platforms": ["I R C"]}),
            json!({"network": {"name": "x", "server": "a b", "host": "h", "port": 1, "secure": false}}),
        ] {
            assert_eq!(register(&f, &irc, &told).status, 422, "{told}");
        }
        assert_eq!(
            f.api(
                "POST",
                "/api/connectors",
                &admin,
                json!({"kind": "irc", "id": "irc"})
            )
            .status,
            409
        );
    }

    #[test]
    fn a_gateway_is_called_so_and_by_its_platform() {
        let f = empty();
        let admin = f.sign_up("alice");
        let make = |body: Value| f.api("POST", "/api/connectors", &admin, body);
        for (kind, id) in [("gateway", "irc"), ("irc", "irc-2")] {
            let made = make(json!({"kind": kind}));
            assert_eq!(made.status, 201, "{made:?}");
            let made = made.json();
            assert_eq!(
                (&made["kind"], &made["id"]),
                (&json!("gateway"), &json!(id))
            );
            let command = made["command"].as_str().unwrap();
            assert!(command.ends_with(" subspace-irc-connector"), "{command}");
        }
        let unknown = make(json!({"kind": "gateway", "platform": "smoke"}));
        assert_eq!(unknown.status, 422);
        assert_eq!(
            unknown.detail(),
            "no gateway connects to \"smoke\"; platform must be one of: irc"
        );
        assert_eq!(make(json!({"kind": "ircd", "platform": "irc"})).status, 422);
    }
}
