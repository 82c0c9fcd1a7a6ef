//! Messages of clients on their way: cut to lines, sent, echoed, acknowledged.

use std::time::Duration;

use gateway::{Attached, Audience, RequestId};
use irc_codec::{Ctcp, Message, numeric, split_text};
use protocol::{Activity, ActivityObject, ClientId, EventBody, Timestamp};

use super::Session;
use super::messages::Manner;
use super::numerics::ErrorReply::{self, Fail, Numeric};
use super::tasks::TaskPart;
use super::typed::{is_private_command, typed};

/// The longest user name and host that servers make of us, in bytes, while we do not know ours.
const UNKNOWN_USER_HOST: usize = 11 + 1 + 63;

/// Who sends the parts of tasks: no socket has this number.
const NOBODY: Attached = Attached {
    socket: 0,
    full: true,
};

/// A line on its way.
#[derive(Debug)]
pub(super) struct Sending {
    id: u64,
    /// The same for all lines of one message.
    group: u64,
    /// Set on the first line of a message.
    request: Option<RequestId>,
    socket: Attached,
    target: String,
    manner: Manner,
    text: String,
    label: Option<String>,
    /// Set once it is on the wire.
    deadline: Option<Duration>,
    failed: bool,
    /// The part of a task that it is.
    task: Option<TaskPart>,
    /// What the client that sent it calls it.
    client_id: Option<ClientId>,
}

impl Session {
    pub(super) fn perform_send(
        &mut self,
        request: RequestId,
        socket: Attached,
        activity: &Activity,
        target: &str,
    ) {
        let lines = match self.lines_of(activity, target, socket.full) {
            Ok(lines) => lines,
            Err(sentence) => {
                self.done(request, Err(sentence));
                return;
            }
        };
        for (_, text) in &lines {
            self.note_secrets(target, text);
        }
        self.counter += 1;
        let group = self.counter;
        let mut request = Some(request);
        for (manner, text) in lines {
            let label = self.next_label();
            let (command, body) = match manner {
                Manner::Text => ("PRIVMSG", text.clone()),
                Manner::Action => ("PRIVMSG", Ctcp::action(text.as_str()).to_string()),
                Manner::Notice => ("NOTICE", text.clone()),
            };
            let mut message = Message::new(command, [target, &body]);
            if let Some(label) = &label {
                message.tags.set("label", label);
            }
            self.counter += 1;
            let id = self.counter;
            self.sends.push_back(Sending {
                id,
                group,
                request: request.take(),
                socket,
                target: target.to_owned(),
                manner,
                text,
                label,
                deadline: None,
                failed: false,
                task: None,
                client_id: activity.client_id(),
            });
            self.outbox.push(message.to_string(), Some(id));
        }
    }

    /// Sends a part of a task.
    pub(super) fn send_part(&mut self, part: TaskPart, target: &str, manner: Manner, text: &str) {
        let mut message = match &part.relayed {
            Some(name) => Message::new("RELAYMSG", [target, name, text]),
            None if manner == Manner::Notice => Message::new("NOTICE", [target, text]),
            None => Message::new("PRIVMSG", [target, text]),
        };
        if self.can("message-tags") {
            message.tags.set(protocol::TASK_TAG, part.tag());
        }
        let label = self.next_label();
        if let Some(label) = &label {
            message.tags.set("label", label);
        }
        self.counter += 1;
        let id = self.counter;
        self.sends.push_back(Sending {
            id,
            group: id,
            request: None,
            socket: NOBODY,
            target: target.to_owned(),
            manner,
            text: text.to_owned(),
            label,
            deadline: None,
            failed: false,
            task: Some(part),
            client_id: None,
        });
        self.outbox.push(message.to_string(), Some(id));
    }

    /// Takes back what is not sent of a task, and no longer waits for the rest.
    pub(super) fn withdraw_task(&mut self, task: &str) {
        let of_task = |s: &Sending| s.task.as_ref().is_some_and(|part| part.task == task);
        let waiting = self
            .sends
            .iter()
            .filter(|s| of_task(s) && s.deadline.is_none());
        let waiting: Vec<u64> = waiting.map(|s| s.id).collect();
        self.outbox.withdraw(|id| waiting.contains(&id));
        self.sends.retain(|s| !waiting.contains(&s.id));
        for sending in self.sends.iter_mut().filter(|s| of_task(s)) {
            sending.task = None;
            sending.failed = true;
        }
    }

    /// What to send, line by line.
    fn lines_of(
        &self,
        activity: &Activity,
        target: &str,
        full: bool,
    ) -> Result<Vec<(Manner, String)>, String> {
        let server = self.server();
        if let Some(channel) = self.link.isupport.channel_within(target)
            && self.channel(channel).is_none()
        {
            return Err(format!(
                "You are not in {channel} on {server}; join it first."
            ));
        }
        let content = activity.content().unwrap_or_default();
        let (manner, content) = match activity.object_type() {
            Some("me") => (Manner::Action, content),
            Some("notice") => (Manner::Notice, content),
            // A full client says what it means with the type, so that a text may begin with anything.
            _ if full => (Manner::Text, content),
            _ if is_private_command(content) => {
                let command = content.split_whitespace().next().unwrap_or_default();
                return Err(format!(
                    "{command} is no command here, and as a message it would tell what it says to {target}: nothing was sent. Write to the service or the person itself."
                ));
            }
            _ => typed(content),
        };
        let room = self.text_room(target, manner);
        let clean = content.replace(['\0', '\x01'], "");
        let lines: Vec<(Manner, String)> = clean
            .split(['\n', '\r'])
            .filter(|line| !line.trim().is_empty())
            .flat_map(|line| split_text(line, room))
            .map(|piece| (manner, piece.to_owned()))
            .collect();
        let limit = self.settings.message_lines;
        if lines.is_empty() {
            Err("The message is empty.".to_owned())
        } else if lines.len() > limit {
            Err(format!(
                "The message would become {} lines on IRC and {limit} are allowed; share it as a file instead.",
                lines.len()
            ))
        } else if lines.len() > self.outbox.room() {
            Err(format!(
                "Too much waits to be sent to {server}; try again in a minute."
            ))
        } else {
            Ok(lines)
        }
    }

    /// How many bytes of text fit into a line that the server relays as
    /// `:nick!user@host PRIVMSG target :text`.
    fn text_room(&self, target: &str, manner: Manner) -> usize {
        let user_host = match (&self.link.user, &self.link.host) {
            (Some(user), Some(host)) => user.len() + 1 + host.len(),
            _ => UNKNOWN_USER_HOST,
        };
        let overhead = ":!  PRIVMSG  :\r\n".len()
            + self.link.nick.len()
            + user_host
            + target.len()
            + if manner == Manner::Action {
                "\x01ACTION \x01".len()
            } else {
                0
            };
        self.line_length().saturating_sub(overhead).max(64)
    }

    /// A line went to the wire. A server that does not echo leaves it to us to say so.
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

    /// Finds the line that an echo is of: by label, else by what it says, else (a server may change
    /// what is said) the oldest to the same target.
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
                        // An error of the server's own: after what else it may be about.
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
        // What is left of the message is not sent; what is sent already will fail alike.
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

/// Says of a message, and in its record, what the client that sent it calls it.
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
