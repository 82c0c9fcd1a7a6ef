//! Which messages a person should be notified about: direct messages and mentions.

use protocol::{
    ArchiveTarget, ConversationKind, EventBody, Folding, MessageType, PlatformDescriptor,
};

/// Returns whether a message addresses the person with this nickname: a direct message from a person, or their
/// nickname as a word in a channel. Their own messages, notices to themselves and messages from servers do not count.
pub(super) fn calls(
    body: &EventBody,
    own: &str,
    folding: Folding,
    platform: &PlatformDescriptor,
) -> bool {
    let EventBody::Message {
        target, message, ..
    } = body
    else {
        return false;
    };
    let said = match message.kind {
        MessageType::Text | MessageType::Action => true,
        MessageType::Notice => matches!(target, ArchiveTarget::Channel(_)),
        // Who changes, deletes or reacts does not call anybody anew.
        _ => false,
    };
    let from = &message.from;
    let by_server = platform.conversations.kind(from) == ConversationKind::Server;
    if !said || own.is_empty() || by_server || folding.same(from, own) {
        return false;
    }
    match target {
        ArchiveTarget::User(_) => true,
        ArchiveTarget::Channel(_) => {
            let (text, own) = (folding.fold(&message.text), folding.fold(own));
            mentions(&text, &own, &platform.names.inside)
        }
    }
}

/// Returns whether a word occurs in a text, both folded; a character that may be part of a name is not a word
/// boundary.
fn mentions(text: &str, word: &str, inside: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || inside.contains(c);
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

#[cfg(test)]
mod tests {
    use protocol::{ArchiveMessage, ArchiveTarget, EventBody, MessageType};

    use protocol::Folding;

    fn calls(body: &EventBody, own: &str) -> bool {
        let irc = protocol::PlatformDescriptor::default_platform();
        super::calls(body, own, Folding::default(), &irc)
    }

    fn said(target: ArchiveTarget, from: &str, text: &str, kind: MessageType) -> EventBody {
        EventBody::Message {
            server: "h".to_owned(),
            target,
            message: ArchiveMessage {
                id: None,
                timestamp: 1,
                from: from.to_owned(),
                text: text.to_owned(),
                kind,
                ..ArchiveMessage::default()
            },
            missed: false,
            about_time: None,
        }
    }

    #[test]
    fn names_and_private_messages_call() {
        let channel = || ArchiveTarget::Channel("#c".to_owned());
        let person = || ArchiveTarget::User("bob".to_owned());
        let text = || MessageType::Text;
        for (text, calls_alice) in [
            ("alice: look", true),
            ("hello ALICE", true),
            ("(alice)", true),
            ("@alice, hi", true),
            ("malice", false),
            ("alice2 and alice_", false),
            ("alice-alice", false),
            ("nothing", false),
            ("", false),
        ] {
            let body = said(channel(), "bob", text, MessageType::Text);
            assert_eq!(calls(&body, "Alice"), calls_alice, "{text}");
        }
        assert!(calls(&said(person(), "bob", "hi", text()), "alice"));
        assert!(!calls(&said(person(), "Alice", "hi", text()), "alice"));
        assert!(!calls(&said(channel(), "alice", "alice", text()), "alice"));
        let notice = || MessageType::Notice;
        assert!(!calls(
            &said(person(), "NickServ", "alice", notice()),
            "alice"
        ));
        assert!(!calls(
            &said(person(), "irc.example.org", "alice", text()),
            "alice"
        ));
        assert!(calls(&said(channel(), "hook", "alice", notice()), "alice"));
        let join = MessageType::Join;
        assert!(!calls(
            &said(channel(), "bob", "alice joined", join),
            "alice"
        ));
    }
}
