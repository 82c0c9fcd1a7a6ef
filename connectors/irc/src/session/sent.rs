//! The outcome of lines that were sent: echoed, acknowledged, refused, or timed out.

use std::time::Duration;

use gateway::{Attached, Audience, RequestId};
use irc_codec::numeric;
use protocol::{Activity, ActivityObject, ClientId, EventBody, Timestamp};

use super::Session;
use super::messages::Manner;
use super::numerics::ErrorReply::{self, Fail, Numeric};
use super::relations::mark_reply;
use super::tasks::TaskPart;

/// A line in flight.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) id: u64,
    /// The same for all lines of a message.
    pub(super) group: u64,
    /// Set on the first line of a message.
    pub(super) request: Option<RequestId>,
    pub(super) socket: Attached,
    pub(super) target: String,
    pub(super) manner: Manner,
    pub(super) text: String,
    pub(super) label: Option<String>,
    /// Set once it is on the wire.
    pub(super) deadline: Option<Duration>,
    pub(super) failed: bool,
    /// The part of a task that it carries.
    pub(super) task: Option<TaskPart>,
    /// The id given by the client that sent it.
    pub(super) client_id: Option<ClientId>,
    /// The message that it answers, if the network is told so.
    pub(super) reply_to: Option<String>,
}

impl Session {
    /// A line was written. If the server does not echo, it counts as sent.
    pub(super) fn written(&mut self, id: u64) {
        let Some(at) = self.sends.iter().position(|sending| sending.id == id) else {
            return;
        };
        if self.can("echo-message") {
            if let Some(sending) = self.sends.get_mut(at) {
                sending.deadline = Some(self.now.elapsed + self.settings.request_timeout);
            }
        } else if let Some(sending) = self.sends.remove(at) {
            let id = self.new_id();
            let text = sending.text.clone();
            let relayed = sending.task.as_ref().and_then(|part| part.relayed.clone());
            let from = relayed.unwrap_or_else(|| self.link.nick.clone());
            self.delivered(sending, &from, &text, &id, self.now.wall);
        }
    }

    /// Finds the line an echo belongs to: by label, otherwise by its text, otherwise (a server may change the text)
    /// the oldest to the same target.
    pub(super) fn take_echo(
        &mut self,
        label: Option<&str>,
        task: Option<&str>,
        target: &str,
        manner: Manner,
        text: &str,
    ) -> Option<Sending> {
        let at = match label {
            Some(label) => self
                .sends
                .iter()
                .position(|s| s.label.as_deref() == Some(label)),
            None if task.is_some() => self.sends.iter().position(|s| {
                let tag = s.task.as_ref().map(TaskPart::tag);
                s.deadline.is_some() && tag.as_deref() == task
            }),
            None => {
                let fits = |s: &Sending| {
                    s.deadline.is_some()
                        && s.label.is_none()
                        && s.manner == manner
                        && self.same(&s.target, target)
                };
                self.sends
                    .iter()
                    .position(|s| fits(s) && s.text == text)
                    .or_else(|| self.sends.iter().position(fits))
            }
        }?;
        self.sends.remove(at)
    }

    pub(super) fn delivered(
        &mut self,
        sending: Sending,
        from: &str,
        text: &str,
        id: &str,
        at: Timestamp,
    ) {
        let (mut activity, mut records) =
            self.own_message(from, &sending.target, sending.manner, text, id, at);
        if let Some(client_id) = &sending.client_id {
            mark_own(&mut activity, &mut records, client_id);
        }
        if let Some(answered) = &sending.reply_to {
            mark_reply(&mut activity, &mut records, answered);
        }
        self.history_live(&sending.target, at);
        let audience = if sending.request.is_some() || !sending.socket.full {
            Audience::Except(sending.socket.socket)
        } else {
            Audience::All
        };
        self.publish_recorded(activity.clone(), audience, records);
        if let Some(request) = sending.request {
            self.done(request, Ok(activity));
        }
        if let Some(part) = sending.task {
            self.part_said(&part.task, part.part);
        }
    }

