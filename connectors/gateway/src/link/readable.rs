//! What readers of archives show that know texts only: sentences for reactions and deletions.

use protocol::{ArchiveMessage, EventBody, MessageType};

use super::ring::Ring;

/// The most that is quoted of a message, in characters.
const MOST_QUOTED: usize = 60;

/// Gives an entry about another message its text, and says when that other one was sent.
pub(super) fn complete(body: &mut EventBody, ring: &Ring) {
    let EventBody::Message {
        message,
        about_time,
        ..
    } = body
    else {
        return;
    };
    if !message.kind.is_about_another() {
        return;
    }
    let known = message.about.as_deref().and_then(|id| ring.find(id));
    if about_time.is_none() {
        *about_time = known.as_ref().map(|(time, _)| *time);
    }
    if message.text.is_empty() {
        let known = known.as_ref().map(|(_, activity)| activity);
        let quoted = known.and_then(|activity| quote(activity.content()?));
        let author = known.and_then(|activity| activity.actor.as_ref()?.name.as_deref());
        message.text = sentence(message, quoted.as_deref(), author);
    }
}

fn sentence(message: &ArchiveMessage, quoted: Option<&str>, author: Option<&str>) -> String {
    match message.kind {
        MessageType::Reaction => {
            let emoji = message.emoji.as_deref().unwrap_or_default();
            let (verb, to) = match message.removed {
                false => ("reacted with", "to"),
                true => ("removed the reaction", "from"),
            };
            match quoted {
                Some(quoted) => format!("{verb} {emoji} {to} “{quoted}”"),
                None => format!("{verb} {emoji}"),
            }
        }
        MessageType::Deletion => match author.filter(|author| *author != message.from) {
            Some(author) => format!("deleted a message from {author}"),
            None => "deleted a message".to_owned(),
        },
        _ => "(nothing)".to_owned(),
    }
}

/// The beginning of a text, on one line.
fn quote(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let clean = line.chars().filter(|c| !c.is_control());
    let mut quoted: String = clean.clone().take(MOST_QUOTED).collect();
    if clean.count() > MOST_QUOTED {
        quoted.truncate(quoted.trim_end().len());
        quoted.push('…');
    }
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use protocol::{Activity, ActivityObject, ArchiveTarget, Entity, Timestamp};

    use super::*;

    fn ring() -> Ring {
        let mut ring = Ring::new(8);
        for (id, text) in [("m1", "see you at five"), ("m2", &"long ".repeat(40))] {
            let mut said = Activity::new("irc", "send", Entity::person("bob", "h"));
            said.object = Some(ActivityObject::message(text));
            (said.id, said.published) = (
                Some(id.to_owned()),
                Some(Timestamp::from_millis(7_000).to_string()),
            );
            ring.push(said);
        }
        ring
    }

    fn completed(kind: MessageType, about: &str, removed: bool) -> (String, Option<i64>) {
        let mut body = EventBody::Message {
            server: "h".into(),
            target: ArchiveTarget::Channel("#c".into()),
            message: ArchiveMessage {
                from: "alice".into(),
                kind,
                about: Some(about.into()),
                emoji: Some("👍".into()),
                removed,
                ..ArchiveMessage::default()
            },
            missed: false,
            about_time: None,
        };
        complete(&mut body, &ring());
        match body {
            EventBody::Message {
                message,
                about_time,
                ..
            } => (message.text, about_time.map(Timestamp::millis)),
            _ => panic!("still a message"),
        }
    }

    #[test]
    fn whoever_sees_only_texts_sees_sentences() {
        let sentence = |kind, about, removed| completed(kind, about, removed).0;
        let reaction = || MessageType::Reaction;
        assert_eq!(
            sentence(reaction(), "m1", false),
            "reacted with 👍 to “see you at five”"
        );
        assert_eq!(
            sentence(reaction(), "m1", true),
            "removed the reaction 👍 from “see you at five”"
        );
        assert_eq!(sentence(reaction(), "gone", false), "reacted with 👍");
        let long = sentence(reaction(), "m2", false);
        assert!(
            long.ends_with("long…”") && long.chars().count() < 90,
            "{long}"
        );
        assert_eq!(
            sentence(MessageType::Deletion, "m1", false),
            "deleted a message from bob"
        );
        assert_eq!(
            completed(MessageType::Deletion, "gone", false),
            ("deleted a message".to_owned(), None)
        );
        assert_eq!(completed(MessageType::Deletion, "m1", false).1, Some(7_000));
        assert_eq!(sentence(MessageType::Text, "m1", false), "");
    }
}
