//! Requests about a message that was said before: replies, reactions, edits, deletions; and typing.

use protocol::{
    Activity, ActivityObject, Feature, PlatformDescriptor, TextObject, is_emoji, is_message_id,
};

/// What a request needs a platform to support, if it is one of these; and what people call that.
pub(super) fn needed(kind: &str, object: Option<&str>) -> Option<(Feature, &'static str)> {
    Some(match (kind, object?) {
        ("add" | "remove", "reaction") => (Feature::Reactions, "reactions"),
        ("update", "message") => (Feature::Edits, "edits of messages"),
        ("delete", "message") => (Feature::Deletion, "deletion of messages"),
        ("update", "chat-state") => (Feature::Typing, "typing notifications"),
        _ => return None,
    })
}

/// Checks what such a request is about.
pub(super) fn check(activity: &Activity) -> Result<(), String> {
    let object = activity.object.as_ref();
    let about = match (activity.kind.as_str(), activity.object_type()) {
        ("add" | "remove", Some("reaction")) => {
            if !activity.content().is_some_and(is_emoji) {
                return Err(
                    "a reaction must have an object.content of at most 64 bytes, such as an emoji."
                        .to_owned(),
                );
            }
            object.and_then(ActivityObject::in_reply_to)
        }
        ("update", Some("message")) => {
            if activity.content().is_none() {
                return Err("cannot change a message with no object.content".to_owned());
            }
            object.and_then(ActivityObject::id)
        }
        ("delete", _) => object.and_then(ActivityObject::id),
        ("update", Some("chat-state")) => {
            return match object {
                Some(ActivityObject::ChatState(_)) => Ok(()),
                _ => Err("object.state must be composing, paused or active.".to_owned()),
            };
        }
        _ => return Ok(()),
    };
    match about.is_some_and(is_message_id) {
        true => Ok(()),
        false => Err(format!(
            "activity of type {} must name the message that it is about.",
            activity.kind
        )),
    }
}

/// Leaves out of a message which one it answers, if that is no id or the platform has no replies: the text is said all the
/// same.
pub(super) fn keep_reply(activity: &mut Activity, platform: &PlatformDescriptor) {
    let has_replies = platform.supports(Feature::Replies);
    if let (
        "send",
        Some(
            ActivityObject::Message(TextObject { in_reply_to, .. })
            | ActivityObject::Me(TextObject { in_reply_to, .. })
            | ActivityObject::Notice(TextObject { in_reply_to, .. }),
        ),
    ) = (activity.kind.as_str(), &mut activity.object)
    {
        *in_reply_to = in_reply_to
            .take()
            .filter(|id| has_replies && is_message_id(id));
    }
}
