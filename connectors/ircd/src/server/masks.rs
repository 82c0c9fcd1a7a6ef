//! The lists of a channel (bans, exceptions, invite exceptions, quiets), and whom an entry is about: a mask
//! `nick!user@host`, or accounts, since many members come through one host (EXTBAN; IRCv3 account-extban).
//!
//! `$a:name` is an account, with wildcards; `$a` is everyone who is signed in, `$~a` everyone who is not. `~a:name` and
//! `~account:name`, as other servers write it, mean the same.

use irc_codec::{Numeric, Source, numeric};
use protocol::AccountName;

use super::client::User;
use super::names::{self, Mask};
use crate::record::{Ban, ChannelRecord};

/// Maximum length of a mask as it is typed, in bytes.
pub(super) const MASK: usize = 120;

/// A list of a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum List {
    /// Who may neither join nor speak.
    Bans,
    /// Who may in spite of a ban or quiet.
    Exceptions,
    /// Who needs no invitation.
    Invites,
    /// Quiets: who must not speak.
    Quiets,
}

impl List {
    /// All lists in the order of their letters.
    pub(super) const ALL: [Self; 4] = [Self::Invites, Self::Bans, Self::Exceptions, Self::Quiets];

    /// Their letters, as in CHANMODES.
    pub(super) const LETTERS: &str = "Ibeq";

    /// Its place in [`List::ALL`].
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Invites => 0,
            Self::Bans => 1,
            Self::Exceptions => 2,
            Self::Quiets => 3,
        }
    }

    pub(super) fn of(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.letter() == letter)
    }

    pub(super) const fn letter(self) -> char {
        match self {
            Self::Bans => 'b',
            Self::Exceptions => 'e',
            Self::Invites => 'I',
            Self::Quiets => 'q',
        }
    }

    pub(super) const fn entries(self, record: &ChannelRecord) -> &Vec<Ban> {
        match self {
            Self::Bans => &record.bans,
            Self::Exceptions => &record.exceptions,
            Self::Invites => &record.invite_exceptions,
            Self::Quiets => &record.quiets,
        }
    }

    pub(super) const fn entries_mut(self, record: &mut ChannelRecord) -> &mut Vec<Ban> {
        match self {
            Self::Bans => &mut record.bans,
            Self::Exceptions => &mut record.exceptions,
            Self::Invites => &mut record.invite_exceptions,
            Self::Quiets => &mut record.quiets,
        }
    }

    /// The numerics of an entry and of the end, and the text of the end.
    pub(super) const fn numerics(self) -> (Numeric, Numeric, &'static str) {
        match self {
            Self::Bans => (
                numeric::RPL_BANLIST,
                numeric::RPL_ENDOFBANLIST,
                "End of the channel's bans",
            ),
            Self::Exceptions => (
                numeric::RPL_EXCEPTLIST,
                numeric::RPL_ENDOFEXCEPTLIST,
                "End of the channel's exceptions",
            ),
            Self::Invites => (
                numeric::RPL_INVEXLIST,
                numeric::RPL_ENDOFINVEXLIST,
                "End of the channel's invite exceptions",
            ),
            Self::Quiets => (
                numeric::RPL_QUIETLIST,
                numeric::RPL_ENDOFQUIETLIST,
                "End of the channel's quiets",
            ),
        }
    }
}

/// What an entry is compared with; made once for many entries.
#[derive(Debug)]
pub(super) struct Who {
    whole: String,
    /// With a guest's bare address.
    bare: Option<String>,
    account: Option<String>,
}

impl Who {
    pub(super) fn of(user: &User) -> Self {
        Self::new(user.source(), user.account.as_ref())
    }

    pub(super) fn new(source: Source, account: Option<&AccountName>) -> Self {
        let whole = names::folded(&source.to_string());
        let address = source
            .host
            .as_ref()
            .and_then(|host| host.strip_prefix("guest/"));
        let bare = address.map(|address| {
            names::folded(
                &Source {
                    host: Some(address.to_owned()),
                    ..source.clone()
                }
                .to_string(),
            )
        });
        Self {
            whole,
            bare,
            account: account.map(|account| names::folded(account.as_str())),
        }
    }
}

/// An entry, prepared for comparison with many users.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Mask(Mask),
    Account(Mask),
    SignedIn,
    Guest,
}

impl Matcher {
    pub(super) fn new(mask: &str) -> Self {
        match mask {
            "$a" => Self::SignedIn,
            "$~a" => Self::Guest,
            _ => match mask.strip_prefix("$a:") {
                Some(account) => Self::Account(Mask::new(account)),
                None => Self::Mask(Mask::new(mask)),
            },
        }
    }

    pub(super) fn matches(&self, who: &Who) -> bool {
        match self {
            Self::Mask(mask) => {
                let mut forms = [Some(&who.whole), who.bare.as_ref()].into_iter().flatten();
                forms.any(|form| mask.matches_folded(form))
            }
            Self::Account(mask) => {
                let account = who.account.as_ref();
                account.is_some_and(|account| mask.matches_folded(account))
            }
            Self::SignedIn => who.account.is_some(),
            Self::Guest => who.account.is_none(),
        }
    }
}

/// Completes what somebody typed; `None` if it is no mask. How long one that is added may be is [`MASK`].
pub(super) fn complete(typed: &str) -> Option<String> {
    let bad = |c: char| c == ' ' || c == ',' || c.is_control();
    if typed.is_empty() || typed.starts_with(':') || typed.contains(bad) {
        return None;
    }
    let account = ["$a:", "~a:", "~account:"]
        .into_iter()
        .find_map(|prefix| typed.strip_prefix(prefix));
    match account {
        Some("") => None,
        Some(account) => Some(format!("$a:{}", names::folded(account))),
        None if matches!(typed, "$a" | "$~a") => Some(typed.to_owned()),
        None if typed.starts_with('$') => None,
        None => Some(names::complete_mask(typed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_completed_or_refused() {
        for (typed, complete) in [
            ("bob", Some("bob!*@*")),
            ("*!*@user/bob", Some("*!*@user/bob")),
            ("$a:Bob", Some("$a:bob")),
            ("~a:bob", Some("$a:bob")),
            ("~account:b*", Some("$a:b*")),
            ("~bob@h", Some("*!~bob@h")),
            ("$a", Some("$a")),
            ("$~a", Some("$~a")),
            ("$a:", None),
            ("$x:bob", None),
            ("", None),
            (":bob", None),
            ("a,b", None),
        ] {
            assert_eq!(super::complete(typed).as_deref(), complete, "{typed}");
        }
    }

    #[test]
    fn each_list_has_its_letter() {
        let letters: String = List::ALL.iter().map(|list| list.letter()).collect();
        assert_eq!(letters, List::LETTERS);
        for list in List::ALL {
            assert_eq!(List::of(list.letter()), Some(list));
            assert_eq!(List::ALL[list.place()], list);
        }
        assert_eq!(List::of('x'), None);
    }
}
