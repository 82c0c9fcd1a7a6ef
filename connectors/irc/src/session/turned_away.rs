//! Servers that do not want us, by what they say as they close: bans, which trying again soon makes worse, and too many
//! connections, which only time helps.

/// Why a server closed the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Away {
    /// This address, person or connection is banned there.
    Banned,
    /// There are too many connections, or they come too fast.
    Throttled,
}

/// What servers say of bans: InspIRCd, UnrealIRCd, Solanum and its kin, ircu, ngIRCd, Ergo.
const BANS: &[&str] = &[
    "k-line",
    "k:line",
    "klined",
    "g-line",
    "g:line",
    "glined",
    "z-line",
    "z:line",
    "zlined",
    "d-line",
    "d:line",
    "dlined",
    "x-line",
    "akill",
    "autokill",
    "banned",
    "blacklist",
    "dnsbl",
    "open proxy",
    "drone",
    "not welcome",
    "unauthorized connection",
    "unauthorised connection",
    "no authorization",
];

/// What they say of too many connections.
const THROTTLES: &[&str] = &[
    "throttl",
    "too fast",
    "too many connections",
    "too many host connections",
    "too many unknown",
    "too many user connections",
    "too many sessions",
    "session limit",
    "connection limit",
    "no more connections",
    "maximum number of connections",
    "more connections allowed",
    "try again later",
    "server is full",
    "all connections in use",
];

/// Reads the text of ERROR.
pub(super) fn turned_away(text: &str) -> Option<Away> {
    let text = text.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|said| text.contains(said));
    // Some bans are for connecting too fast, and end by themselves soon.
    if says(THROTTLES) {
        Some(Away::Throttled)
    } else {
        says(BANS).then_some(Away::Banned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_it_in_many_ways() {
        for text in [
            "Closing Link: host (K-Lined)",
            "Closing link: (al@host) [Z-Lined: spam]",
            "You are banned from this server: DNSBL listed",
            "Closing Link: [192.0.2.7] (G:Lined (AUTO))",
            "AKILL ID: 1-2",
            "Closing Link: alice[host] (User has been permanently banned from Test)",
        ] {
            assert_eq!(turned_away(text), Some(Away::Banned), "{text}");
        }
        for text in [
            "Closing Link: host (Throttled: Reconnecting too fast) - x",
            "Your host is trying to (re)connect too fast -- throttled",
            "Closing Link: host (Too many host connections (local))",
            "Trying to reconnect too fast.",
            "Closing link: No more connections allowed from your host via this connect class",
            "Too many clients from your IP address, try again later",
        ] {
            assert_eq!(turned_away(text), Some(Away::Throttled), "{text}");
        }
        for text in [
            "Closing Link: host (Ping timeout)",
            "Server shutdown",
            "",
            "Quit: gone",
        ] {
            assert_eq!(turned_away(text), None, "{text}");
        }
    }
}
