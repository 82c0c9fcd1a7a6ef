//! Client-only tags, and what they say.
//!
//! <https://ircv3.net/specs/client-tags/reply>, <https://ircv3.net/specs/client-tags/react>,
//! <https://ircv3.net/specs/client-tags/typing>.

use protocol::{ChatState, is_emoji, is_message_id};

use crate::Tags;

/// The tag of an answer and its name from before it was ratified. What is read may have either.
pub const REPLY: [&str; 2] = ["reply", "draft/reply"];
/// The tag of a reaction.
pub const REACT: &str = "draft/react";
/// The tag of one that is taken back.
pub const UNREACT: &str = "draft/unreact";
/// The tag of somebody who types.
pub const TYPING: &str = "typing";

/// What somebody reacts with, to which message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reaction {
    /// The id of the message.
    pub about: String,
    /// The emoji, or a short text.
    pub emoji: String,
    /// It is taken back.
    pub removed: bool,
}

impl Reaction {
    /// Reads the tags of a message. What is no id or nothing to react with counts as none.
    #[must_use]
    pub fn of(tags: &Tags) -> Option<Self> {
        let (removed, emoji) = match (client_tag(tags, REACT), client_tag(tags, UNREACT)) {
            (Some(emoji), _) => (false, emoji),
            (None, emoji) => (true, emoji?),
        };
        let about = answered(tags)?;
        is_emoji(emoji).then(|| Self {
            about: about.to_owned(),
            emoji: emoji.to_owned(),
            removed,
        })
    }

    /// Returns its tags; `reply` is the name of the tag of an answer, with `+`.
    #[must_use]
    pub fn tags(&self, reply: &str) -> Tags {
        let mut tags = Tags::default();
        let name = if self.removed { UNREACT } else { REACT };
        tags.set(format!("+{name}"), &self.emoji);
        tags.set(reply, &self.about);
        tags
    }
}

fn client_tag<'a>(tags: &'a Tags, name: &str) -> Option<&'a str> {
    let named = |(key, _): &(&str, &str)| key.strip_prefix('+') == Some(name);
    tags.iter().find(named).map(|(_, value)| value)
}

/// The id of the message that one answers.
#[must_use]
pub fn answered(tags: &Tags) -> Option<&str> {
    let id = REPLY.iter().find_map(|name| client_tag(tags, name));
    id.filter(|id| is_message_id(id))
}

/// Whether somebody is typing.
#[must_use]
pub fn chat_state(tags: &Tags) -> Option<ChatState> {
    Some(match client_tag(tags, TYPING)? {
        "active" => ChatState::Composing,
        "paused" => ChatState::Paused,
        "done" => ChatState::Active,
        _ => return None,
    })
}

/// Says whether somebody is typing.
#[must_use]
pub fn typing_tags(state: ChatState) -> Tags {
    let mut tags = Tags::default();
    let value = match state {
        ChatState::Composing => "active",
        ChatState::Paused => "paused",
        ChatState::Active => "done",
    };
    tags.set(format!("+{TYPING}"), value);
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaction(tags: &str) -> Option<(String, String, bool)> {
        let read = Reaction::of(&Tags::parse(tags))?;
        // What is written is read as the same.
        assert_eq!(Reaction::of(&read.tags("+reply")).as_ref(), Some(&read));
        Some((read.about, read.emoji, read.removed))
    }

    #[test]
    fn tags_are_read_under_both_names() {
        let expected = |removed| Some(("m1".to_owned(), "👍".to_owned(), removed));
        assert_eq!(reaction("+draft/react=👍;+reply=m1"), expected(false));
        assert_eq!(
            reaction("+draft/reply=m1;+draft/unreact=👍"),
            expected(true)
        );
        assert_eq!(answered(&Tags::parse("+draft/reply=a;+reply=b")), Some("b"));
        assert_eq!(
            chat_state(&Tags::parse("+typing=active")),
            Some(ChatState::Composing)
        );
    }

    #[test]
    fn hostile_tags_say_nothing() {
        let long = format!("+draft/react={};+reply=m1", "x".repeat(65));
        let far = format!("+draft/react=x;+reply={}", "m".repeat(257));
        for tags in [
            "",
            "draft/react=👍;reply=m1",
            "+draft/react;+reply=m1",
            "+draft/react=👍",
            "+draft/react=👍;+reply=",
            "+draft/react=👍;+reply=a\\sb",
            "+draft/react=a\\nb;+reply=m1",
            "+draft/react=\\s;+reply=m1",
            "+draft/react=\u{202e}x;+reply=m1",
            &long,
            &far,
        ] {
            assert_eq!(reaction(tags), None, "{tags:?}");
        }
        assert_eq!(chat_state(&Tags::parse("+typing=furiously")), None);
        assert_eq!(answered(&Tags::parse("+reply=\u{7}")), None);
    }
}
