//! What outlives the process: channels, known accounts, and the outcome of appends.

use irc_codec::{Message, numeric};
use protocol::{AccountName, FoldedName, outline};

use super::channel::Channel;
use super::outbox::When;
use super::reply::Reply;
use super::unsaved::{Change, Past, Subject};
use super::{AppendId, ClientId, NotStored, Now, Server, names};
use crate::record::{Body, ChannelRecord, Record, Seen, State, Topic};

/// What a sender is told about why something is not on disk.
const REASONS: [(NotStored, &str); 2] = [
    (
        NotStored::Full,
        "the server's disk is full; tell its administrator",
    ),
    (
        NotStored::Failed,
        "the server could not write it to its disk; try again later",
    ),
];

impl Server {
    /// An append was settled; call in order, once for each.
    pub fn handle_stored(&mut self, id: AppendId, result: Result<(), NotStored>, now: Now) {
        self.now = now;
        self.statistics.not_stored += u64::from(result.is_err());
        for (subject, change) in self.unsaved.settle(id, result.is_ok(), now.ticks) {
            if let Subject::Channel(key) = subject
                && let Some(channel) = self.channels.get_mut(&key)
            {
                channel.forget_logged();
                if let Some(change) = change {
                    change.undo(channel);
                }
            }
        }
        if result.is_ok() {
            for subject in self.unsaved.take_all() {
                self.save_again(subject);
            }
        }
        self.outbox.settle(id, result);
        self.tasks.settle(id, result.is_ok());
    }

    /// Returns everything that must be known after a restart, except messages. The log of each channel starts over
    /// then, so that the log after a snapshot suffices for what it is about.
    #[must_use]
    pub fn state(&mut self) -> State {
        self.channels.values_mut().for_each(Channel::forget_logged);
        State {
            version: State::VERSION,
            as_of: self.last_id,
            accounts: self.accounts.clone(),
            seen: self.seen.clone(),
            read: self.read.clone(),
            metadata: self.metadata.clone(),
            bans: self.bans.all().cloned().collect(),
            channels: self
                .channels
                .values()
                .map(|channel| channel.record.clone())
                .collect(),
        }
    }

    pub(super) fn append(&mut self, id: i64, body: Body) -> AppendId {
        self.outbox.append(Record { id, body })
    }

    /// Appends a record to the log that is written again later if that fails.
    pub(super) fn save(
        &mut self,
        id: i64,
        subject: Subject,
        body: Body,
        change: Option<Change>,
    ) -> AppendId {
        let append = self.append(id, body);
        self.unsaved.insert(append, subject, change);
        append
    }

    /// Writes the present state of what could not be written before.
    pub(super) fn save_again(&mut self, subject: Subject) {
        let body = match &subject {
            Subject::Account(account) => Body::Account {
                account: account.clone(),
            },
            Subject::Metadata(account, key) => self.metadata_body(account, key),
            Subject::Ban(mask) => match self.bans.get(mask) {
                Some(ban) => Body::Ban(ban.clone()),
                None => Body::Unban { mask: mask.clone() },
            },
            Subject::Channel(key) => {
                let channel = self.channels.get_mut(key);
                let lasting = channel.and_then(|channel| {
                    channel.forget_logged();
                    channel.is_lasting().then(|| channel.log_entry())
                });
                lasting.unwrap_or_else(|| Body::Gone {
                    name: key.to_string(),
                })
            }
        };
        let id = self.next_id();
        self.save(id, subject, body, None);
    }

    /// Appends a channel's state to the log before anyone is told of it; if that fails, it stays in effect and is
    /// written later. Returns the append, unless the channel does not outlive the process.
    pub(super) fn save_channel(&mut self, key: &FoldedName) -> Option<AppendId> {
        self.save_if_lasting(key, None)
    }

    fn save_if_lasting(&mut self, key: &FoldedName, change: Option<Change>) -> Option<AppendId> {
        let channel = self
            .channels
            .get_mut(key)
            .filter(|channel| channel.is_lasting())?;
        let body = channel.log_entry();
        let id = self.next_id();
        Some(self.save(id, Subject::Channel(key.clone()), body, change))
    }

    /// Returns a channel as it is before a change.
    pub(super) fn past(&self, key: &FoldedName) -> Option<Past> {
        self.channels.get(key).map(Past::of)
    }

