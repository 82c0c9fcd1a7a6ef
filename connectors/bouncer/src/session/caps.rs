//! Capabilities (IRCv3 capability-negotiation, version 302).

use std::collections::BTreeSet;

/// What the bouncer offers, with the value of version 302.
const OFFERED: &[(&str, &str)] = &[
    ("away-notify", ""),
    ("batch", ""),
    ("cap-notify", ""),
    ("draft/chathistory", ""),
    ("draft/event-playback", ""),
    ("draft/message-redaction", ""),
    ("echo-message", ""),
    ("invite-notify", ""),
    ("labeled-response", ""),
    ("message-tags", ""),
    ("sasl", "PLAIN"),
    ("server-time", ""),
    ("soju.im/bouncer-networks", ""),
    ("soju.im/bouncer-networks-notify", ""),
    ("standard-replies", ""),
];

/// The capabilities of a client.
#[derive(Debug, Default)]
pub(super) struct Caps {
    enabled: BTreeSet<&'static str>,
    /// The client knows version 302.
    pub(super) is_302: bool,
}

impl Caps {
    pub(super) fn has(&self, name: &str) -> bool {
        self.enabled.contains(name)
    }

    /// The list for `CAP LS`.
    pub(super) fn offered(&self) -> String {
        let token = |(name, value): &(&str, &str)| {
            if self.is_302 && !value.is_empty() {
                format!("{name}={value}")
            } else {
                (*name).to_owned()
            }
        };
        OFFERED.iter().map(token).collect::<Vec<_>>().join(" ")
    }

    /// The list for `CAP LIST`.
    pub(super) fn list(&self) -> String {
        self.enabled.iter().copied().collect::<Vec<_>>().join(" ")
    }

    /// Carries out a `CAP REQ`, all of it or nothing.
    pub(super) fn request(&mut self, wanted: &str) -> bool {
        let mut enabled = self.enabled.clone();
        for word in wanted.split_whitespace() {
            let (name, on) = match word.strip_prefix('-') {
                Some(name) => (name, false),
                None => (word, true),
            };
            match OFFERED.iter().find(|(offered, _)| *offered == name) {
                // Version 302 implies it, for good.
                Some((name, _)) if !on && *name == "cap-notify" && self.is_302 => return false,
                Some((name, _)) if on => drop(enabled.insert(name)),
                Some((name, _)) => drop(enabled.remove(name)),
                None => return false,
            }
        }
        self.enabled = enabled;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_carried_out_as_a_whole() {
        let mut caps = Caps::default();
        assert!(!caps.request("batch made-up") && caps.list().is_empty());
        assert!(caps.request("batch sasl") && caps.has("batch"));
        assert!(caps.request("-batch server-time"));
        assert_eq!(caps.list(), "sasl server-time");
        assert!(!caps.offered().contains('='));
        caps.is_302 = true;
        assert!(caps.offered().contains("sasl=PLAIN"));
        assert!(!caps.request("-cap-notify"));
    }
}
