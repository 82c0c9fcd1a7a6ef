//! The IRC-specific fields of a connection, as `DESCRIPTOR` describes them.

use protocol::Connection;
use serde_json::Value;

/// The SHA-256 hash of a certificate as it is sent (DER).
pub type Fingerprint = [u8; 32];

/// Which addresses of a server are used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Family {
    /// All, in the order of the system.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Returns whether an address belongs to it.
    #[must_use]
    pub const fn has(self, address: std::net::IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Reads a fingerprint in hex; with colons, as most programs show it, too.
fn fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    protocol::from_hex(&digits)?.try_into().ok()
}

/// The port with TLS (RFC 7194), and without.
const PORTS: (u16, u16) = (6697, 6667);

/// The fields of a connection as IRC uses them.
pub(crate) trait Record {
    /// The host to connect to.
    fn host(&self) -> &str;
    /// The port to connect to.
    fn port(&self) -> u16;
    /// TLS.
    fn secure(&self) -> bool;
    /// The certificate that is accepted besides those that are valid, by its fingerprint.
    fn certificate(&self) -> Option<Fingerprint>;
    /// The user name; the nickname if there is none.
    fn username(&self) -> &str;
    /// The real name; the nickname if none is set.
    fn realname(&self) -> &str;
    /// Sign in with SASL if there is a password; else the password is sent with PASS.
    fn sasl(&self) -> bool;
    /// What the server itself wants to be told with PASS.
    fn server_password(&self) -> Option<&str>;
    /// Present a certificate made for the connection, and sign in with it.
    fn client_certificate(&self) -> bool;
    /// Which addresses of the server are used.
    fn family(&self) -> Family;
    /// The name of the encoding that the network's people use.
    fn encoding(&self) -> Option<&str>;
    /// The proxy to connect through, as it was typed.
    fn proxy(&self) -> Option<&str>;
    /// The commands to send on each connection, a line each.
    fn commands(&self) -> Option<&str>;
    /// Join the channels even while the network offers no sign-in with SASL.
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
        // A damaged record with missing fields must not cause a password to be sent in plain text.
        let said = self.fields.get("secure").and_then(Value::as_bool);
        said.unwrap_or(true)
    }

    fn certificate(&self) -> Option<Fingerprint> {
        fingerprint(self.text("certificate")?)
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

    fn server_password(&self) -> Option<&str> {
        self.text("server_password")
    }

    fn family(&self) -> Family {
        match self.text("address_family") {
            Some("ipv4") => Family::V4,
            Some("ipv6") => Family::V6,
            _ => Family::Any,
        }
    }

    fn encoding(&self) -> Option<&str> {
        self.text("encoding")
    }

    fn proxy(&self) -> Option<&str> {
        self.text("proxy")
    }

    fn client_certificate(&self) -> bool {
        self.flag("client_certificate")
    }

    fn commands(&self) -> Option<&str> {
        self.text("commands")
    }

    fn without_account(&self) -> bool {
        self.flag("without_account")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_programs_show_them() {
        let colons = ["AB"; 32].join(":");
        assert_eq!(fingerprint(&colons), Some([0xab; 32]));
        assert_eq!(fingerprint(&"0f".repeat(32)), Some([0x0f; 32]));
        for odd in [
            "",
            "ab",
            &"0g".repeat(32),
            &"é".repeat(32),
            &"+1".repeat(31),
        ] {
            assert_eq!(fingerprint(odd), None, "{odd}");
        }
    }
}