    /// Like [`Self::save_channel`], for a change that is undone if that fails. Returns when the channel is told of it.
    pub(super) fn save_change(&mut self, key: &FoldedName, before: Past) -> When {
        let change = self.past(key).map(|after| Change { before, after });
        let append = self.save_if_lasting(key, change);
        append.map_or(When::Always, When::Stored)
    }

    /// Appends that a channel does not outlive the process any more. While somebody without an account is in it, it may
    /// again, and that must not cost the whole of it: then what is logged is that it has no members.
    pub(super) fn save_end(&mut self, key: &FoldedName) -> AppendId {
        let name = self.spelled(key);
        let body = match self.channels.get_mut(key) {
            Some(channel) if !channel.members.is_empty() => channel.log_entry(),
            _ => Body::Gone { name },
        };
        let id = self.next_id();
        self.save(id, Subject::Channel(key.clone()), body, None)
    }

    /// Appends a new account to the log.
    pub(super) fn remember_account(&mut self, account: &AccountName) {
        if self.accounts.insert(account.clone()) {
            self.outlines.insert(outline(account.as_str()));
            let id = self.next_id();
            Seen::first(account, id).note(&mut self.seen);
            let body = Body::Account {
                account: account.clone(),
            };
            self.save(id, Subject::Account(account.clone()), body, None);
        }
    }

    /// Forgets an empty channel, unless it belongs to someone.
    pub(super) fn forget_if_empty(&mut self, key: &FoldedName) {
        let empty = self
            .channels
            .get(key)
            .is_some_and(|channel| channel.members.is_empty() && !channel.is_lasting());
        if !empty {
            return;
        }
        let channel = self.channels.remove(key);
        if let Some(first) = channel.and_then(|channel| channel.record.history) {
            self.renamed.remove(&names::fold(&first));
        }
    }

    /// Creates configured channels that do not exist yet.
    pub(super) fn create_defaults(&mut self) {
        for default in self.config.channels.clone() {
            let key = names::fold(&default.name);
            if self.channels.contains_key(&key) {
                continue;
            }
            let mut record = ChannelRecord {
                permanent: true,
                topic: (!default.topic.is_empty()).then(|| Topic {
                    text: default.topic.clone(),
                    by: self.config.name.clone(),
                    at: self.now.wall,
                }),
                ..Channel::fresh(&default.name, self.now.wall)
            };
            // Without an operator, everyone may set the topic.
            record.topic_locked = false;
            self.channels.insert(key.clone(), Channel::new(record));
            self.save_channel(&key);
        }
    }

    /// Tells the sender of a message that it could not be stored and therefore was not sent.
    pub(super) fn explain_failure(&mut self, id: ClientId, target: &str, append: AppendId) {
        // ERR_CANNOTSENDTOCHAN is for channels; for users, InspIRCd has a numeric.
        let code = if target.starts_with('#') {
            numeric::ERR_CANNOTSENDTOCHAN
        } else {
            numeric::ERR_CANTSENDTOUSER
        };
        for (reason, why) in REASONS {
            let text = format!("Your message was not sent: {why}");
            let reply = Reply::new(code, [target, &text]);
            self.reply_when(id, reply, When::Failed(append, reason));
        }
    }

    /// Tells who wanted to change a channel that the change could not be stored and therefore was undone.
    pub(super) fn explain_undone(&mut self, id: ClientId, channel: &str, when: When) {
        let When::Stored(append) = when else {
            return;
        };
        for (reason, why) in REASONS {
            let text = format!("Nothing was changed: {why}");
            let reply = Reply::new(numeric::ERR_UNAVAILRESOURCE, [channel, &text]);
            self.reply_when(id, reply, When::Failed(append, reason));
        }
    }

    /// Tells who caused something that is in effect but could not be stored yet.
    pub(super) fn explain_unsaved(
        &mut self,
        to: impl IntoIterator<Item = ClientId>,
        channel: &str,
        append: Option<AppendId>,
    ) {
        let Some(append) = append else {
            return;
        };
        // It is not part of the answer to a command.
        let response = self.response.take();
        for id in to {
            for (reason, why) in REASONS {
                let text = format!("{channel}: this would be forgotten after a restart: {why}");
                let notice = Message::new("NOTICE", [self.name_for(id), text]);
                self.reply_message_when(id, notice, When::Failed(append, reason));
            }
        }
        self.response = response;
    }
}
