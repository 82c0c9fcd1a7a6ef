//! Signing in with SASL, <https://ircv3.net/specs/extensions/sasl-3.1>: EXTERNAL (RFC 4422) with the connection's certificate
//! if it has one, SCRAM-SHA-256 (RFC 7677), else PLAIN (RFC 4616).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use irc_codec::Message;

use super::{Action, Session};
use crate::record::Record as _;
use crate::scram::{self, Answer, Challenge, Derivation, First, Keys, ScramError};

/// Maximum length of a response chunk, in bytes; a chunk of exactly this length is followed by another.
const CHUNK: usize = 400;

/// The longest challenge of a server, in bytes of base64.
const MAX_CHALLENGE: usize = 8 * CHUNK;

/// A way to sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mechanism {
    /// The certificate of the connection says who we are.
    External,
    /// Neither side shows the password to the other, and each proves that it knows it.
    Scram,
    /// The server gets the password.
    Plain,
}

impl Mechanism {
    const fn name(self) -> &'static str {
        match self {
            Self::External => "EXTERNAL",
            Self::Scram => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
        }
    }
}

/// How far the sign-in is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Sasl {
    #[default]
    Not,
    Asked(Mechanism),
    Scram(Box<Step>),
    /// All that is to be said was said, and the server has proved what it has to.
    Answered,
    Done,
    /// The server refused; it is not asked again until it offers the sign-in again or a long time has passed.
    Refused,
}

/// How far SCRAM is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Begun(First),
    /// The keys are being computed.
    Computing(Challenge),
    Proved(Answer),
}

/// What is known about the sign-in besides how far it is; see [`super::Link`].
#[derive(Debug, Default)]
pub(super) struct SignIn {
    /// Mechanisms that the server did not take, although it may list them.
    refused: Vec<Mechanism>,
    /// The pieces of a challenge so far.
    pieces: String,
    /// Whether we were signed in by the certificate of the connection.
    shown: bool,
    /// Whether the services were asked to add it to the account.
    added: bool,
    /// When the server must have answered the last line of the sign-in.
    until: Option<Duration>,
}

impl Sasl {
    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Whether the server has not decided yet.
    pub(super) const fn is_under_way(&self) -> bool {
        matches!(self, Self::Asked(_) | Self::Scram(_) | Self::Answered)
    }
}

impl Session {
    pub(super) fn sign_in(&mut self) {
        if let Some(mechanism) = self.mechanism() {
            self.link.sasl = Sasl::Asked(mechanism);
            self.link.sign_in.pieces.clear();
            self.expect_answer();
            self.send_now(&Message::new("AUTHENTICATE", [mechanism.name()]));
            return;
        }
        self.link.sasl = Sasl::Refused;
        // A certificate that the network does not know yet keeps nobody out.
        let only_shown = self.assignment.connection.password.is_none();
        if only_shown || self.registering() && self.assignment.connection.without_account() {
            self.end_negotiation();
            return;
        }
        let (server, list) = (self.server(), self.mechanisms().unwrap_or("nothing"));
        let sentence = if self.shows_password() {
            format!(
                "{server} takes no passwords with SASL SCRAM-SHA-256 or PLAIN; it offers {list}."
            )
        } else {
            format!(
                "{server} did not take SCRAM-SHA-256, and your password is not sent over a connection that anybody can read: turn on TLS in the settings."
            )
        };
        self.not_signed_in(&sentence);
    }

    /// Forgets what was refused: the sign-in is offered anew.
    pub(super) fn sign_in_anew(&mut self) {
        self.link.sign_in.refused.clear();
        self.link.sasl = Sasl::Not;
    }

    /// The best mechanism that is left.
    fn mechanism(&self) -> Option<Mechanism> {
        let left = |mechanism| !self.link.sign_in.refused.contains(&mechanism);
        let listed = self.mechanisms().is_some();
        // A server that lists nothing may know PLAIN only.
        let order = if listed || !self.shows_password() {
            [Mechanism::External, Mechanism::Scram, Mechanism::Plain]
        } else {
            [Mechanism::Plain, Mechanism::Scram, Mechanism::External]
        };
        let password = self.assignment.connection.password.is_some();
        order.into_iter().find(|&mechanism| {
            left(mechanism)
                && self.may_be_offered(mechanism)
                && match mechanism {
                    Mechanism::External => self.may_show_certificate(),
                    Mechanism::Scram => password && self.can_prove(),
                    Mechanism::Plain => password && self.shows_password(),
                }
        })
    }

