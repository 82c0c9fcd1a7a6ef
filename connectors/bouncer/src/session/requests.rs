//! Requests to the connection, and their answers.

use irc_codec::{Numeric, numeric};
use protocol::{Activity, ActivityObject, Entity};

use super::range::Query;
use super::{Output, Session};

/// Requests that may be waiting for an answer.
const MAX_ASKED: usize = 128;

/// What a request was about.
#[derive(Debug)]
pub(super) enum Asked {
    Attach,
    Send { target: String },
    Join { channel: String },
    Part { channel: String },
    Topic { channel: String },
    Nick { nick: String },
    Away { away: bool },
    Names { channel: String },
    Whois { nick: String },
    List,
    Invite { nick: String, channel: String },
    Kick { channel: String },
    Mode { channel: String },
    Typing,
    React { target: String },
    Redact { target: String, about: String },
    History(Query),
}

impl Session {
    /// Creates a request's number; says so if too many are waiting.
    pub(super) fn ask(&mut self, asked: Asked) -> Option<u64> {
        if self.asked.len() >= MAX_ASKED {
            let text = "Too many requests are waiting; try again later";
            self.fail("*", "TRY_AGAIN", &[], text);
            return None;
        }
        let request = self.next;
        self.next += 1;
        self.asked.insert(request, asked);
        self.labels.asked(request);
        Some(request)
    }

    /// Sends a request to the connection.
    pub(super) fn request(
        &mut self,
        asked: Asked,
        kind: &str,
        target: Option<Entity>,
        object: Option<ActivityObject>,
    ) {
        let Some(network) = &self.network else {
            return;
        };
        let actor = Entity::person(&self.nick, &network.server);
        let mut activity = Activity::new(&network.platform, kind, actor);
        activity.target = target;
        activity.object = object;
        if let Some(request) = self.ask(asked) {
            self.out.push(Output::Perform(request, Box::new(activity)));
        }
    }

    pub(super) fn answered(&mut self, request: u64, activity: &Activity) {
        let Some(asked) = self.asked.remove(&request) else {
            return;
        };
        match &activity.error {
            Some(error) => self.not_done(&asked, error),
            None => self.done(&asked, activity),
        }
    }

    fn done(&mut self, asked: &Asked, activity: &Activity) {
        match asked {
            Asked::Attach | Asked::History(_) => {}
            // The one who asked learns from the answer what the others are told.
            Asked::Send { .. }
            | Asked::Join { .. }
            | Asked::Part { .. }
            | Asked::Topic { .. }
            | Asked::Nick { .. }
            | Asked::Mode { .. } => self.activity(activity, false),
            // It is told apart from the answer, or to others only.
            Asked::Kick { .. } | Asked::Typing => {}
            Asked::React { .. } | Asked::Redact { .. } => {
                if self.caps.has("echo-message") {
                    self.relation(activity, None);
                }
            }
            Asked::Names { channel } => {
                let members = match &activity.object {
                    Some(ActivityObject::Attendance(list)) => list.members.clone(),
                    _ => None,
                };
                self.list_names(channel, &members.unwrap_or_default());
            }
            Asked::Away { away: true } => {
                let text = "You have been marked as being away";
                self.reply(numeric::RPL_NOWAWAY, [text]);
            }
            Asked::Away { away: false } => {
                let text = "You are no longer marked as being away";
                self.reply(numeric::RPL_UNAWAY, [text]);
            }
            Asked::Invite { nick, channel } => {
                self.reply(numeric::RPL_INVITING, [nick.as_str(), channel.as_str()]);
            }
            Asked::Whois { nick } => self.whois(nick, activity),
            Asked::List => self.list(activity),
        }
    }

    fn not_done(&mut self, asked: &Asked, error: &str) {
        let (code, about): (Numeric, Vec<&str>) = match asked {
            Asked::Attach => return self.close(error),
            Asked::History(query) => {
                return self.fail("CHATHISTORY", "MESSAGE_ERROR", &[&query.target], error);
            }
            Asked::Away { .. } => return self.fail("AWAY", "NOT_SET", &[], error),
            Asked::Typing => return,
            Asked::Redact { target, about } => {
                let context = [target.as_str(), about.as_str()];
                return self.fail("REDACT", "REDACT_FORBIDDEN", &context, error);
            }
            Asked::Send { target } | Asked::React { target } => {
                (numeric::ERR_CANNOTSENDTOCHAN, vec![target])
            }
            Asked::Join { channel } => (numeric::ERR_UNAVAILRESOURCE, vec![channel]),
            Asked::Part { channel } => (numeric::ERR_NOTONCHANNEL, vec![channel]),
            Asked::Topic { channel } | Asked::Kick { channel } | Asked::Mode { channel } => {
                (numeric::ERR_CHANOPRIVSNEEDED, vec![channel])
            }
            Asked::Nick { nick } => (numeric::ERR_NICKNAMEINUSE, vec![nick]),
            Asked::Names { channel } => (numeric::RPL_ENDOFNAMES, vec![channel]),
            Asked::Whois { nick } => {
                self.reply(numeric::ERR_NOSUCHNICK, [nick.as_str(), error]);
                let text = "End of WHOIS";
                return self.reply(numeric::RPL_ENDOFWHOIS, [nick.as_str(), text]);
            }
            Asked::List => {
                self.notice(error);
                return self.reply(numeric::RPL_LISTEND, ["End of LIST"]);
            }
            Asked::Invite { nick, channel } => (numeric::ERR_CHANOPRIVSNEEDED, {
                let _ = nick;
                vec![channel]
            }),
        };
        let params: Vec<&str> = about.into_iter().chain([error]).collect();
        self.reply(code, params);
    }
}
