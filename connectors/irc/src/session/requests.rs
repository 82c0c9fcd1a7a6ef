//! Client requests that the server has not answered yet.

use std::time::Duration;

use gateway::{Attached, Output, RequestId};
use irc_codec::{Message, ModeKind, numeric};
use protocol::{Activity, ListedRoom, WhoisObject};

use super::client_tags::Reaction;
use super::numerics::ErrorReply::{self, Fail, Numeric};
use super::{Session, Wanted};

/// Requests that may be waiting for responses.
const MAX_PENDING: usize = 256;
/// Channel errors reported per connection; a server can produce any number of names.
const MAX_REPORTED: usize = 1000;

/// What a request waits for.
#[derive(Debug)]
pub(super) enum Kind {
    Join {
        channel: String,
        key: Option<String>,
    },
    Leave {
        channel: String,
    },
    Nick {
        nick: String,
    },
    Topic {
        channel: String,
    },
    Invite {
        nick: String,
        channel: String,
    },
    Kick {
        channel: String,
        nick: String,
    },
    Role {
        channel: String,
        nick: String,
        mode: char,
        set: bool,
    },
    Away {
        away: bool,
    },
    /// A reaction, or that one is taken back.
    React {
        target: String,
        reaction: Reaction,
    },
    Redact {
        target: String,
        about: String,
    },
    Names {
        channel: String,
        members: Vec<String>,
    },
    Whois {
        nick: String,
        answer: Box<WhoisObject>,
    },
    List {
        items: Vec<ListedRoom>,
    },
}

impl Kind {
    const fn command(&self) -> &'static str {
        match self {
            Self::Join { .. } => "JOIN",
            Self::Leave { .. } => "PART",
            Self::Nick { .. } => "NICK",
            Self::Topic { .. } => "TOPIC",
            Self::Invite { .. } => "INVITE",
            Self::Kick { .. } => "KICK",
            Self::Role { .. } => "MODE",
            Self::Away { .. } => "AWAY",
            Self::React { .. } => "TAGMSG",
            Self::Redact { .. } => "REDACT",
            Self::Names { .. } => "NAMES",
            Self::Whois { .. } => "WHOIS",
            Self::List { .. } => "LIST",
        }
    }

    /// The names that an error about this request may contain.
    fn subjects(&self) -> [&str; 2] {
        match self {
            Self::Join { channel, .. }
            | Self::Leave { channel }
            | Self::Topic { channel }
            | Self::Names { channel, .. } => [channel, channel],
            Self::Nick { nick } | Self::Whois { nick, .. } => [nick, nick],
            Self::Invite { nick, channel }
            | Self::Kick { channel, nick }
            | Self::Role { channel, nick, .. } => [channel, nick],
            Self::React { target, .. } => [target, target],
            Self::Redact { target, about } => [target, about],
            Self::Away { .. } | Self::List { .. } => ["", ""],
        }
    }
}

/// A pending request.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) request: RequestId,
    pub(super) socket: Attached,
    pub(super) activity: Activity,
    pub(super) kind: Kind,
    pub(super) label: Option<String>,
    pub(super) deadline: Duration,
}

impl Session {
    /// Answers a request.
    pub(super) fn done(&mut self, request: RequestId, result: Result<Activity, String>) {
        self.emit(Output::Done {
            request,
            result: result.map(Box::new),
        });
    }

    /// A label for the next line, if the server supports labels.
    pub(super) fn next_label(&mut self) -> Option<String> {
        self.can("labeled-response").then(|| {
            self.counter += 1;
            format!("{:x}", self.counter)
        })
    }

    /// Sends a request's line and waits for the response.
    pub(super) fn ask(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
        kind: Kind,
        mut message: Message,
    ) {
        if self.outbox.room() == 0 || self.requests.len() >= MAX_PENDING {
            let sentence = format!(
                "Too much is waiting to be sent to {}; try again in a minute.",
                self.server()
            );
            self.done(request, Err(sentence));
            return;
        }
        let label = self.next_label();
        if let Some(label) = &label {
            message.tags.set("label", label);
        }
        self.outbox.push(message.to_string(), None);
        self.wait_for(request, socket, activity, kind, label);
    }

    pub(super) fn wait_for(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: Activity,
        kind: Kind,
        label: Option<String>,
    ) {
        let deadline = self.answer_due(self.settings.queue - self.outbox.room());
        self.requests.push_back(Pending {
            request,
            socket,
            activity,
            kind,
            label,
            deadline,
        });
    }

    /// When the response is due to a line that is sent after this many queued lines.
    pub(super) fn answer_due(&self, waiting: usize) -> Duration {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.now.elapsed
            + self.settings.request_timeout
            + self.settings.interval.saturating_mul(waiting)
    }

    /// Takes the oldest request that matches.
    pub(super) fn take_request(&mut self, fits: impl Fn(&Kind) -> bool) -> Option<Pending> {
        let at = self.requests.iter().position(|p| fits(&p.kind))?;
        self.requests.remove(at)
    }

    /// Returns whether a WHOIS response about a nickname is pending.
    pub(super) fn asks_about(&self, nick: &str) -> bool {
        let about = |kind: &Kind| matches!(kind, Kind::Whois { nick: n, .. } if self.same(n, nick));
        self.requests.iter().any(|pending| about(&pending.kind))
    }

    /// Completes a request with its own activity as the answer.
    pub(super) fn complete(&mut self, pending: Pending) {
        let at = self.now.wall;
        let mut activity = pending.activity;
        activity.published = Some(at.to_string());
        self.done(pending.request, Ok(activity));
    }

