//! Which addresses the connector may connect to.

use std::net::IpAddr;

/// Which addresses users may have the connector connect to. Users choose host and port, so without a policy they
/// could reach services that only the connector's own network should reach.
#[derive(Clone, Debug, Default)]
pub enum AddressPolicy {
    /// All addresses; suitable where every account holder is trusted.
    #[default]
    Any,
    /// Public addresses, and the hosts named here as `host:port`.
    Public {
        /// Exceptions, such as the operator's own IRC server.
        except: Vec<String>,
    },
}

impl AddressPolicy {
    /// Returns whether the connector may connect to an address that `host` resolved to.
    #[must_use]
    pub fn allows(&self, host: &str, port: u16, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Public { except } => {
                is_named(except, host, port) || protocol::is_public_address(address)
            }
        }
    }
}

/// Returns whether a server is in a list of `host:port`, with IPv6 addresses in brackets.
pub(crate) fn is_named(list: &[String], host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.');
    let named = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    list.iter().any(|entry| entry.eq_ignore_ascii_case(&named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_as_addresses_are_written() {
        let list = ["irc.here:6667", "[::1]:6667"].map(str::to_owned);
        for (host, named) in [
            ("IRC.here", true),
            ("irc.here.", true),
            ("::1", true),
            ("[::1]", true),
            ("::2", false),
        ] {
            assert_eq!(is_named(&list, host, 6667), named, "{host}");
            assert!(!is_named(&list, host, 6697), "{host}");
        }
    }

    #[test]
    fn what_is_not_public_needs_an_exception() {
        let policy = AddressPolicy::Public {
            except: vec!["irc.internal:6667".to_owned()],
        };
        for inner in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "255.255.255.255",
            "198.18.0.1",
            "2002:7f00:1::",
        ] {
            let address = inner.parse().unwrap();
            assert!(!policy.allows("example.org", 6697, address), "{inner}");
            assert!(policy.allows("IRC.internal", 6667, address), "{inner}");
            assert!(!policy.allows("irc.internal", 22, address), "{inner}");
            assert!(AddressPolicy::Any.allows("x", 1, address));
        }
        for outer in ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(
                policy.allows("example.org", 6697, outer.parse().unwrap()),
                "{outer}"
            );
        }
    }
}