    fn may_be_offered(&self, mechanism: Mechanism) -> bool {
        let named = |m: &str| m.eq_ignore_ascii_case(mechanism.name());
        self.mechanisms()
            .is_none_or(|list| list.split(',').any(named))
    }

    /// Whether the connection has a certificate, and the server says that it takes one.
    pub(super) fn may_show_certificate(&self) -> bool {
        let listed = self.mechanisms().is_some();
        listed
            && self.link.secure
            && self.assignment.connection.client_certificate()
            && self.may_be_offered(Mechanism::External)
    }

    /// Whether name and password are ones that SCRAM takes.
    fn can_prove(&self) -> bool {
        let connection = &self.assignment.connection;
        let password = connection.password.as_deref().unwrap_or_default();
        [connection.username(), password]
            .into_iter()
            .all(|text| scram::prepared(text).is_some())
    }

    /// Whether the server may be given the password: over a connection that others cannot read, or to one that has not
    /// shown that it can do without. Else somebody in between would only have to refuse SCRAM to get it.
    fn shows_password(&self) -> bool {
        let connection = &self.assignment.connection;
        let scram_is_listed = self.mechanisms().is_some() && self.may_be_offered(Mechanism::Scram);
        self.link.secure
            || is_loopback(connection.host())
            || !scram_is_listed && self.keys.is_none() && self.link.sign_in.refused.is_empty()
    }

    /// AUTHENTICATE from the server: it expects our response.
    pub(super) fn challenge(&mut self, message: &Message) {
        if !self.link.sasl.is_under_way() {
            return;
        }
        let piece = message.param(0);
        let pieces = &mut self.link.sign_in.pieces;
        if piece != "+" {
            pieces.push_str(piece);
        }
        if pieces.len() > MAX_CHALLENGE {
            self.give_up(&ScramError::Malformed);
        } else if piece.len() != CHUNK {
            let challenge = std::mem::take(pieces);
            self.challenged(&challenge);
        }
    }

    fn challenged(&mut self, challenge: &str) {
        let connection = &self.assignment.connection;
        let user = connection.username().to_owned();
        let password = connection.password.clone().unwrap_or_default();
        match &self.link.sasl {
            // Nothing is to be said but that we are who the certificate says.
            Sasl::Asked(Mechanism::External) if challenge.is_empty() => self.authenticate(""),
            Sasl::Asked(Mechanism::Plain) if challenge.is_empty() => {
                self.link.sasl = Sasl::Answered;
                self.authenticate(&format!("\0{user}\0{password}"));
            }
            Sasl::Asked(Mechanism::Scram) if challenge.is_empty() => {
                let nonce = self.random.nonce();
                match First::new(&user, nonce) {
                    Some(first) => {
                        let text = first.text();
                        self.link.sasl = Sasl::Scram(Box::new(Step::Begun(first)));
                        self.authenticate(&text);
                    }
                    None => self.give_up(&ScramError::Malformed),
                }
            }
            Sasl::Scram(step) => {
                let step = step.clone();
                let text = STANDARD.decode(challenge).ok();
                let text = text.and_then(|text| String::from_utf8(text).ok());
                let read = text.ok_or(ScramError::Malformed);
                let done = match *step {
                    Step::Begun(first) => read
                        .and_then(|text| first.challenge(&text, &password))
                        .map(|challenge| self.compute(challenge)),
                    // The server does not wait for what it asked for.
                    Step::Computing(_) => Err(ScramError::Malformed),
                    Step::Proved(answer) => read
                        .and_then(|text| answer.verify(&text))
                        .map(|()| self.proved()),
                };
                if let Err(error) = done {
                    self.give_up(&error);
                }
            }
            _ => {}
        }
    }

    /// Has the keys computed, unless they are those of last time.
    fn compute(&mut self, challenge: Challenge) {
        match &self.keys {
            Some((derivation, keys)) if *derivation == challenge.derivation => {
                let answer = challenge.answer(keys);
                self.prove(answer);
            }
            _ => {
                let derivation = challenge.derivation.clone();
                // The server waits for us now.
                self.link.sign_in.until = None;
                self.link.sasl = Sasl::Scram(Box::new(Step::Computing(challenge)));
                self.actions.push_back(Action::Derive(derivation));
            }
        }
    }

