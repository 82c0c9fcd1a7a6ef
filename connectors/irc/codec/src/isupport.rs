//! A server's features as announced in numeric 005, <https://modern.ircdocs.horse/#rplisupport-005>.

use std::collections::BTreeMap;

use protocol::Folding;

use crate::work;

/// Maximum number of tokens kept.
const MAX_TOKENS: usize = 256;

/// Maximum length of a value that is kept, in bytes: values are searched for every mode and every name.
const MAX_VALUE: usize = 512;

/// Maximum number of ranks.
const MAX_RANKS: usize = 32;

/// Default CHANTYPES and PREFIX, for a server that announces none or an invalid value.
const CHANTYPES: &str = "#&";
const PREFIX: &str = "(ov)@+";

/// The tokens of numeric 005.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Isupport(BTreeMap<String, String>);

/// The kind of argument a channel mode takes: the four groups of CHANMODES, and PREFIX.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ModeKind {
    /// A list; takes an argument except to query the list (group A).
    List,
    /// Always takes an argument (group B).
    Always,
    /// Takes an argument when it is set (group C).
    WhenSet,
    /// Takes no argument (group D).
    Never,
    /// Gives a member a rank; always takes a nickname (PREFIX).
    Rank,
}

impl Isupport {
    /// Adds the tokens of one 005: its parameters without the first (the client's nickname) and the last (text).
    pub fn apply<'a>(&mut self, tokens: impl IntoIterator<Item = &'a str>) {
        for token in tokens {
            if let Some(negated) = token.strip_prefix('-') {
                self.0.remove(negated);
                continue;
            }
            let (key, value) = token.split_once('=').unwrap_or((token, ""));
            let fits = !key.is_empty() && value.len() <= MAX_VALUE;
            if fits && (self.0.len() < MAX_TOKENS || self.0.contains_key(key)) {
                self.0.insert(key.to_owned(), unescape(value));
            }
        }
    }

    /// Returns a token's value; a token without a value has the empty one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Returns whether a token was announced.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Returns a token's value as a number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<usize> {
        self.get(key)?.parse().ok()
    }

    /// How names are compared.
    #[must_use]
    pub fn case_mapping(&self) -> Folding {
        self.get("CASEMAPPING")
            .map_or_else(Folding::default, |token| {
                Folding::parse(token).unwrap_or(Folding::Ascii)
            })
    }

    /// Returns whether a name is a channel name (CHANTYPES; `#&` if not announced). On a server that announces that
    /// it has no channels, no name is one.
    #[must_use]
    pub fn is_channel(&self, name: &str) -> bool {
        let told = self.get("CHANTYPES").filter(|types| !types.is_empty());
        let types = told.unwrap_or(CHANTYPES);
        name.chars()
            .next()
            .is_some_and(|first| types.contains(first))
    }

    /// Returns the channel that a message target is or refers to: `@#channel` addresses the members of a channel with
    /// that rank (STATUSMSG; the prefixes of PREFIX if not announced). Returns `None` if the target is not a channel.
    #[must_use]
    pub fn channel_within<'a>(&self, target: &'a str) -> Option<&'a str> {
        let told = self.get("STATUSMSG");
        if told.is_none() && self.is_channel(target) {
            return Some(target);
        }
        let ranks = self.ranks();
        let is_rank = |c: char| match told {
            Some(told) => told.contains(c),
            None => ranks.iter().any(|&(_, prefix)| prefix == c),
        };
        let rest = target.trim_start_matches(is_rank);
        if self.is_channel(rest) {
            Some(rest)
        } else {
            self.is_channel(target).then_some(target)
        }
    }

    /// Returns the limit of a text, in bytes: AWAYLEN, CHANNELLEN, KEYLEN, KICKLEN, NICKLEN, TOPICLEN and the like. `None` if
    /// there is none, or none that makes sense.
    #[must_use]
    pub fn length(&self, key: &str) -> Option<usize> {
        self.number(key).filter(|limit| *limit > 0)
    }

    /// Returns a text within such a limit, cut between characters that are displayed on their own.
    #[must_use]
    pub fn within<'a>(&self, key: &str, text: &'a str) -> &'a str {
        match self.length(key) {
            Some(limit) if text.len() > limit => crate::split::beginning(text, limit),
            _ => text,
        }
    }

    /// Returns how many targets a command accepts (TARGMAX; for messages MAXTARGETS, which is older), or `None` if there is
    /// no limit or none is announced.
    #[must_use]
    pub fn targets(&self, command: &str) -> Option<usize> {
        let Some(told) = self.get("TARGMAX") else {
            let messages = ["PRIVMSG", "NOTICE", "TAGMSG"];
            let old = messages.iter().any(|m| m.eq_ignore_ascii_case(command));
            return old.then(|| self.length("MAXTARGETS")).flatten();
        };
        told.split(',')
            .filter_map(|entry| entry.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(command))
            .and_then(|(_, limit)| limit.parse().ok())
    }

    /// Returns whether the server relays a client-only tag, given without its `+` (CLIENTTAGDENY,
    /// <https://ircv3.net/specs/extensions/message-tags>).
    #[must_use]
    pub fn relays_tag(&self, name: &str) -> bool {
        let told = self.get("CLIENTTAGDENY").unwrap_or_default();
        work::look(told.len());
        let mut denied = false;
        for item in told.split(',') {
            match item.strip_prefix('-') {
                Some(exempt) if exempt == name => return true,
                Some(_) => {}
                None => denied |= item == "*" || item == name,
            }
        }
        !denied
    }

    /// The ranks of members from the highest: mode letter and prefix (PREFIX, `(ov)@+` if not said or not readable; an empty
    /// one says that there are none).
    #[must_use]
    pub fn ranks(&self) -> Vec<(char, char)> {
        let told = self.get("PREFIX").unwrap_or(PREFIX);
        work::look(told.len());
        if told.is_empty() {
            return Vec::new();
        }
        pairs(told).or_else(|| pairs(PREFIX)).unwrap_or_default()
    }

    /// Returns the kind of argument a channel mode takes; an unknown mode takes none.
    #[must_use]
    pub fn mode_kind(&self, mode: char) -> ModeKind {
        if self.ranks().iter().any(|&(letter, _)| letter == mode) {
            return ModeKind::Rank;
        }
        let groups = self.get("CHANMODES").unwrap_or("beI,k,l,imnpst");
        work::look(groups.len());
        match groups.split(',').position(|group| group.contains(mode)) {
            Some(0) => ModeKind::List,
            Some(1) => ModeKind::Always,
            Some(2) => ModeKind::WhenSet,
            _ => ModeKind::Never,
        }
    }

    /// Separates the prefixes from a nickname as it appears in NAMES and WHO: the mode letters from the highest, and
    /// the rest.
    #[must_use]
    pub fn split_ranks<'a>(&self, name: &'a str) -> (String, &'a str) {
        let ranks = self.ranks();
        let mut modes = String::new();
        let mut rest = name;
        while let Some(first) = rest.chars().next() {
            let Some(&(mode, prefix)) = ranks.iter().find(|(_, prefix)| *prefix == first) else {
                break;
            };
            modes.push(mode);
            rest = rest.strip_prefix(prefix).unwrap_or(rest);
        }
        (modes, rest)
    }

    /// Maximum length of a line without tags, CR LF included, in bytes (LINELEN; 512 if not announced; never less).
    #[must_use]
    pub fn line_length(&self) -> usize {
        self.number("LINELEN")
            .unwrap_or(crate::MAX_BODY)
            .clamp(crate::MAX_BODY, 16 * crate::MAX_BODY)
    }
}

