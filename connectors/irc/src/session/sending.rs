//! Client messages and parts of tasks being sent: split into lines and queued.

use gateway::{Attached, RequestId};
use irc_codec::{Ctcp, Message, split_text};
use protocol::Activity;

use super::Session;
use super::messages::Manner;
use super::sent::Sending;
use super::tasks::TaskPart;
use super::typed::{is_private_command, typed};

/// Maximum length of the user name and host that servers assign to us, in bytes, used until we know ours.
const UNKNOWN_USER_HOST: usize = 11 + 1 + 63;

/// The sender of tasks' parts: no socket has this number.
const NOBODY: Attached = Attached {
    socket: 0,
    full: true,
};

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
        self.own_typing_ended(target);
        self.counter += 1;
        let group = self.counter;
        let mut request = Some(request);
        let mut reply_to = self.carried_reply(activity);
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
            let reply_to = reply_to.take();
            if let Some((tag, answered)) = &reply_to {
                message.tags.set(*tag, answered);
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
                reply_to: reply_to.map(|(_, answered)| answered),
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
            reply_to: None,
        });
        self.outbox.push(message.to_string(), Some(id));
    }

    /// Withdraws the unsent lines of a task, and stops waiting for the others.
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
            // A full-mode client states the type explicitly, so a text may begin with anything.
            _ if full => (Manner::Text, content),
            _ if is_private_command(content) => {
                let command = content.split_whitespace().next().unwrap_or_default();
                return Err(format!(
                    "{command} is not a command here, and sending it as a message would disclose it to {target}: nothing was sent. Write to the service or person directly."
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
                "Too much is waiting to be sent to {server}; try again in a minute."
            ))
        } else {
            Ok(lines)
        }
    }

    /// How many bytes of text fit into a line that the server relays as `:nick!user@host PRIVMSG target :text`.
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
}