    /// The keys are there; see [`Action::Derive`].
    pub(super) fn derived(&mut self, derivation: Derivation, keys: Keys) {
        if let Sasl::Scram(step) = &self.link.sasl
            && let Step::Computing(challenge) = &**step
            && challenge.derivation == derivation
        {
            let answer = challenge.answer(&keys);
            self.prove(answer);
        }
        self.keys = Some((derivation, keys));
    }

    fn prove(&mut self, answer: Answer) {
        let text = answer.text.clone();
        self.link.sasl = Sasl::Scram(Box::new(Step::Proved(answer)));
        self.authenticate(&text);
    }

    /// The server is who it should be.
    fn proved(&mut self) {
        self.link.sasl = Sasl::Answered;
        self.expect_answer();
        self.send_now(&Message::new("AUTHENTICATE", ["+"]));
    }

    /// Sends an answer in its pieces.
    fn authenticate(&mut self, text: &str) {
        let answer = STANDARD.encode(text);
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
        self.expect_answer();
    }

    fn expect_answer(&mut self) {
        self.link.sign_in.until = Some(self.now.elapsed + self.settings.sign_in_timeout);
    }

    pub(super) fn sign_in_answer_due(&self) -> Option<Duration> {
        let waits = self.link.sasl.is_under_way() && (self.registering() || self.is_online());
        self.link.sign_in.until.filter(|_| waits)
    }

    /// Gives up a sign-in that the server does not answer. Nobody was refused, and services that are away come back within
    /// minutes, so the next attempt follows as after any lost connection.
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

    /// Ends the attempt ourselves.
    fn give_up(&mut self, error: &ScramError) {
        self.send_now(&Message::new("AUTHENTICATE", ["*"]));
        self.link.sasl = Sasl::Refused;
        let sentence = format!("{} cannot sign you in: {error}.", self.server());
        self.not_signed_in(&sentence);
    }

    /// RPL_SASLSUCCESS, and ERR_SASLALREADY: nothing is left to do.
    pub(super) fn signed_in(&mut self, already: bool) {
        let unproved = matches!(
            self.link.sasl,
            Sasl::Scram(_) | Sasl::Asked(Mechanism::Scram)
        );
        if unproved && !already {
            self.give_up(&ScramError::Signature);
            return;
        }
        self.link.sign_in.shown = self.link.sasl == Sasl::Asked(Mechanism::External);
        self.link.sasl = Sasl::Done;
        self.end_negotiation();
        self.account_came();
    }

    /// RPL_SASLMECHS: what there is instead of what we asked for; ERR_SASLFAIL follows.
    pub(super) fn mechanisms_listed(&mut self, message: &Message) {
        if self.link.sasl.is_under_way() && message.params.len() > 2 {
            let list = message.param(1).to_owned();
            self.set_mechanisms(list);
        }
    }

    /// ERR_NICKLOCKED, ERR_SASLFAIL, ERR_SASLTOOLONG and ERR_SASLABORTED. Before the server has seen what proves the
    /// password it is the mechanism that it does not take, for this account at least.
    pub(super) fn sign_in_failed(&mut self, text: &str) {
        let mechanism = match &self.link.sasl {
            Sasl::Asked(mechanism) => Some(*mechanism),
            Sasl::Scram(step) if matches!(**step, Step::Begun(_)) => Some(Mechanism::Scram),
            sasl if sasl.is_under_way() => None,
            _ => return,
        };
        if let Some(mechanism) = mechanism {
            self.link.sign_in.refused.push(mechanism);
            let only_shown = self.assignment.connection.password.is_none();
            if self.mechanism().is_some() || only_shown || !self.shows_password() {
                self.sign_in();
                return;
            }
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

    /// Asks the services to add the certificate of this connection to the account that we are signed in to, if it did not
    /// sign us in. Atheme, Anope and Ergo take the one that is presented.
    pub(super) fn add_certificate(&mut self) {
        let signed_in = self.link.account.is_some() || self.link.sasl.is_done();
        let SignIn { shown, added, .. } = self.link.sign_in;
        if !self.is_online() || !signed_in || shown || added || !self.may_show_certificate() {
            return;
        }
        self.link.sign_in.added = true;
        self.send_later(&Message::new("PRIVMSG", ["NickServ", "CERT ADD"]));
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

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
