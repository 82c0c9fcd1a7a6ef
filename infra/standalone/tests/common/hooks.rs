//! A channel with webhooks, and a reader.

use serde_json::{Value, json};

use super::Space;
use super::irc::Plain;
use super::server::Server;

/// A server with an account, and a guest in #general.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) space: Space,
    pub(crate) guest: Plain,
    pub(crate) session: String,
    pub(crate) server: Server,
    connection: Value,
}

impl Channel {
    pub(crate) fn start() -> Self {
        let space = Space::new(&[]);
        space.add("alice");
        let server = space.start();
        let session = space.sign_in("alice");
        let (_, connections) = space.call("GET /api/connections", &session, &Value::Null);
        let guest = Plain::register(&space.irc, "guest", None, "").unwrap();
        guest.join("#general").unwrap();
        Self {
            connection: connections["connections"][0]["id"].clone(),
            space,
            guest,
            session,
            server,
        }
    }

    /// Creates a hook for #general.
    pub(crate) fn hook(&self, source: &str, secret: Option<&str>) -> Hook<'_> {
        let body = json!({
            "source": source,
            "connection": self.connection,
            "channel": "#general",
            "secret": secret,
        });
        let (status, made) = self.space.call("POST /api/hooks", &self.session, &body);
        assert_eq!(status, 201, "{made}");
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Hook {
            channel: self,
            id: text("id"),
            url: text("url"),
        }
    }
}

/// A hook.
#[derive(Debug)]
pub(crate) struct Hook<'a> {
    channel: &'a Channel,
    id: String,
    pub(crate) url: String,
}

impl Hook<'_> {
    /// Its recent deliveries, the latest first.
    pub(crate) fn deliveries(&self) -> Vec<Value> {
        let what = format!("GET /api/hooks/{}", self.id);
        let (status, hook) = self
            .channel
            .space
            .call(&what, &self.channel.session, &Value::Null);
        assert_eq!(status, 200, "{hook}");
        hook["deliveries"].as_array().unwrap().clone()
    }

    /// Checks the lines of the last delivery, and waits until the guest has read them. The lines must be new.
    pub(crate) fn says(&self, lines: &[&str]) {
        let deliveries = self.deliveries();
        assert_eq!(deliveries[0]["lines"], json!(lines), "{}", deliveries[0]);
        for line in lines {
            self.channel
                .guest
                .expect(&format!(" PRIVMSG #general :{line}"));
        }
    }

    /// Checks that the last request was refused.
    pub(crate) fn refuses(&self, reason: &str) {
        let deliveries = self.deliveries();
        let last = &deliveries[0];
        assert_eq!(last["outcome"], "refused", "{last}");
        assert!(last["reason"].as_str().unwrap().contains(reason), "{last}");
    }
}
