//! Registering an account with the network: by `draft/account-registration`
//! (<https://ircv3.net/specs/extensions/account-registration>) where the server offers it, else by talking to NickServ.
//!
//! Nothing is kept between the registration and its confirmation but how the services speak: who asks has the password, and
//! gives it again where it is needed.

use std::time::Duration;

use gateway::RequestId;
use irc_codec::{Message, numeric};
use protocol::{AccountObject, AccountStatus, Activity, ActivityObject};

use super::Session;
use super::numerics::ErrorReply;
use crate::dialects::{Dialect, Meaning, meaning, plain};

/// The capability.
pub(super) const CAPABILITY: &str = "draft/account-registration";

/// Whom to talk to where the server does not register accounts itself.
const SERVICE: &str = "NickServ";

/// How long the network may take for all of it: clients wait for an answer for 20 seconds.
const PATIENCE: Duration = Duration::from_secs(17);

/// How long services may pause before they are taken to have said all.
const PAUSE: Duration = Duration::from_secs(3);

/// The longest name, password, address or code, in bytes: a line has to hold all of them.
const MAX_WORD: usize = 100;

/// What is kept of what services say, in sentences, and in characters of each.
const MAX_SAID: (usize, usize) = (6, 300);

/// A registration, or its confirmation, that the network has not answered yet.
#[derive(Debug)]
pub(super) struct NewAccount {
    request: RequestId,
    activity: Activity,
    words: Words,
    /// The dialect in which services were spoken to; none if it is the server's own command.
    dialect: Option<Dialect>,
    said: Vec<String>,
    sent: bool,
    done: bool,
    /// When services have said all.
    quiet: Option<Duration>,
    deadline: Duration,
}

/// What is asked for.
#[derive(Clone, Default)]
struct Words {
    name: String,
    email: String,
    password: String,
    /// To confirm; empty to register.
    code: String,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

impl Session {
    /// `update` of an `account`: registers it, or confirms it with a code.
    pub(super) fn perform_account(
        &mut self,
        request: RequestId,
        activity: Activity,
    ) -> Result<(), String> {
        if self.new_account.is_some() {
            return Err(format!(
                "{} has not answered the last attempt yet; wait a moment.",
                self.server()
            ));
        }
        let words = self.words_of(&activity)?;
        let by_command = self.can(CAPABILITY);
        if words.code.is_empty() {
            if self.link.account.is_some() || self.link.sasl.is_done() {
                return Err(format!("You have an account on {} already.", self.server()));
            }
            if words.password.is_empty() {
                return Err("object.password is missing.".to_owned());
            }
            if words.email.is_empty() && (!by_command || self.wants_email()) {
                return Err(format!(
                    "{} wants an e-mail address for an account.",
                    self.server()
                ));
            }
        }
        let dialect = (!by_command).then(|| self.services_dialect.unwrap_or(Dialect::Atheme));
        self.new_account = Some(NewAccount {
            request,
            activity,
            words,
            dialect,
            said: Vec::new(),
            sent: false,
            done: false,
            quiet: None,
            deadline: self.now.elapsed + PATIENCE,
        });
        self.ask_for_account();
        Ok(())
    }

    fn words_of(&self, activity: &Activity) -> Result<Words, String> {
        let word = |key: &str| -> Result<String, String> {
            let value = activity.object.as_ref().and_then(|object| object.get(key));
            let text = value.as_ref().and_then(|value| value.as_str());
            let text = text.unwrap_or_default().trim();
            let bad = |c: char| c.is_whitespace() || c.is_control();
            if text.len() > MAX_WORD || text.contains(bad) || text.starts_with(':') {
                return Err(format!(
                    "object.{key} must be one word of at most {MAX_WORD} bytes."
                ));
            }
            Ok(text.to_owned())
        };
        let email = word("email")?;
        if !email.is_empty() && !email.contains('@') {
            return Err(format!("\"{email}\" is no e-mail address."));
        }
        let name = word("name")?;
        Ok(Words {
            name: if name.is_empty() {
                self.link.nick.clone()
            } else {
                name
            },
            email,
            password: word("password")?,
            code: word("code")?,
        })
    }

    /// Says what is to be said.
    fn ask_for_account(&mut self) {
        let Some(NewAccount { words, dialect, .. }) = &self.new_account else {
            return;
        };
        let Words {
            name,
            email,
            password,
            code,
        } = words.clone();
        let said = match (dialect, code.is_empty()) {
            (None, true) => {
                let email = if email.is_empty() { "*" } else { &email };
                let register = Message::new("REGISTER", ["*", email, &password]);
                return self.send_now(&register);
            }
            (None, false) => return self.send_now(&Message::new("VERIFY", [name, code])),
            (Some(_), true) => vec![format!("REGISTER {password} {email}")],
            (Some(Dialect::Atheme), false) => vec![format!("VERIFY REGISTER {name} {code}")],
            (Some(Dialect::Ergo), false) => vec![format!("VERIFY {name} {code}")],
            (Some(Dialect::Anope), false) => {
                let identify = format!("IDENTIFY {password}");
                let confirm = format!("CONFIRM {code}");
                let known = password.is_empty() || self.link.account.is_some();
                let before = (!known).then_some(identify);
                before.into_iter().chain([confirm]).collect()
            }
        };
        for text in said {
            self.note_secrets(SERVICE, &text);
            self.send_now(&Message::new("PRIVMSG", [SERVICE, &text]));
        }
    }

