//! What refers to a message that was said before: replies, reactions, edits and deletions; and whether somebody is typing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::{is_invisible, without_piles};

/// The longest id of a message that is taken from anybody, in bytes: thousands are remembered.
pub const MAX_MESSAGE_ID: usize = 256;

/// The longest that somebody can react with, in bytes: the emoji of a family of four, with skin tones, has 41.
pub const MAX_EMOJI: usize = 64;

/// `reaction`: somebody reacts to a message, or takes that back.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ReactionObject {
    /// The emoji, or a short text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The id of the message.
    #[serde(rename = "inReplyTo", default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Map<String, Value>,
}

/// What somebody does in a conversation, as in XEP-0085.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ChatState {
    /// Typing.
    Composing,
    /// Typing, but not at the moment.
    Paused,
    /// Not typing.
    Active,
}

/// `chat-state`: somebody is typing, or no longer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct ChatStateObject {
    /// What the actor does.
    pub state: ChatState,
    /// Other fields.
    #[serde(flatten)]
    #[cfg_attr(test, ts(skip))]
    pub rest: Map<String, Value>,
}

/// Returns whether a text can be the id of a message: 1 to 256 bytes, without blanks and control characters.
#[must_use]
pub fn is_message_id(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || is_hidden(c);
    (1..=MAX_MESSAGE_ID).contains(&text.len()) && !text.contains(bad)
}

/// Returns whether people can react with a text: at most 64 bytes on one line, in which something is seen, nothing changes the
/// direction of what stands around it, and no marks are piled up.
#[must_use]
pub fn is_emoji(text: &str) -> bool {
    let unseen = |c: char| c.is_whitespace() || is_invisible(c);
    (1..=MAX_EMOJI).contains(&text.len())
        && text.trim() == text
        && !text.contains(|c: char| c.is_control() || is_hidden(c))
        && !text.chars().all(unseen)
        && without_piles(text) == text
}

/// Whether a character hides or turns what stands around it. Emoji need some that are not seen: joiners, variation selectors
/// and tags.
const fn is_hidden(c: char) -> bool {
    is_invisible(c)
        && !matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_react_with_what_can_be_seen() {
        for fine in [
            "👍",
            "❤️",
            "👨‍👩‍👧‍👦",
            "👩🏽‍❤️‍💋‍👨🏿",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
            "+1",
            ":tada:",
            "naïve",
            "थैंक्स",
            "1️⃣",
            "well said",
        ] {
            assert!(is_emoji(fine), "{fine}");
        }
        let (long, piled) = ("x".repeat(65), format!("a{}", "\u{300}".repeat(9)));
        for bad in [
            "",
            " ",
            "\u{200b}",
            "\u{200d}",
            "\u{fe0f}",
            "a\nb",
            "\u{202e}abc",
            "a\u{2028}b",
            "\u{7}",
            " x",
            &long,
            &piled,
        ] {
            assert!(!is_emoji(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_one_word() {
        for fine in [
            "m1",
            "a-b_c:d/e?f",
            "https://example.org/1#x",
            &"x".repeat(256),
        ] {
            assert!(is_message_id(fine), "{fine}");
        }
        for bad in ["", "a b", "a\n", "\u{202e}x", "\0", &"x".repeat(257)] {
            assert!(!is_message_id(bad), "{bad:?}");
        }
    }
}
