//! Options of the program `subspace-irc-connector`.

use bouncer::BouncerOptions;
use gateway::GatewayOptions;
use options::{List, Networks};
use protocol::DEFAULT_PLATFORM;
use settings::Renamed;

use crate::{AddressPolicy, IrcConfig, Proxy};

options::options! {
    /// Options of connections to IRC networks.
    #[derive(Clone, Debug)]
    pub struct IrcOptions {
        /// The proxy through which networks are connected to, `socks5://host:1080` or `http://name:password@host:3128`. Host names are resolved by the connector; the proxy gets addresses only.
        outgoing_proxy: Option<Proxy>, or "none", "URL", "socks5://host:port or http://host:port";
        /// Whether members may connect through proxies of their own.
        member_proxies: bool = "false", "BOOL", "true or false";
    }
}

options::options! {
    /// Options of the program `subspace-irc-connector`.
    #[derive(Clone, Debug)]
    pub struct ProgramOptions {
        /// Which servers may be connected to: `any`, or `public` for those on the public internet only.
        networks: Networks = "public", "WHICH", "any or public";
        /// Your own servers, `host:port`: private addresses are allowed, and connections to them are not rate limited.
        allow: List<String>, or "none", "SERVERS", "servers like 127.0.0.1:6667";
    }
    with {
        /// What every gateway has.
        gateway: GatewayOptions, "";
        /// Connections to IRC networks.
        irc: IrcOptions, "irc";
        /// The bouncer.
        bouncer: BouncerOptions, "bouncer";
    }
}

impl settings::Program for ProgramOptions {
    const NAME: &'static str = "subspace-irc-connector";
    const RENAMED: &'static [Renamed] = &[
        Renamed::flag("functions", "functions_url"),
        Renamed::flag("connector", "connector_id"),
        Renamed::flag("key_file", "connector_key_file"),
        Renamed::flag("any_network", "networks").meaning(ANY),
        Renamed::variable("any_network", "networks").meaning(ANY),
    ];
}

/// The folder in the spool's that has what this platform keeps.
const FOLDER: &str = "irc";

/// Values of `networks` from when it was a switch.
const ANY: &[(&str, &str)] = &[("true", "any"), ("false", "public")];

impl ProgramOptions {
    /// The connector's id if none is configured.
    pub const ID: &'static str = DEFAULT_PLATFORM;

    /// Creates the platform's configuration.
    #[must_use]
    pub fn irc(&self) -> IrcConfig {
        let own = self.allow.0.clone();
        let addresses = match self.networks {
            Networks::Any => AddressPolicy::Any,
            Networks::Public => AddressPolicy::Public {
                except: own.clone(),
            },
        };
        IrcConfig {
            addresses,
            own,
            proxy: self.irc.outgoing_proxy.clone(),
            member_proxies: self.irc.member_proxies,
            folder: Some(self.gateway.spool.join(FOLDER)),
            // Without a key the gateway does not start.
            key: self.gateway.connector.key().unwrap_or_default(),
            ..IrcConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use settings::{Given, Loaded};

    use super::*;

    fn load(flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Loaded<ProgramOptions> {
        Given::load_pairs(flags, environment).unwrap()
    }

    #[test]
    fn the_environment_of_before_says_what_it_said() {
        let key = "ab".repeat(32);
        let environment = [
            ("SUBSPACE_FUNCTIONS_URL", "https://chat.example.org"),
            ("SUBSPACE_CONNECTOR_KEY", key.as_str()),
            ("SUBSPACE_PUBLIC_URL", "https://irc.example.org"),
            ("SUBSPACE_LISTEN", "127.0.0.1:1"),
            ("SUBSPACE_BEHIND_PROXY", "true"),
            ("SUBSPACE_SPOOL", "spool"),
            ("SUBSPACE_ORIGINS", "https://a,https://b"),
            ("SUBSPACE_ALLOW", "127.0.0.1:6667"),
        ];
        let loaded = load(&[], &environment);
        assert!(loaded.warnings.is_empty());
        let gateway = loaded.options.gateway.config(ProgramOptions::ID).unwrap();
        assert_eq!(
            (gateway.id.as_str(), &gateway.key),
            ("irc", &vec![0xab; 32])
        );
        assert_eq!(gateway.functions, "https://chat.example.org");
        assert_eq!(gateway.public_url.unwrap(), "https://irc.example.org");
        assert_eq!(gateway.origins, ["https://a", "https://b"]);
        assert!(gateway.behind_proxy);
        assert_eq!(gateway.spool, std::path::PathBuf::from("spool"));
        let irc = loaded.options.irc();
        assert_eq!(irc.own, ["127.0.0.1:6667"]);
        assert!(matches!(irc.addresses, AddressPolicy::Public { .. }));
    }

    #[test]
    fn flags_of_before_are_taken() {
        let before = [
            ("functions", "https://a"),
            ("connector", "mine"),
            ("any-network", "true"),
            ("spool", "spool"),
        ];
        let loaded = load(&before, &[]);
        assert_eq!(loaded.warnings.len(), 3);
        assert_eq!(loaded.options.networks, Networks::Any);
        assert_eq!(loaded.options.gateway.connector.id("irc"), "mine");
        let spool = [("SUBSPACE_SPOOL", "s"), ("SUBSPACE_ANY_NETWORK", "false")];
        assert_eq!(load(&[], &spool).options.networks, Networks::Public);
    }
}
