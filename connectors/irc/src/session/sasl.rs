//! Signing in with SASL PLAIN, <https://ircv3.net/specs/extensions/sasl-3.1> and RFC 4616.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use irc_codec::Message;

use super::Session;
use crate::record::Record as _;

/// Maximum length of a response chunk, in bytes; a chunk of exactly this length is followed by another.
const CHUNK: usize = 400;

/// The progress of the sign-in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Sasl {
    #[default]
    Not,
    Asked,
    Answered,
    Done,
    /// The server refused; it is not asked again until it offers the sign-in again or a long time has passed.
    Refused,
}

impl Sasl {
    pub(super) const fn is_done(self) -> bool {
        matches!(self, Self::Done)
    }

    /// Returns whether the server has yet to decide.
    pub(super) const fn is_under_way(self) -> bool {
        matches!(self, Self::Asked | Self::Answered)
    }
}

impl Session {
    pub(super) fn sign_in(&mut self) {
        let plain = self
            .mechanisms()
            .is_none_or(|list| list.split(',').any(|m| m.eq_ignore_ascii_case("PLAIN")));
        self.link.sasl = if plain { Sasl::Asked } else { Sasl::Refused };
        if !plain && self.registering() && self.assignment.connection.without_account() {
            self.end_negotiation();
        } else if plain {
            self.expect_answer();
            self.send_now(&Message::new("AUTHENTICATE", ["PLAIN"]));
        } else {
            let sentence = format!(
                "{} does not accept passwords with SASL PLAIN; it offers {}.",
                self.server(),
                self.mechanisms().unwrap_or("nothing")
            );
            self.not_signed_in(&sentence);
        }
    }

    /// AUTHENTICATE from the server: it expects our response.
    pub(super) fn challenge(&mut self, message: &Message) {
        if self.link.sasl != Sasl::Asked || message.param(0) != "+" {
            return;
        }
        self.link.sasl = Sasl::Answered;
        self.expect_answer();
        let connection = &self.assignment.connection;
        let user = connection.username();
        let password = connection.password.as_deref().unwrap_or_default();
        let answer = STANDARD.encode(format!("\0{user}\0{password}"));
        let mut pieces: Vec<String> = answer
            .as_bytes()
            .chunks(CHUNK)
            .map(|piece| String::from_utf8_lossy(piece).into_owned())
            .collect();
        if answer.len().is_multiple_of(CHUNK) {
            pieces.push("+".to_owned());
        }
        for piece in pieces {
            self.send_now(&Message::new("AUTHENTICATE", [piece]));
        }
    }

    fn expect_answer(&mut self) {
        self.link.sign_in_until = Some(self.now.elapsed + self.settings.sign_in_timeout);
    }

    pub(super) fn sign_in_answer_due(&self) -> Option<Duration> {
        let waits = self.link.sasl.is_under_way() && (self.registering() || self.is_online());
        self.link.sign_in_until.filter(|_| waits)
    }

    /// Gives up a sign-in that the server does not answer. Nobody was refused, and services that are away come back within
    /// minutes: the next attempt comes as after any lost connection.
    pub(super) fn sign_in_answer_timeout(&mut self) {
        if self
            .sign_in_answer_due()
            .is_none_or(|due| due > self.now.elapsed)
        {
            return;
        }
        self.link.sasl = Sasl::Refused;
        let sentence = format!(
            "{} did not answer the sign-in within {} seconds.",
            self.server(),
            self.settings.sign_in_timeout.as_secs()
        );
        let goes_on = self.assignment.connection.without_account();
        if self.registering() && !goes_on {
            return self.drop_connection(&sentence);
        }
        // Otherwise the server may take the next attempt for the rest of this one.
        self.send_now(&Message::new("AUTHENTICATE", ["*"]));
        if self.registering() {
            self.link.refusal = Some(sentence);
            self.end_negotiation();
        } else {
            self.not_signed_in(&sentence);
        }
    }

    /// RPL_SASLSUCCESS and ERR_SASLALREADY.
    pub(super) fn signed_in(&mut self) {
        self.link.sasl = Sasl::Done;
        self.end_negotiation();
        self.account_came();
    }

    /// RPL_LOGGEDIN: the services have recognised us, by whatever method.
    pub(super) fn logged_in(&mut self, message: &Message) {
        let account = message.param(2);
        let account = if message.params.len() > 3 {
            account
        } else {
            ""
        };
        self.link.account = Some(account.to_owned());
        self.account_came();
    }

    /// ACCOUNT about us (account-notify); networks without it use a mode.
    pub(super) fn account_changed(&mut self, message: &Message) {
        match message.param(0) {
            "" | "*" => self.logged_out(),
            account => {
                self.link.account = Some(account.to_owned());
                self.account_came();
            }
        }
    }

    /// MODE about us: `r` marks users whose nickname is registered with the services.
    pub(super) fn own_modes_changed(&mut self, message: &Message) {
        let mut set = true;
        for mode in message.param(1).chars() {
            match mode {
                '+' => set = true,
                '-' => set = false,
                'r' if set => {
                    self.link.account.get_or_insert_default();
                    self.account_came();
                }
                _ => {}
            }
        }
    }

    /// RPL_LOGGEDOUT.
    pub(super) fn logged_out(&mut self) {
        self.link.account = None;
        if self.link.sasl.is_done() {
            self.link.sasl = Sasl::Not;
        }
    }

    /// Continues what was waiting for the account: channels, and the nickname that services reserve for it.
    fn account_came(&mut self) {
        if self.is_online() && (self.link.held || self.regain_ended()) {
            self.join_waiting();
            self.regain_again();
            self.report_online();
        }
    }

    /// ERR_NICKLOCKED, ERR_SASLFAIL, ERR_SASLTOOLONG and ERR_SASLABORTED.
    pub(super) fn sign_in_failed(&mut self, text: &str) {
        if !self.link.sasl.is_under_way() {
            return;
        }
        self.link.sasl = Sasl::Refused;
        let connection = &self.assignment.connection;
        let user = connection.username();
        let sentence = format!(
            "{} refused the password of {user}: check it in the settings ({}).",
            self.server(),
            text.trim_end_matches('.')
        );
        self.not_signed_in(&sentence);
    }

    fn not_signed_in(&mut self, sentence: &str) {
        if self.is_online() {
            // Networks ban clients that repeatedly send a wrong password, and users want to be told once.
            if self.link.held {
                let wait = self.refused_wait();
                self.link.check_sign_in_at = Some(self.now.elapsed + wait);
                // Clients that attach later can read the reason as well.
                self.link.refusal = Some(sentence.to_owned());
                self.report_online();
            }
            self.trouble(None, sentence);
        } else {
            self.refused(sentence);
        }
    }
}
