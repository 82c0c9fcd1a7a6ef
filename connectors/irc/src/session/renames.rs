//! Channels that get another name, <https://ircv3.net/specs/extensions/channel-rename>. Without the capability, servers let us
//! leave and join.

use gateway::Audience;
use irc_codec::Message;
use protocol::{ArchiveTarget, EventBody, MessageType};

use super::activities::{ArchivedEvent, stamp};
use super::{Session, Wanted};

/// Maximum length of a channel's name, in bytes.
const MAX_NAME: usize = 200;

impl Session {
    /// RENAME: we stay in the channel, and want to be in it under its new name.
    pub(super) fn channel_renamed(&mut self, message: &Message) {
        let (old, new) = (self.spelled(message.param(0)), message.param(1).to_owned());
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == ',';
        let valid = self.link.isupport.is_channel(&new) && new.len() <= MAX_NAME;
        let taken = !self.same(&old, &new) && self.channel(&new).is_some();
        if !valid || new.contains(odd) || taken {
            return;
        }
        let Some(mut channel) = self.link.channels.remove(&old) else {
            return;
        };
        channel.name.clone_from(&new);
        self.link.channels.insert(&new, channel);
        let (id, at) = (self.id_of(message), self.time_of(message));
        let reason = message.param(2);
        let mut text = format!("{old} is called {new} now");
        if !reason.is_empty() {
            text.push_str(&format!(" ({reason})"));
        }
        let mut records = Vec::new();
        let case = self.link.case;
        let wanted = self.wanted.iter().find(|w| case.same(&w.name, &old));
        let wanted = wanted.cloned();
        if let Some(Wanted { key, .. }) = wanted.filter(|_| old != new) {
            self.forget_wanted(&old);
            let joined = match &key {
                Some(key) => format!("{new} {key}"),
                None => new.clone(),
            };
            let left = EventBody::Left {
                channel: old.clone(),
            };
            records.push((self.record_id(&old, &format!("left-{id}")), left));
            let joined = EventBody::Joined { channel: joined };
            records.push((self.record_id(&new, &format!("joined-{id}")), joined));
            self.wanted.push(Wanted {
                name: new.clone(),
                key,
            });
        }
        let left = self.activity("leave", self.me(), Some(self.room(&old)), None);
        self.publish_recorded(left, Audience::All, records);
        self.history_left(&old);
        let joined = self.activity("join", self.me(), Some(self.room(&new)), None);
        self.publish(joined, Audience::All);
        self.show_room(&new, Audience::All, false);
        let server = self.server().to_owned();
        let event = ArchivedEvent {
            id: id.clone(),
            at,
            kind: MessageType::Notice,
            from: &server,
            text: text.clone(),
        };
        let record = self.record(ArchiveTarget::Channel(new.clone()), &event);
        let object = protocol::ActivityObject::notice(&text);
        let room = Some(self.room(&new));
        let told = self.activity("send", self.service(), room, Some(object));
        self.publish_recorded(stamp(told, &id, at), Audience::All, vec![record]);
    }
}
