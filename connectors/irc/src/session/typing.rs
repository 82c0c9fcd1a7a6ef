//! Whether somebody is typing, <https://ircv3.net/specs/client-tags/typing>. Nothing of it is kept or archived.

use std::time::Duration;

use gateway::{Audience, RequestId};
use irc_codec::{Message, Source};
use protocol::{Activity, ActivityObject, Bounded, ChatState, Feature};

use super::Session;
use super::client_tags::typing_tags;

/// People in conversations of whom it is remembered.
const MAX_TYPING: usize = 256;

/// The same is said again after this time, not earlier (the specification's 3 seconds).
const AGAIN: Duration = Duration::from_secs(3);

/// Who is typing, as it was said last.
#[derive(Debug)]
pub(super) struct Typing {
    others: Bounded<String, (ChatState, Duration)>,
    own: Bounded<String, (ChatState, Duration)>,
}

impl Default for Typing {
    fn default() -> Self {
        Self {
            others: Bounded::new(MAX_TYPING),
            own: Bounded::new(MAX_TYPING),
        }
    }
}

/// Remembers what is said; returns whether it is worth saying.
fn is_news(
    said: &mut Bounded<String, (ChatState, Duration)>,
    key: String,
    state: ChatState,
    now: Duration,
) -> bool {
    let last = said.get(&key).copied();
    let is_news = match last {
        // Whoever has not begun need not end.
        None => state != ChatState::Active,
        Some((before, at)) if before == state => state != ChatState::Active && now >= at + AGAIN,
        Some((before, at)) => {
            before == ChatState::Composing || state == ChatState::Active || now >= at + AGAIN
        }
    };
    if is_news {
        said.insert(key, (state, now));
    }
    is_news
}

impl Session {
    /// Somebody is typing, or no longer.
    pub(super) fn is_typing(&mut self, source: &Source, target: &str, state: ChatState) {
        let (from, entity, _) = self.conversation(source, target);
        let key = format!("{} {}", self.fold(&from), self.fold(target));
        if is_news(&mut self.typing.others, key, state, self.now.elapsed) {
            let object = ActivityObject::chat_state(state);
            let told = self.activity("update", self.sender(source), Some(entity), Some(object));
            self.publish(told, Audience::Full);
        }
    }

    /// Somebody's message says that they no longer type: what they begin then is news again.
    pub(super) fn no_longer_typing(&mut self, from: &str, target: &str) {
        let key = format!("{} {}", self.fold(from), self.fold(target));
        self.typing.others.remove(&key);
    }

    /// The same of what the person sends.
    pub(super) fn own_typing_ended(&mut self, target: &str) {
        let key = self.fold(target).to_string();
        self.typing.own.remove(&key);
    }

    /// Tells the network that the person is typing, if nothing that is worth more waits to be sent.
    pub(super) fn perform_typing(
        &mut self,
        request: RequestId,
        activity: Activity,
    ) -> Result<(), String> {
        self.must_carry(Feature::Typing, "typing notifications")?;
        let Some(ActivityObject::ChatState(state)) = &activity.object else {
            return Err("It is not said whether you are typing.".to_owned());
        };
        let target = self.name_of(activity.target.as_ref())?;
        let key = self.fold(&target).to_string();
        let quiet = self.outbox.waiting() == 0;
        if quiet && is_news(&mut self.typing.own, key, state.state, self.now.elapsed) {
            let mut message = Message::new("TAGMSG", [target]);
            message.tags = typing_tags(state.state);
            self.send_later(&message);
        }
        self.done(request, Ok(activity));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_said_when_it_changes_and_otherwise_seldom() {
        let mut said = Bounded::new(MAX_TYPING);
        let mut news = |state, at| {
            is_news(
                &mut said,
                "bob #a".to_owned(),
                state,
                Duration::from_millis(at),
            )
        };
        use ChatState::{Active, Composing, Paused};
        assert!(!news(Active, 0));
        assert!(news(Composing, 100));
        assert!(!news(Composing, 200));
        assert!(!news(Composing, 3_000));
        assert!(news(Composing, 3_100));
        assert!(news(Paused, 3_200));
        assert!(!news(Composing, 3_300), "and back at once");
        assert!(news(Active, 3_400));
        assert!(!news(Active, 9_000));
    }
}