    /// Pending joins, to be sent again on a new connection.
    pub(super) fn pending_joins(&self) -> Vec<Wanted> {
        self.requests
            .iter()
            .filter_map(|pending| match &pending.kind {
                Kind::Join { channel, key } => Some(Wanted {
                    name: channel.clone(),
                    key: key.clone(),
                }),
                _ => None,
            })
            .collect()
    }

    pub(super) fn requests_timeout(&mut self) {
        while let Some(at) = self
            .requests
            .iter()
            .position(|p| p.deadline <= self.now.elapsed)
        {
            let Some(pending) = self.requests.remove(at) else {
                return;
            };
            let sentence = format!(
                "{} did not answer {} in time; try again.",
                self.server(),
                pending.kind.command()
            );
            self.done(pending.request, Err(sentence));
        }
    }

    /// The connection is gone: no responses will arrive.
    pub(super) fn fail_all(&mut self, sentence: &str) {
        for pending in std::mem::take(&mut self.requests) {
            self.done(pending.request, Err(sentence.to_owned()));
        }
        self.fail_sends(sentence);
        self.fail_tasks(sentence);
        self.attachments_failed(sentence);
        self.account_ends(Err(sentence.to_owned()));
    }

    /// ACK: the labelled line was accepted, and there is no further response.
    pub(super) fn acknowledged(&mut self, label: Option<&str>) {
        let Some(label) = label else { return };
        let found = self
            .requests
            .iter()
            .position(|p| p.label.as_deref() == Some(label));
        if let Some(pending) = found.and_then(|at| self.requests.remove(at)) {
            self.complete(pending);
        }
    }

    /// An error numeric or FAIL: finds the request it responds to, by label if there is one, otherwise by the command
    /// or name that the error contains.
    pub(super) fn request_failed(&mut self, error: ErrorReply, message: &Message) {
        let label = self.label_of(message);
        let about = message.param(1).to_owned();
        let text = message.params.last().cloned().unwrap_or_default();
        let sentence = self.sentence(error, message, &text);
        if self.send_failed(error, label.as_deref(), &about, &sentence)
            || self.account_error(error, &about, &sentence)
        {
            return;
        }
        let by_label = label.as_deref().and_then(|label| {
            self.requests
                .iter()
                .position(|p| p.label.as_deref() == Some(label))
        });
        let second = message.param(2);
        // ERR_UNAVAILRESOURCE is about a nickname or a channel (RFC 2812, section 5.2).
        let is_nick_error = !self.link.isupport.is_channel(&about)
            && matches!(
                error,
                Numeric(
                    numeric::ERR_NONICKNAMEGIVEN
                        | numeric::ERR_ERRONEUSNICKNAME
                        | numeric::ERR_NICKNAMEINUSE
                        | numeric::ERR_NICKCOLLISION
                        | numeric::ERR_UNAVAILRESOURCE
                        | numeric::ERR_NICKTOOFAST
                        | numeric::ERR_NONICKCHANGE
                        | numeric::ERR_RESTRICTED
                )
            );
        let by_name = || {
            self.requests.iter().position(|p| match error {
                Fail
                | Numeric(
                    numeric::RPL_TRYAGAIN
                    | numeric::ERR_UNKNOWNCOMMAND
                    | numeric::ERR_NEEDMOREPARAMS,
                ) => p.kind.command().eq_ignore_ascii_case(&about),
                _ if is_nick_error && matches!(p.kind, Kind::Nick { .. }) => true,
                _ => p.kind.subjects().into_iter().any(|subject| {
                    !subject.is_empty()
                        && (self.same(subject, &about)
                            || message.params.len() > 3 && self.same(subject, second))
                }),
            })
        };
        if let Some(at) = by_label.or_else(by_name) {
            if let Some(pending) = self.requests.remove(at) {
                self.done(pending.request, Err(sentence));
            }
            return;
        }
        if is_nick_error && self.nick_refused(error, message) {
            return;
        }
        self.unasked_error(error, &about, &sentence);
    }

    /// An error that is not the response to a client's request.
    fn unasked_error(&mut self, error: ErrorReply, about: &str, sentence: &str) {
        // Responses to what we send automatically, which users do not know about.
        if matches!(
            error,
            Numeric(
                numeric::ERR_UNKNOWNCOMMAND
                    | numeric::ERR_NEEDMOREPARAMS
                    | numeric::ERR_INVALIDCAPCMD
                    | numeric::ERR_NOTREGISTERED
                    | numeric::ERR_NOMOTD
            )
        ) {
            return;
        }
        let entity = if error == Fail {
            None
        } else if self.link.isupport.is_channel(about) {
            self.not_let_in(about, sentence);
            // A channel that cannot be joined is reported once per connection.
            if self.reported.len() >= MAX_REPORTED
                || !self.reported.insert((error, self.fold(about)))
            {
                return;
            }
            Some(self.room(about))
        } else if about.is_empty() || about.contains([' ', '.']) {
            None
        } else {
            Some(self.person(about))
        };
        self.trouble(entity, sentence);
    }

    /// The mode letter that grants a role, if the server has it.
    pub(super) fn role_mode(&self, role: &str) -> Option<char> {
        let mode = match role {
            "owner" => 'o',
            "admin" => 'h',
            "participant" => 'v',
            _ => return None,
        };
        (self.link.isupport.mode_kind(mode) == ModeKind::Rank).then_some(mode)
    }
}
