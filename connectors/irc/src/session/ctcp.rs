//! CTCP: requests from other clients, and their replies.

use std::time::Duration;

use irc_codec::{Ctcp, Message};

use super::Session;

/// Replies per [`WINDOW`]; further requests are not answered, so that nobody can make us flood.
const MAX_ANSWERS: usize = 3;
const WINDOW: Duration = Duration::from_secs(30);

/// Maximum length of a PING text that is echoed, in bytes.
const MAX_ECHO: usize = 64;

impl Session {
    /// Handles a request: answered if possible, and shown to the user.
    pub(super) fn ctcp_asked(&mut self, message: &Message, from: &str, ctcp: &Ctcp) {
        self.answer_ctcp(from, ctcp);
        let sentence = format!("{from} sent a CTCP request: {}", in_words(ctcp));
        self.announce(message, sentence);
    }

    /// Handles a reply to a request of the account, whichever of its clients sent it.
    pub(super) fn ctcp_answered(&mut self, message: &Message, from: &str, ctcp: &Ctcp) {
        let sentence = format!("{from} sent a CTCP reply: {}", in_words(ctcp));
        self.announce(message, sentence);
    }

    fn answer_ctcp(&mut self, from: &str, ctcp: &Ctcp) {
        let text = match ctcp.command.as_str() {
            "VERSION" => self.settings.version.clone(),
            "PING" if ctcp.text.len() <= MAX_ECHO => ctcp.text.clone(),
            "TIME" => self.now.wall.to_string(),
            "CLIENTINFO" => "ACTION CLIENTINFO PING TIME VERSION".to_owned(),
            _ => return,
        };
        let now = self.now.elapsed;
        let replies = &mut self.link.ctcp_replies;
        replies.retain(|at| *at + WINDOW > now);
        if replies.len() >= MAX_ANSWERS || from.is_empty() {
            return;
        }
        replies.push_back(now);
        let answer = Ctcp {
            command: ctcp.command.clone(),
            text,
        };
        self.send_later(&Message::new("NOTICE", [from, &answer.to_string()]));
    }
}

fn in_words(ctcp: &Ctcp) -> String {
    format!("{} {}", ctcp.command, ctcp.text)
        .trim_end()
        .to_owned()
}
