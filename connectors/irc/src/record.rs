//! The fields of a connection that are IRC's, as `DESCRIPTOR` describes them.

use protocol::Connection;
use serde_json::Value;

/// The port with TLS (RFC 7194), and without.
const PORTS: (u16, u16) = (6697, 6667);

/// A connection as IRC reads it.
pub(crate) trait Record {
    /// The host that is dialled.
    fn host(&self) -> &str;
    /// The port that is dialled.
    fn port(&self) -> u16;
    /// TLS.
    fn secure(&self) -> bool;
    /// The user name; the nickname if there is none.
    fn username(&self) -> &str;
    /// The real name; the nickname if there is none.
    fn realname(&self) -> &str;
    /// Sign in with SASL PLAIN if there is a password; else the password is sent with PASS.
    fn sasl(&self) -> bool;
    /// Join the channels also while the network offers no such sign-in.
    fn without_account(&self) -> bool;
}

impl Record for Connection {
    fn host(&self) -> &str {
        self.text("host").unwrap_or(&self.server)
    }

    fn port(&self) -> u16 {
        let port = self.number("port").and_then(|port| port.try_into().ok());
        port.unwrap_or_else(|| if self.secure() { PORTS.0 } else { PORTS.1 })
    }

    fn secure(&self) -> bool {
        // What a damaged record does not say must not send a password in clear.
        let said = self.fields.get("secure").and_then(Value::as_bool);
        said.unwrap_or(true)
    }

    fn username(&self) -> &str {
        self.text("username").unwrap_or(&self.nick)
    }

    fn realname(&self) -> &str {
        self.text("realname").unwrap_or(&self.nick)
    }

    fn sasl(&self) -> bool {
        self.flag("sasl")
    }

    fn without_account(&self) -> bool {
        self.flag("without_account")
    }
}