    /// REGISTER and VERIFY from the server.
    pub(super) fn account_reply(&mut self, message: &Message) {
        let Some(new) = self.new_account.as_mut().filter(|n| n.dialect.is_none()) else {
            return;
        };
        if !message.param(1).is_empty() {
            message.param(1).clone_into(&mut new.words.name);
        }
        new.hear(message.params.get(2).map_or("", String::as_str));
        match message.param(0) {
            "SUCCESS" => self.account_done(AccountStatus::Registered),
            "VERIFICATION_REQUIRED" => self.account_done(AccountStatus::Unconfirmed),
            _ => {}
        }
    }

    /// FAIL REGISTER and FAIL VERIFY; whether somebody waits for it.
    pub(super) fn account_fail(&mut self, message: &Message) -> bool {
        if !matches!(message.param(0), "REGISTER" | "VERIFY") {
            return false;
        }
        let waits = self
            .new_account
            .as_ref()
            .is_some_and(|new| new.dialect.is_none());
        if waits {
            let text = message.params.last().map_or("", String::as_str);
            self.account_refused(text);
        }
        waits
    }

    /// An error about what was said, in words; whether somebody waits for it.
    pub(super) fn account_error(&mut self, error: ErrorReply, about: &str, sentence: &str) -> bool {
        let Some(new) = &self.new_account else {
            return false;
        };
        if new.dialect.is_none() {
            let known = matches!(about, "REGISTER" | "VERIFY");
            if known {
                self.account_refused(sentence);
            }
            return known;
        }
        if !self.same(about, SERVICE) {
            return false;
        }
        if error == ErrorReply::Numeric(numeric::ERR_NOSUCHNICK) {
            let sentence = format!(
                "There is no {SERVICE} on {} at the moment: accounts are registered in another way there, or not at all.",
                self.server()
            );
            self.account_ends(Err(sentence));
        } else {
            self.account_refused(sentence);
        }
        true
    }

    /// A notice of somebody to us.
    pub(super) fn account_notice(&mut self, from: &str, text: &str) {
        if !self.same(from, SERVICE) {
            return;
        }
        let quiet = self.now.elapsed + PAUSE;
        let Some(new) = self.new_account.as_mut().filter(|n| n.dialect.is_some()) else {
            return;
        };
        let confirming = !new.words.code.is_empty();
        match meaning(text) {
            Meaning::Unknown if confirming && new.dialect == Some(Dialect::Atheme) => {
                new.dialect = Some(Dialect::Anope);
                self.services_dialect = Some(Dialect::Anope);
                self.ask_for_account();
                return;
            }
            Meaning::Refused | Meaning::Unknown => {
                let text = plain(text);
                self.account_refused(&text);
                return;
            }
            Meaning::Sent(dialect) => {
                new.sent = true;
                if dialect.is_some() {
                    self.services_dialect = dialect;
                }
            }
            Meaning::Done => new.done = true,
            Meaning::Other => {}
        }
        new.hear(text);
        new.quiet = Some(quiet);
    }

    /// The network says that we have an account now.
    pub(super) fn account_seen(&mut self) {
        let quiet = self.now.elapsed + PAUSE;
        if let Some(new) = self.new_account.as_mut().filter(|n| n.dialect.is_some()) {
            new.done = true;
            new.quiet = Some(quiet);
        }
    }

    pub(super) fn account_due(&self) -> Option<Duration> {
        let new = self.new_account.as_ref()?;
        Some(
            new.quiet
                .map_or(new.deadline, |quiet| quiet.min(new.deadline)),
        )
    }

    pub(super) fn account_timeout(&mut self) {
        if self.account_due().is_none_or(|due| due > self.now.elapsed) {
            return;
        }
        let Some(new) = &self.new_account else { return };
        if new.said.is_empty() && !new.done {
            let whom = new.dialect.map_or_else(|| self.server(), |_| SERVICE);
            let sentence = format!("{whom} did not answer in time; try again later.");
            self.account_ends(Err(sentence));
            return;
        }
        // That a code was sent counts for more than that the name is taken.
        self.account_done(if new.sent && new.words.code.is_empty() {
            AccountStatus::Unconfirmed
        } else if new.done {
            AccountStatus::Registered
        } else {
            AccountStatus::Unclear
        });
    }

    fn account_done(&mut self, status: AccountStatus) {
        let Some(new) = &self.new_account else { return };
        let mut content = new.said.join(" ");
        for secret in [&new.words.password, &new.words.code] {
            if !secret.is_empty() {
                content = content.replace(secret.as_str(), "…");
            }
        }
        let object = AccountObject {
            name: Some(new.words.name.clone()),
            status: Some(status),
            content: Some(content).filter(|content| !content.is_empty()),
            ..AccountObject::default()
        };
        let mut activity = new.activity.clone();
        activity.object = Some(ActivityObject::Account(object));
        activity.published = Some(self.now.wall.to_string());
        self.account_ends(Ok(activity));
    }

    fn account_refused(&mut self, text: &str) {
        let sentence = format!(
            "{} did not register the account: {}.",
            self.server(),
            text.trim_end_matches(['.', '!'])
        );
        self.account_ends(Err(sentence));
    }

    /// Answers, whatever the answer is.
    pub(super) fn account_ends(&mut self, result: Result<Activity, String>) {
        if let Some(new) = self.new_account.take() {
            self.done(new.request, result);
        }
    }
}

impl NewAccount {
    fn hear(&mut self, text: &str) {
        let (sentences, characters) = MAX_SAID;
        let text: String = plain(text).chars().take(characters).collect();
        if !text.is_empty() && self.said.len() < sentences {
            self.said.push(text);
        }
    }
}
