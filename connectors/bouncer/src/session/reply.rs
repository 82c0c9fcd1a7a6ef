//! Lines to the client.

use irc_codec::{MAX_BODY, Message, Numeric, Source};
use protocol::Timestamp;

use super::labels::Labels;
use super::{Output, Session};

impl Session {
    /// Sends a line. What the network, other people or this bouncer say in it may be longer than a line.
    pub(super) fn push(&mut self, message: &Message) {
        if let Some(held) = self.labels.held() {
            return held.push(message.clone());
        }
        self.out.push(Output::Line(message.fitted(MAX_BODY)));
    }

    /// A line from the bouncer itself.
    pub(super) fn speak<'a>(&mut self, command: &str, params: impl IntoIterator<Item = &'a str>) {
        let mut message = Message::new(command, params);
        message.source = Some(Source::parse(&self.name));
        self.push(&message);
    }

    /// A numeric.
    pub(super) fn reply<'a>(
        &mut self,
        numeric: Numeric,
        params: impl IntoIterator<Item = &'a str>,
    ) {
        let nick = match self.nick.as_str() {
            "" => "*".to_owned(),
            nick => nick.to_owned(),
        };
        let mut message = Message::new(&numeric.to_string(), [nick]);
        message.params.extend(params.into_iter().map(str::to_owned));
        message.source = Some(Source::parse(&self.name));
        self.push(&message);
    }

    /// `FAIL` (IRCv3 standard-replies); a notice for clients that asked neither for it nor for anything that builds on
    /// it.
    pub(super) fn fail(&mut self, command: &str, code: &str, context: &[&str], text: &str) {
        let known = [
            "standard-replies",
            "draft/chathistory",
            "draft/message-redaction",
            "soju.im/bouncer-networks",
            "soju.im/bouncer-networks-notify",
        ];
        if self.registration.is_some() || known.iter().any(|cap| self.caps.has(cap)) {
            let params = [command, code].into_iter();
            let params = params.chain(context.iter().copied()).chain([text]);
            self.speak("FAIL", params);
        } else {
            self.notice(&format!("{command}: {text}"));
        }
    }

    /// A notice from the bouncer.
    pub(super) fn notice(&mut self, text: &str) {
        let nick = match self.nick.as_str() {
            "" => "*".to_owned(),
            nick => nick.to_owned(),
        };
        self.speak("NOTICE", [nick.as_str(), text]);
    }

    /// Ends the session, and says why.
    pub(super) fn close(&mut self, why: &str) {
        self.labels = Labels::default();
        let message = Message::new("ERROR", [why]);
        self.push(&message);
        self.out.push(Output::Close);
        self.closed = true;
    }

    /// Adds the tag `time`, if the client wants it.
    pub(super) fn stamp(&self, message: &mut Message, at: Option<&str>) {
        if self.caps.has("server-time") {
            let at = at.and_then(|text| text.parse::<Timestamp>().ok());
            message
                .tags
                .set("time", at.unwrap_or(self.now.wall).to_string());
        }
    }

    /// How a person appears as a source. Activities carry no user names and hosts, so these stand for them.
    pub(super) fn source(&self, nick: &str) -> Source {
        let server = self.network.as_ref().map(|network| &network.server);
        Source {
            nick: nick.to_owned(),
            user: Some(nick.to_owned()),
            host: Some(server.unwrap_or(&self.name).clone()),
        }
    }
}