/// Parses a value of PREFIX; returns `None` if it is invalid.
fn pairs(value: &str) -> Option<Vec<(char, char)>> {
    let (modes, prefixes) = value.strip_prefix('(')?.split_once(')')?;
    let ranks = modes.chars().zip(prefixes.chars());
    let ranks: Vec<(char, char)> = ranks.take(MAX_RANKS).collect();
    (!ranks.is_empty() || modes.is_empty()).then_some(ranks)
}

/// Values may contain `\xHH` for spaces, `=` and backslashes.
fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.push_str(before);
        match after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            Some(byte) if byte.is_ascii() && !byte.is_ascii_control() => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or("");
            }
            _ => {
                out.push_str("\\x");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_change_and_go() {
        let mut isupport = Isupport::default();
        isupport.apply([
            "NICKLEN=9",
            "CHANTYPES=#&+",
            "SAFELIST",
            "NETWORK=Some\\x20Net",
        ]);
        assert_eq!(isupport.number("NICKLEN"), Some(9));
        assert!(isupport.is_channel("+x") && isupport.has("SAFELIST"));
        assert_eq!(isupport.get("NETWORK"), Some("Some Net"));
        isupport.apply(["NICKLEN=30", "-CHANTYPES"]);
        assert_eq!(isupport.number("NICKLEN"), Some(30));
        assert!(!isupport.is_channel("+x") && !isupport.is_channel(""));
    }

    #[test]
    fn a_target_may_be_a_part_of_a_channel() {
        let mut isupport = Isupport::default();
        for (target, channel) in [
            ("#a", Some("#a")),
            ("@#a", Some("#a")),
            ("@+#a", Some("#a")),
            ("%#a", None),
            ("bob", None),
            ("@", None),
            ("", None),
        ] {
            assert_eq!(isupport.channel_within(target), channel, "{target}");
        }
        isupport.apply(["STATUSMSG=@", "CHANTYPES=#+", "PREFIX=(ov)@+"]);
        for (target, channel) in [
            ("+a", Some("+a")),
            ("@+a", Some("+a")),
            ("+#a", Some("+#a")),
            ("@#a", Some("#a")),
        ] {
            assert_eq!(isupport.channel_within(target), channel, "{target}");
        }
        isupport.apply(["TARGMAX=NAMES:1,JOIN:3,PRIVMSG:"]);
        assert_eq!(isupport.targets("join"), Some(3));
        assert_eq!(isupport.targets("PRIVMSG"), None);
        assert_eq!(isupport.targets("KICK"), None);
        let mut old = Isupport::default();
        old.apply(["MAXTARGETS=4"]);
        assert_eq!(old.targets("privmsg"), Some(4));
        assert_eq!(old.targets("JOIN"), None);
    }

    #[test]
    fn texts_are_kept_within_what_the_server_takes() {
        let mut isupport = Isupport::default();
        assert_eq!(isupport.within("KICKLEN", "bye"), "bye");
        isupport.apply(["KICKLEN=5", "AWAYLEN=0", "TOPICLEN=x"]);
        assert_eq!(isupport.length("KICKLEN"), Some(5));
        assert_eq!(isupport.within("KICKLEN", "ääää"), "ää");
        assert_eq!(isupport.within("KICKLEN", "abcde\u{301}"), "abcd");
        for none in ["AWAYLEN", "TOPICLEN", "NICKLEN"] {
            assert_eq!(isupport.length(none), None, "{none}");
            assert_eq!(isupport.within(none, "what it is"), "what it is");
        }
    }

    #[test]
    fn what_a_server_claims_to_have_does_not_multiply_the_work() {
        let letters = |count: usize| -> String { ('\u{100}'..).take(count).collect() };
        let work = |count: usize| {
            let modes = letters(count);
            let mut isupport = Isupport::default();
            isupport.apply([
                &*format!("PREFIX=({modes}){modes}"),
                &*format!("CHANMODES={modes},{modes}"),
            ]);
            let params = [format!("+{modes}")];
            work::steps_of(|| assert_eq!(crate::parse_modes(&isupport, &params).len(), count)).0
        };
        for count in [50, 200, 1000] {
            assert!(work(2 * count) <= 2 * work(count) + 4 * MAX_VALUE * count);
        }
        assert!(work(4000) <= 4000 * 4 * MAX_VALUE);
    }

    #[test]
    fn ranks_split_from_names() {
        let mut isupport = Isupport::default();
        isupport.apply(["PREFIX=(qaohv)~&@%+"]);
        assert_eq!(isupport.split_ranks("~@alice"), ("qo".to_owned(), "alice"));
        assert_eq!(isupport.split_ranks("bob"), (String::new(), "bob"));
        assert_eq!(isupport.split_ranks("+"), ("v".to_owned(), ""));
        isupport.apply(["PREFIX="]);
        assert!(isupport.ranks().is_empty());
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        for prefix in ["ov@+", "(ov", "@+", "(ov)", ")(", "(", ")"] {
            let mut isupport = Isupport::default();
            isupport.apply([&*format!("PREFIX={prefix}")]);
            assert_eq!(
                isupport.split_ranks("@alice"),
                ("o".to_owned(), "alice"),
                "{prefix}"
            );
        }
        let mut isupport = Isupport::default();
        isupport.apply(["PREFIX=()"]);
        assert!(isupport.ranks().is_empty());
        isupport.apply(["PREFIX=(ohv)@%"]);
        assert_eq!(isupport.ranks(), [('o', '@'), ('h', '%')]);
        isupport.apply([
            "CHANTYPES=",
            "NICKLEN=0",
            "LINELEN=1",
            "CASEMAPPING=klingon",
        ]);
        assert!(isupport.is_channel("#t") && !isupport.is_channel("bob"));
        assert_eq!(isupport.line_length(), crate::MAX_BODY);
        assert_eq!(isupport.case_mapping(), Folding::Ascii);
        isupport.apply(["TARGMAX=JOIN:0,:,,JOIN", "LINELEN=99999999999999999999"]);
        assert_eq!(isupport.targets("JOIN"), Some(0));
        assert_eq!(isupport.line_length(), crate::MAX_BODY);
    }

    #[test]
    fn client_tags_are_denied_by_name_or_all_but_some() {
        let relays = |token: Option<&str>, name: &str| {
            let mut isupport = Isupport::default();
            isupport.apply(token);
            isupport.relays_tag(name)
        };
        assert!(relays(None, "typing"));
        assert!(relays(Some("CLIENTTAGDENY="), "typing"));
        assert!(!relays(Some("CLIENTTAGDENY=draft/react,typing"), "typing"));
        assert!(relays(Some("CLIENTTAGDENY=draft/react,typing"), "reply"));
        assert!(!relays(Some("CLIENTTAGDENY=*"), "reply"));
        assert!(relays(Some("CLIENTTAGDENY=*,-reply,-typing"), "typing"));
        assert!(!relays(
            Some("CLIENTTAGDENY=*,-reply,-typing"),
            "draft/react"
        ));
    }
}
