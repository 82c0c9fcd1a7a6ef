//! What the functions recently said about sessions and calls: which have ended, and which have not.

use std::time::Duration;

use protocol::{AccountName, Bounded, SessionRef};
use tokio::time::Instant;

/// How long the end of a session is remembered: longer than tickets are valid.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Ended sessions that are remembered.
const MAX_ENDED: usize = 10_000;
/// Sessions and calls whose confirmation is remembered: more than may be open here.
const MAX_CONFIRMED: usize = 20_000;

/// What someone was admitted by.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Grounds {
    Session(AccountName, Option<String>),
    Call(String),
}

impl From<&SessionRef> for Grounds {
    fn from(session: &SessionRef) -> Self {
        Self::Session(session.account.clone(), session.grant.clone())
    }
}

impl From<&String> for Grounds {
    fn from(call: &String) -> Self {
        Self::Call(call.clone())
    }
}

/// Recent answers of the functions.
#[derive(Debug)]
pub(super) struct Known {
    /// Until when each is remembered.
    ended: Bounded<Grounds, Instant>,
    /// When the functions were asked for the answer that last confirmed each.
    confirmed: Bounded<Grounds, Instant>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            ended: Bounded::new(MAX_ENDED),
            confirmed: Bounded::new(MAX_CONFIRMED),
        }
    }
}

impl Known {
    /// Records the end of a session or call.
    pub(super) fn end(&mut self, grounds: Grounds, now: Instant) {
        self.confirmed.remove(&grounds);
        // Without a grant, the account may come back with its next password.
        if !matches!(grounds, Grounds::Session(_, None)) {
            self.ended.expire(|until| *until <= now);
            self.ended.insert(grounds, now + REMEMBERED);
        }
    }

    /// Returns whether it ended recently.
    pub(super) fn has_ended(&self, grounds: &Grounds, now: Instant) -> bool {
        self.ended.get(grounds).is_some_and(|until| now < *until)
    }

    /// Records that the functions, asked at this time, knew of no end.
    pub(super) fn confirm(&mut self, grounds: Grounds, asked: Instant) {
        // An end learned of meanwhile stands, and a late answer is worth less than a newer one.
        let newer = self.confirmed.get(&grounds).is_some_and(|at| *at > asked);
        if !newer && !self.has_ended(&grounds, asked) {
            self.confirmed.insert(grounds, asked);
        }
    }

    /// Something about these changed, so earlier confirmations no longer count.
    pub(super) fn doubt(&mut self, changed: impl Fn(&Grounds) -> bool) {
        let confirmed = self.confirmed.iter().map(|(grounds, _)| grounds);
        let doubted: Vec<Grounds> = confirmed.filter(|one| changed(one)).cloned().collect();
        for grounds in doubted {
            self.confirmed.remove(&grounds);
        }
    }

    /// Returns whether it was confirmed at this time or later.
    pub(super) fn is_confirmed(&self, grounds: &Grounds, since: Option<Instant>) -> bool {
        let confirmed = self.confirmed.get(grounds);
        confirmed.is_some_and(|at| since.is_none_or(|since| *at >= since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(grant: Option<&str>) -> Grounds {
        Grounds::Session("alice".parse().unwrap(), grant.map(str::to_owned))
    }

    #[test]
    fn what_was_confirmed_is_believed_for_a_while() {
        let (mut known, start) = (Known::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        let one = session(Some("g1"));
        assert!(!known.is_confirmed(&one, Some(start)));
        known.confirm(one.clone(), at(10));
        // A late answer.
        known.confirm(one.clone(), at(5));
        assert!(known.is_confirmed(&one, Some(at(10))));
        assert!(!known.is_confirmed(&one, Some(at(11))));
        assert!(!known.is_confirmed(&session(Some("g2")), None));
        assert!(!known.is_confirmed(&Grounds::Call("c".to_owned()), None));
    }

    #[test]
    fn what_has_ended_is_confirmed_no_more() {
        let (mut known, start) = (Known::default(), Instant::now());
        let (one, call) = (session(Some("g1")), Grounds::Call("c".to_owned()));
        for grounds in [&one, &call] {
            known.confirm(grounds.clone(), start);
            known.end(grounds.clone(), start);
            // The question was asked before the end, or answered without knowledge of it.
            known.confirm(grounds.clone(), start);
            assert!(known.has_ended(grounds, start));
            assert!(!known.is_confirmed(grounds, None));
        }
        assert!(!known.has_ended(&one, start + REMEMBERED));
        // The account's new password is a different matter.
        let password = session(None);
        known.end(password.clone(), start);
        assert!(!known.has_ended(&password, start));
    }

    #[test]
    fn what_changed_is_to_be_confirmed_again() {
        let (mut known, now) = (Known::default(), Instant::now());
        let (one, other) = (session(Some("g1")), Grounds::Call("c".to_owned()));
        for grounds in [&one, &other] {
            known.confirm(grounds.clone(), now);
        }
        known.doubt(|grounds| *grounds == one);
        assert!(!known.is_confirmed(&one, None) && known.is_confirmed(&other, None));
        known.confirm(one.clone(), now);
        assert!(known.is_confirmed(&one, None));
    }

    #[test]
    fn it_is_bounded() {
        let (mut known, now) = (Known::default(), Instant::now());
        for n in 0..=MAX_CONFIRMED.max(MAX_ENDED) {
            known.confirm(Grounds::Call(n.to_string()), now);
            known.end(Grounds::Call(format!("over {n}")), now);
        }
        assert_eq!(known.confirmed.len(), MAX_CONFIRMED);
        assert_eq!(known.ended.len(), MAX_ENDED);
        assert!(
            !known.is_confirmed(&Grounds::Call("0".to_owned()), None),
            "the oldest"
        );
    }
}
