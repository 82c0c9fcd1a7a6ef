//! What outlives the process: channels, known accounts, and the outcome of appends.

use irc_codec::numeric;
use protocol::{AccountName, FoldedName, outline};

use super::channel::Channel;
use super::outbox::When;
use super::{AppendId, NotStored, Now, Server, names};
use crate::record::{Body, ChannelRecord, Record, Seen, State, Topic};

impl Server {
    /// An append was settled; call in order, once for each.
    pub fn handle_stored(&mut self, id: AppendId, result: Result<(), NotStored>, now: Now) {
        self.now = now;
        self.statistics.not_stored += u64::from(result.is_err());
        self.outbox.settle(id, result);
        self.tasks.settle(id, result.is_ok());
    }

    /// Returns everything that must be known after a restart, except messages.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            version: State::VERSION,
            as_of: self.last_id,
            accounts: self.accounts.clone(),
            seen: self.seen.clone(),
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

    /// Appends a channel's state to the log before anyone is told of it.
    pub(super) fn save_channel(&mut self, key: &FoldedName) {
        if let Some(channel) = self.channels.get(key) {
            if !channel.is_lasting() {
                return;
            }
            let body = Body::Channel(channel.record.clone());
            let id = self.next_id();
            self.append(id, body);
        }
    }

    /// Appends a new account to the log.
    pub(super) fn remember_account(&mut self, account: &AccountName) {
        if self.accounts.insert(account.clone()) {
            self.outlines.insert(outline(account.as_str()));
            let id = self.next_id();
            Seen::first(account, id).note(&mut self.seen);
            self.append(
                id,
                Body::Account {
                    account: account.clone(),
                },
            );
        }
    }

    /// Forgets an empty channel, unless it belongs to someone.
    pub(super) fn forget_if_empty(&mut self, key: &FoldedName) {
        let empty = self
            .channels
            .get(key)
            .is_some_and(|channel| channel.members.is_empty() && !channel.is_lasting());
        if empty {
            self.channels.remove(key);
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
    pub(super) fn explain_failure(&mut self, id: super::ClientId, target: &str, append: AppendId) {
        for (reason, text) in [
            (
                NotStored::Full,
                "Your message was not sent: the server's disk is full; tell its administrator",
            ),
            (
                NotStored::Failed,
                "Your message was not sent: the server could not write it to its disk; try again later",
            ),
        ] {
            // ERR_CANNOTSENDTOCHAN is for channels; for users, InspIRCd has a numeric.
            let code = if target.starts_with('#') {
                numeric::ERR_CANNOTSENDTOCHAN
            } else {
                numeric::ERR_CANTSENDTOUSER
            };
            let reply = super::reply::Reply::new(code, [target, text]);
            self.reply_when(id, reply, When::Failed(append, reason));
        }
    }
}