    /// An error that may be about a line that was sent.
    pub(super) fn send_failed(
        &mut self,
        error: ErrorReply,
        label: Option<&str>,
        about: &str,
        sentence: &str,
    ) -> bool {
        let found = match label {
            Some(label) => self
                .sends
                .iter()
                .position(|s| s.label.as_deref() == Some(label)),
            None => self.sends.iter().position(|s| {
                s.deadline.is_some()
                    && match error {
                        Numeric(
                            numeric::ERR_NOSUCHNICK
                            | numeric::ERR_CANNOTSENDTOCHAN
                            | numeric::ERR_TOOMANYTARGETS
                            | numeric::ERR_BADMASK
                            | numeric::ERR_NONONREG
                            | numeric::ERR_CANTSENDTOUSER
                            | numeric::ERR_TARGUMODEG,
                        ) => self.same(&s.target, about),
                        Numeric(numeric::ERR_NOTEXTTOSEND | numeric::ERR_INPUTTOOLONG) => true,
                        Fail
                        | Numeric(numeric::ERR_UNKNOWNCOMMAND | numeric::ERR_NEEDMOREPARAMS) => {
                            let relayed = s.task.as_ref().is_some_and(|t| t.relayed.is_some());
                            let command = if relayed {
                                "RELAYMSG"
                            } else if s.manner == Manner::Notice {
                                "NOTICE"
                            } else {
                                "PRIVMSG"
                            };
                            about.eq_ignore_ascii_case(command)
                        }
                        // A server-specific error: checked after everything else it may be about.
                        Numeric(code) => code.class() == 9 && self.same(&s.target, about),
                    }
            }),
        };
        let Some(sending) = found.and_then(|at| self.sends.remove(at)) else {
            return false;
        };
        if sending.failed {
            return true;
        }
        if let Some(part) = &sending.task {
            self.part_failed(part, &sending.target, error, sentence);
            return true;
        }
        // The rest of the message is not sent; lines already sent will fail in the same way.
        let group = sending.group;
        let rest: Vec<u64> = self
            .sends
            .iter()
            .filter(|s| s.group == group && s.deadline.is_none())
            .map(|s| s.id)
            .collect();
        self.outbox.withdraw(|id| rest.contains(&id));
        self.sends.retain(|s| !rest.contains(&s.id));
        for sending in self.sends.iter_mut().filter(|s| s.group == group) {
            sending.failed = true;
        }
        match sending.request {
            Some(request) => self.done(request, Err(sentence.to_owned())),
            None => {
                let about = Some(self.entity(&sending.target));
                self.trouble(about, sentence);
            }
        }
        true
    }

    pub(super) fn sends_due(&self) -> Option<Duration> {
        self.sends.iter().filter_map(|s| s.deadline).min()
    }

    pub(super) fn sends_timeout(&mut self) {
        let now = self.now.elapsed;
        let late = |s: &Sending| s.deadline.is_some_and(|deadline| deadline <= now);
        while let Some(at) = self.sends.iter().position(late) {
            let Some(sending) = self.sends.remove(at) else {
                return;
            };
            let sentence = format!(
                "{} did not confirm the message in time; it may not have arrived.",
                self.server()
            );
            if let Some(part) = sending.task {
                self.task_later(&part.task, &sentence);
            } else if let (Some(request), false) = (sending.request, sending.failed) {
                self.done(request, Err(sentence));
            }
        }
    }

    pub(super) fn fail_sends(&mut self, sentence: &str) {
        for sending in std::mem::take(&mut self.sends) {
            if let (Some(request), false) = (sending.request, sending.failed) {
                let fate = if sending.deadline.is_some() {
                    "The message may not have arrived"
                } else {
                    "The message was not sent"
                };
                self.done(request, Err(format!("{fate}: {sentence}")));
            }
        }
    }
}

/// Adds the sending client's id to a message and its record.
fn mark_own(activity: &mut Activity, records: &mut [(String, EventBody)], id: &ClientId) {
    if let Some(
        ActivityObject::Message(text) | ActivityObject::Me(text) | ActivityObject::Notice(text),
    ) = &mut activity.object
    {
        text.client_id = Some(id.clone());
    }
    for (_, body) in records {
        if let EventBody::Message { message, .. } = body {
            message.client_id = Some(id.clone());
        }
    }
}
