//! METADATA: what members say about themselves, kept for each account (draft/metadata-2,
//! <https://ircv3.net/specs/extensions/metadata>).
//!
//! Everybody can read what an account has set; those who share a channel and have subscribed to a key are told of it.

use std::collections::{BTreeMap, BTreeSet};

use irc_codec::{Message, numeric};
use protocol::{AccountName, is_speaker, outline};

use super::bounds::{MAX_KEYS, MAX_VALUE};
use super::caps::Caps;
use super::client::UserId;
use super::lookalike::visible;
use super::outbox::When;
use super::unsaved::Subject;
use super::{ClientId, Server, names};
use crate::record::Body;

/// Maximum length of a key, in bytes.
const MAX_KEY: usize = 32;

/// What accounts have set, by key.
pub(super) type Metadata = BTreeMap<AccountName, BTreeMap<String, String>>;

pub(super) fn is_key(key: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_./-".contains(&b);
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(good)
}

/// The keys whose values are links.
const LINKS: [&str; 2] = ["avatar", "homepage"];

fn is_link(value: &str) -> bool {
    let rest = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

fn is_color(value: &str) -> bool {
    let hex = value.strip_prefix('#');
    hex.is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl Server {
    pub(super) fn on_metadata(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let target = message.param(0);
        let sub = message.param(1).to_ascii_uppercase();
        let keys: Vec<String> = message
            .params
            .iter()
            .skip(2)
            .map(|key| key.to_ascii_lowercase())
            .collect();
        match sub.as_str() {
            "SUB" => self.subscribe(id, user_id, &keys),
            "UNSUB" => self.unsubscribe(id, &keys),
            "SUBS" => self.send_subscriptions(id),
            "SYNC" => self.sync(id, user_id, target),
            "GET" | "LIST" | "SET" | "CLEAR" => {
                let Some(found) = self.metadata_target(user_id, target) else {
                    let about = [super::claim::known_or(target)];
                    let text = "There is no such user or channel";
                    return self.fail(id, "METADATA", "INVALID_TARGET", &about, text);
                };
                let (shown, account) = found;
                match sub.as_str() {
                    "GET" => self.send_metadata(id, &shown, account.as_ref(), Some(&keys)),
                    "LIST" => self.send_metadata(id, &shown, account.as_ref(), None),
                    _ => self.change_metadata(id, user_id, (&shown, account), message),
                }
            }
            other => {
                let about = [super::claim::known_or(other)];
                let text = "There are GET, LIST, SET, CLEAR, SUB, UNSUB, SUBS and SYNC";
                self.fail(id, "METADATA", "SUBCOMMAND_INVALID", &about, text);
            }
        }
    }

    /// Returns how a target is called, and the account of a user, also of one who is not connected.
    fn metadata_target(
        &self,
        user_id: UserId,
        target: &str,
    ) -> Option<(String, Option<AccountName>)> {
        let folded = names::fold(target);
        if target.starts_with('#') {
            let channel = self.channels.get(&folded);
            let channel = channel.filter(|channel| channel.is_visible(user_id))?;
            return Some((channel.record.name.clone(), None));
        }
        let user = match target {
            "*" => self.users.get(&user_id),
            _ => self.nicks.get(&folded).and_then(|id| self.users.get(id)),
        };
        match user {
            Some(user) => Some((user.nick.clone(), user.account.clone())),
            None => {
                let account = self.accounts.get(folded.as_str())?;
                Some((account.to_string(), Some(account.clone())))
            }
        }
    }

    fn send_metadata(
        &mut self,
        id: ClientId,
        shown: &str,
        account: Option<&AccountName>,
        asked: Option<&[String]>,
    ) {
        let set = account.and_then(|account| self.metadata.get(account));
        let set = set.cloned().unwrap_or_default();
        let batch = self.open_batch(id, &["metadata", shown]);
        let all: Vec<String>;
        let keys = match asked {
            Some(keys) => keys,
            None => {
                all = set.keys().cloned().collect();
                &all
            }
        };
        for key in keys {
            let (code, params) = match set.get(key) {
                Some(value) => (numeric::RPL_KEYVALUE, vec![key.as_str(), "*", value]),
                None if is_key(key) => (numeric::RPL_KEYNOTSET, vec![key.as_str(), "key not set"]),
                None => {
                    self.fail_key(id, batch.as_deref(), key);
                    continue;
                }
            };
            let start = [self.name_for(id), shown.to_owned()];
            let params = start
                .into_iter()
                .chain(params.into_iter().map(str::to_owned));
            let message = Message::new(&code.to_string(), params);
            self.push_in(id, batch.as_deref(), message);
        }
        self.close_batch(id, batch);
    }

    pub(super) fn fail_key(&mut self, id: ClientId, batch: Option<&str>, key: &str) {
        let about = super::claim::known_or(key);
        let text = "A key has lower-case letters, digits and _ . / -, at most 32";
        let message = Message::new("FAIL", ["METADATA", "KEY_INVALID", about, text]);
        self.push_in(id, batch, message);
    }

    fn change_metadata(
        &mut self,
        id: ClientId,
        user_id: UserId,
        (shown, account): (&str, Option<AccountName>),
        message: &Message,
    ) {
        let clear = message.param(1).eq_ignore_ascii_case("CLEAR");
        let key = message.param(2).to_ascii_lowercase();
        if !clear && !is_key(&key) {
            return self.fail_key(id, None, &key);
        }
        let own = self
            .users
            .get(&user_id)
            .and_then(|user| user.account.clone());
        let Some(account) = own.filter(|own| account.as_ref() == Some(own)) else {
            let key = if clear { "*" } else { &key };
            let text = "Only accounts have metadata, and change their own";
            let about = [super::claim::known_or(shown), key];
            return self.fail(id, "METADATA", "KEY_NO_PERMISSION", &about, text);
        };
        if clear {
            let set = self.metadata.remove(&account).unwrap_or_default();
            let batch = self.open_batch(id, &["metadata", shown]);
            for key in set.keys() {
                self.store_metadata(id, user_id, &account, key, batch.as_deref());
            }
            return self.close_batch(id, batch);
        }
        let set = self.metadata.get(&account);
        let known = set.is_some_and(|set| set.contains_key(&key));
        let count = set.map_or(0, BTreeMap::len);
        let value = message.params.get(3).filter(|value| !value.is_empty());
        let Some(value) = value else {
            if !known {
                let params = [
                    self.name_for(id),
                    shown.to_owned(),
                    key,
                    "key not set".to_owned(),
                ];
                let message = Message::new(&numeric::RPL_KEYNOTSET.to_string(), params);
                return self.push_in(id, None, message);
            }
            if let Some(set) = self.metadata.get_mut(&account) {
                set.remove(&key);
                if set.is_empty() {
                    self.metadata.remove(&account);
                }
            }
            return self.store_metadata(id, user_id, &account, &key, None);
        };
        if let Some(text) = self.wrong_value(&account, &key, value) {
            return self.fail(id, "METADATA", "VALUE_INVALID", &[shown, &key], text);
        }
        if !known && count >= MAX_KEYS {
            let text = format!("An account has at most {MAX_KEYS} keys");
            return self.fail(id, "METADATA", "LIMIT_REACHED", &[shown], &text);
        }
        let set = self.metadata.entry(account.clone()).or_default();
        set.insert(key.clone(), value.clone());
        self.store_metadata(id, user_id, &account, &key, None);
    }

    /// Returns what is wrong with a value, if anything.
    fn wrong_value(&self, account: &AccountName, key: &str, value: &str) -> Option<&'static str> {
        if value.len() > MAX_VALUE || visible(value) != value {
            return Some("A value has at most 300 bytes, all of them visible");
        }
        if LINKS.contains(&key) && !is_link(value) {
            return Some("Expected a link that begins with https://");
        }
        if key == "color" && !is_color(value) {
            return Some("Expected a colour like #1a2b3c");
        }
        let line = outline(value);
        let others = self.outlines.contains(&line) && line != outline(account.as_str());
        let claims = key == "display-name" && (others || is_speaker(value));
        claims.then_some("That looks like the name of another member or of a program")
    }

    /// Writes the present value of a key, answers, and tells those who have subscribed to it.
    fn store_metadata(
        &mut self,
        id: ClientId,
        user_id: UserId,
        account: &AccountName,
        key: &str,
        batch: Option<&str>,
    ) {
        let subject = Subject::Metadata(account.clone(), key.to_owned());
        let body = self.metadata_body(account, key);
        let record = self.next_id();
        let append = self.save(record, subject, body, None);
        let nick = self.name_for(id);
        let set = self.metadata.get(account).and_then(|set| set.get(key));
        let value = set.cloned();
        let shown = match &value {
            Some(value) => [nick.as_str(), key, "*", value].map(str::to_owned).to_vec(),
            None => [nick.as_str(), key, "key not set"]
                .map(str::to_owned)
                .to_vec(),
        };
        let code = match value {
            Some(_) => numeric::RPL_KEYVALUE,
            None => numeric::RPL_KEYNOTSET,
        };
        let params = std::iter::once(self.name_for(id)).chain(shown);
        self.push_in(id, batch, Message::new(&code.to_string(), params));
        self.explain_unsaved([id], key, Some(append));
        // An empty value: the key was removed.
        let value = value.unwrap_or_default();
        let event = self.event(user_id, "METADATA", [nick.as_str(), key, "*", &value]);
        let (mut readers, _) = self.divide(user_id, self.neighbours(user_id));
        readers.extend(self.sessions(user_id));
        readers.remove(&id);
        let readers = self.subscribers(readers, key);
        self.relay(readers, &event, When::Always);
    }

    pub(super) fn metadata_body(&self, account: &AccountName, key: &str) -> Body {
        let set = self.metadata.get(account);
        Body::Metadata {
            account: account.clone(),
            key: key.to_owned(),
            value: set.and_then(|set| set.get(key)).cloned(),
        }
    }

    pub(super) fn subscribers(&self, clients: BTreeSet<ClientId>, key: &str) -> Vec<ClientId> {
        let able = self.with_cap(clients, Caps::METADATA);
        let subscribed = |id: &ClientId| {
            let client = self.clients.get(id);
            client.is_some_and(|client| client.subscriptions.contains(key))
        };
        able.into_iter().filter(subscribed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_links_and_colours() {
        for good in ["avatar", "display-name", "im.xmpp", "vendor/key_1"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "A", "a b", "a:b", "$url", &"a".repeat(33)] {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(is_link("https://example.org/a.png") && is_link("http://example.org"));
        assert!(!is_link("https://") && !is_link("javascript:x") && !is_link("https://a b"));
        assert!(is_color("#1a2B3c") && !is_color("1a2b3c") && !is_color("#12345g"));
    }
}
