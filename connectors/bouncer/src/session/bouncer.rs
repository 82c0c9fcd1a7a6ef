//! `BOUNCER` (soju.im/bouncer-networks): listing, choosing and adding networks.

use gateway::NetworkState;
use irc_codec::{Message, Tags};
use protocol::{ConnectionStatus, DEFAULT_PLATFORM, PersonId};
use serde_json::{Map, Value};

use super::{Output, Session};

impl Session {
    pub(super) fn bouncer(&mut self, message: &Message) {
        let command = message.param(0).to_ascii_uppercase();
        if self.account.is_none() {
            let context = [command.as_str()];
            return self.fail("BOUNCER", "ACCOUNT_REQUIRED", &context, "Sign in first");
        }
        match command.as_str() {
            "BIND" => self.bind(message.param(1)),
            "LISTNETWORKS" => self.list_networks(),
            "ADDNETWORK" => self.add_network(message.param(1)),
            "CHANGENETWORK" | "DELNETWORK" => {
                let text = "Networks are changed and removed on the web page";
                self.fail("BOUNCER", "UNKNOWN_COMMAND", &[command.as_str()], text);
            }
            _ => {
                let text = "Unknown command";
                self.fail("BOUNCER", "UNKNOWN_COMMAND", &[command.as_str()], text);
            }
        }
    }

    fn list_networks(&mut self) {
        let batched = self.caps.has("batch");
        if batched {
            self.speak("BATCH", ["+networks", "soju.im/bouncer-networks"]);
        }
        for network in self.networks.clone() {
            let attributes = attributes(&network).to_string();
            self.network_line(&network.record.id, &attributes, batched);
        }
        if batched {
            self.speak("BATCH", ["-networks"]);
        }
    }

    fn network_line(&mut self, id: &str, attributes: &str, batched: bool) {
        let mut message = Message::new("BOUNCER", ["NETWORK", id, attributes]);
        if batched {
            message.tags.set("batch", "networks");
        }
        self.push(&message);
    }

    /// The networks as they are now; clients that want it are told what changed.
    pub(super) fn networks_now(&mut self, networks: Vec<NetworkState>) {
        let before = std::mem::replace(&mut self.networks, networks);
        if !self.watches_networks() {
            return;
        }
        let known = |all: &[NetworkState], id: &str| {
            let found = all.iter().find(|network| network.record.id == id);
            found.map(|network| attributes(network).to_string())
        };
        let mut changed = Vec::new();
        for network in &self.networks {
            let id = &network.record.id;
            let now = attributes(network).to_string();
            if known(&before, id).as_ref() != Some(&now) {
                changed.push((id.clone(), now));
            }
        }
        for network in &before {
            let id = &network.record.id;
            if known(&self.networks, id).is_none() {
                changed.push((id.clone(), "*".to_owned()));
            }
        }
        for (id, attributes) in changed {
            self.network_line(&id, &attributes, false);
        }
    }

    fn add_network(&mut self, attributes: &str) {
        let tags = Tags::parse(attributes);
        let mut credentials = Map::new();
        let mut set = |key: &str, value: Value| drop(credentials.insert(key.to_owned(), value));
        set("type", "credentials".into());
        let (mut host, mut nick) = (None, None);
        for (key, value) in tags.iter() {
            let value = value.to_owned();
            match key {
                "host" => host = Some(value),
                "nickname" => nick = Some(value),
                // The gateway names a network after its server.
                "name" => {}
                "port" => set("port", value.into()),
                "tls" => set("secure", (value != "0").into()),
                "username" => set("username", value.into()),
                "realname" => set("realname", value.into()),
                "pass" => set("password", value.into()),
                _ => {
                    let text = "The attribute is unknown, or cannot be set";
                    let context = ["ADDNETWORK", "*", key];
                    return self.fail("BOUNCER", "UNKNOWN_ATTRIBUTE", &context, text);
                }
            }
        }
        let Some(host) = host.filter(|host| !host.is_empty()) else {
            let text = "The host is missing";
            return self.fail("BOUNCER", "NEED_ATTRIBUTE", &["ADDNETWORK", "host"], text);
        };
        let account = self.account.as_ref().map(ToString::to_string);
        let nick = nick.or(account).unwrap_or_default();
        set("server", host.clone().into());
        set("nick", nick.clone().into());
        match format!("{nick}@{host}").parse::<PersonId>() {
            Ok(actor) => {
                self.labels.creates();
                self.out.push(Output::Create {
                    actor,
                    credentials: credentials.into(),
                });
            }
            Err(()) => {
                let text = "The host or the nickname is invalid";
                let context = ["ADDNETWORK", "*", "host", "*"];
                self.fail("BOUNCER", "INVALID_ATTRIBUTE", &context, text);
            }
        }
    }

    pub(super) fn created(&mut self, outcome: Result<NetworkState, String>) {
        match outcome {
            Ok(network) => {
                let id = network.record.id;
                self.speak("BOUNCER", ["ADDNETWORK", id.as_str()]);
            }
            Err(error) => {
                let context = ["ADDNETWORK", "*", "*", "*"];
                self.fail("BOUNCER", "INVALID_ATTRIBUTE", &context, &error);
            }
        }
    }
}

/// Attributes of a network that fit into a line, in bytes.
const MAX_ATTRIBUTES: usize = 440;

/// The platform of networks that clients add.
pub(crate) const PLATFORM: &str = DEFAULT_PLATFORM;

fn attributes(network: &NetworkState) -> Tags {
    let record = &network.record;
    let mut tags = Tags::default();
    tags.set("name", record.name.as_str());
    let state = match network.status {
        ConnectionStatus::Online => "connected",
        ConnectionStatus::Connecting => "connecting",
        ConnectionStatus::Offline => "disconnected",
    };
    tags.set("state", state);
    tags.set("host", record.text("host").unwrap_or(&record.server));
    if let Some(port) = record.number("port") {
        tags.set("port", port.to_string());
    }
    if let Some(secure) = record.fields.get("secure").and_then(Value::as_bool) {
        tags.set("tls", if secure { "1" } else { "0" });
    }
    tags.set("nickname", network.nick.as_str());
    for field in ["username", "realname"] {
        if let Some(text) = record.text(field) {
            tags.set(field, text);
        }
    }
    // A cut value would be another one, and one that is missing is not known.
    for field in ["realname", "username"] {
        if tags.to_string().len() > MAX_ATTRIBUTES {
            tags.retain(|key| key != field);
        }
    }
    tags
}
