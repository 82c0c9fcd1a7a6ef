//! Until the welcome: CAP, NICK, USER, PASS, AUTHENTICATE PLAIN (RFC 4616), and the choice of a network.

use gateway::NetworkState;
use irc_codec::sasl::{Exchange, Step};
use irc_codec::{CAP_VERSION, Message, numeric};
use protocol::AccountName;

use super::login::{self, Login};
use super::requests::Asked;
use super::{Output, Refused, Session};

/// The longest nickname, user name and password that are kept, in bytes.
const MAX_WORD: usize = 500;
/// Failed attempts to sign in after which the client is disconnected.
const MAX_FAILURES: u32 = 3;

/// What a client has said of itself.
#[derive(Debug, Default)]
pub(super) struct Registration {
    /// `CAP LS` or `CAP REQ` was sent, and not yet `CAP END`.
    negotiating: bool,
    nick: Option<String>,
    user: Option<String>,
    pass: Option<String>,
    /// The exchange of AUTHENTICATE.
    sasl: Exchange,
    /// A SASL answer is awaited, and not one to `PASS`.
    by_sasl: bool,
    failures: u32,
    /// The outcome of an order is awaited.
    waiting: bool,
    /// What `BOUNCER BIND` named.
    bind: Option<String>,
}

impl Session {
    pub(super) fn cap(&mut self, message: &Message) {
        let list = match message.param(0).to_ascii_uppercase().as_str() {
            "LS" => {
                let version = message.param(1).parse::<u32>().unwrap_or(0);
                self.caps.is_302 |= version >= CAP_VERSION;
                if self.caps.is_302 {
                    self.caps.request("cap-notify");
                }
                self.negotiate();
                ("LS", self.caps.offered())
            }
            "LIST" => ("LIST", self.caps.list()),
            "REQ" => {
                let wanted = message.param(1).trim().to_owned();
                let taken = self.caps.request(&wanted);
                self.negotiate();
                (if taken { "ACK" } else { "NAK" }, wanted)
            }
            "END" => {
                if let Some(registration) = &mut self.registration {
                    registration.negotiating = false;
                    self.try_register();
                }
                return;
            }
            _ => {
                let text = "Invalid CAP subcommand";
                return self.reply(numeric::ERR_INVALIDCAPCMD, [message.param(0), text]);
            }
        };
        let nick = match self.nick.as_str() {
            "" => "*".to_owned(),
            nick => nick.to_owned(),
        };
        self.speak("CAP", [nick.as_str(), list.0, list.1.as_str()]);
    }

    fn negotiate(&mut self) {
        if let Some(registration) = &mut self.registration {
            registration.negotiating = true;
        }
    }

    pub(super) fn register(&mut self, message: &Message) {
        let word = |index: usize| {
            let word = message.param(index);
            (!word.is_empty() && word.len() <= MAX_WORD).then(|| word.to_owned())
        };
        let Some(registration) = &mut self.registration else {
            return;
        };
        match message.command.as_str() {
            "NICK" | "USER" | "PASS" if word(0).is_none() => {
                let command = message.command.clone();
                let text = "Not enough parameters, or one is too long";
                return self.reply(numeric::ERR_NEEDMOREPARAMS, [command.as_str(), text]);
            }
            "NICK" => {
                registration.nick = word(0);
                self.nick = word(0).unwrap_or_default();
            }
            "USER" => registration.user = word(0),
            "PASS" => registration.pass = word(0),
            _ => {
                let text = "You have not signed in yet";
                return self.reply(numeric::ERR_NOTREGISTERED, [text]);
            }
        }
        self.try_register();
    }

    fn try_register(&mut self) {
        let Some(registration) = &mut self.registration else {
            return;
        };
        let (Some(nick), Some(user)) = (&registration.nick, &registration.user) else {
            return;
        };
        if registration.negotiating || registration.waiting {
            return;
        }
        if self.account.is_some() {
            return self.choose();
        }
        let Some(pass) = registration.pass.take() else {
            let text = "Sign in with SASL PLAIN, or send PASS account/network:password";
            self.reply(numeric::ERR_PASSWDMISMATCH, [text]);
            return self.close("You have to sign in");
        };
        let candidates = login::candidates(&pass, nick, user);
        registration.by_sasl = false;
        if candidates.is_empty() {
            return self.refused(&Refused::Wrong);
        }
        registration.waiting = true;
        self.out.push(Output::SignIn(candidates));
    }

    pub(super) fn authenticate(&mut self, message: &Message) {
        let argument = message.param(0);
        if self.account.is_some() {
            let text = "You are already signed in";
            return self.reply(numeric::ERR_SASLALREADY, [text]);
        }
        if !self.caps.has("sasl") {
            let text = "Request the capability sasl before AUTHENTICATE";
            return self.reply(numeric::ERR_SASLFAIL, [text]);
        }
        let Some(registration) = &mut self.registration else {
            return;
        };
        if registration.waiting {
            return;
        }
        let same =
            |authzid: &str, name: &str| Login::parse(authzid).account == Login::parse(name).account;
        match registration.sasl.step(argument, same) {
            Step::Begun => self.push(&Message::new("AUTHENTICATE", ["+"])),
            Step::More => {}
            Step::Aborted(code, text) => self.reply(code, [text]),
            Step::OtherMechanism { available, refusal } => {
                self.reply(numeric::RPL_SASLMECHS, ["PLAIN", available]);
                self.reply(numeric::ERR_SASLFAIL, [refusal]);
            }
            Step::Failed(code, text) => {
                self.reply(code, [text]);
                self.count_failure();
            }
            Step::Plain(plain) => {
                (registration.by_sasl, registration.waiting) = (true, true);
                let candidate = (Login::parse(&plain.name), plain.password);
                self.out.push(Output::SignIn(vec![candidate]));
            }
        }
    }

    pub(super) fn signed_in(
        &mut self,
        outcome: Result<(Login, AccountName, Vec<NetworkState>), Refused>,
    ) {
        if let Some(registration) = &mut self.registration {
            registration.waiting = false;
        }
        let (login, account, networks) = match outcome {
            Ok(found) => found,
            Err(refused) => return self.refused(&refused),
        };
        self.login = login;
        self.networks = networks;
        let mask = format!(
            "{}!*@*",
            if self.nick.is_empty() {
                "*"
            } else {
                &self.nick
            }
        );
        let text = format!("You are now signed in as {account}");
        self.reply(
            numeric::RPL_LOGGEDIN,
            [mask.as_str(), account.as_str(), text.as_str()],
        );
        self.account = Some(account);
        if self.registration.as_ref().is_some_and(|one| one.by_sasl) {
            let text = "SASL authentication successful";
            self.reply(numeric::RPL_SASLSUCCESS, [text]);
        }
        self.try_register();
    }

    fn refused(&mut self, refused: &Refused) {
        let by_sasl = self.registration.as_ref().is_some_and(|one| one.by_sasl);
        let text = match refused {
            Refused::Wrong => "wrong account name or password".to_owned(),
            Refused::Disabled => "this account is disabled".to_owned(),
            Refused::Wait(seconds) => {
                format!("too many attempts with wrong passwords, wait {seconds} s")
            }
            Refused::Unavailable(text) => text.clone(),
        };
        if by_sasl {
            let code = match refused {
                Refused::Disabled => numeric::ERR_NICKLOCKED,
                _ => numeric::ERR_SASLFAIL,
            };
            let text = format!("SASL authentication failed: {text}");
            self.reply(code, [text.as_str()]);
            self.count_failure();
        } else {
            self.reply(numeric::ERR_PASSWDMISMATCH, [text.as_str()]);
            self.close(&text);
        }
    }

    fn count_failure(&mut self) {
        if let Some(registration) = &mut self.registration {
            registration.failures += 1;
            if registration.failures >= MAX_FAILURES {
                self.close("Too many failed attempts to sign in");
            }
        }
    }

    /// `BOUNCER BIND`, which is possible until the welcome.
    pub(super) fn bind(&mut self, id: &str) {
        let known = self.networks.iter().any(|network| network.record.id == id);
        let Some(registration) = &mut self.registration else {
            let text = "The network is chosen before the registration is complete";
            return self.fail("BOUNCER", "REGISTRATION_IS_COMPLETED", &["BIND"], text);
        };
        if self.account.is_none() {
            let text = "Sign in first";
            return self.fail("BOUNCER", "ACCOUNT_REQUIRED", &["BIND"], text);
        }
        if !known {
            let text = "There is no such network";
            return self.fail("BOUNCER", "INVALID_NETID", &["BIND", id], text);
        }
        registration.bind = Some(id.to_owned());
    }

    /// Chooses the network: the one that the client bound or named; for a client that cannot list them, the only one.
    fn choose(&mut self) {
        let bind = self.registration.as_mut().and_then(|one| one.bind.take());
        let chosen = match (bind, &self.login.network) {
            (Some(id), _) => Some(id),
            (None, Some(name)) => match login::find(&self.networks, name) {
                Some(network) => Some(network.record.id.clone()),
                None => {
                    let text = format!("You have no network \"{name}\"; {}", self.choices());
                    self.reply(numeric::ERR_PASSWDMISMATCH, [text.as_str()]);
                    return self.close(&text);
                }
            },
            (None, None) if self.caps.has("soju.im/bouncer-networks") => None,
            (None, None) => match self.networks.as_slice() {
                [only] => Some(only.record.id.clone()),
                _ => None,
            },
        };
        match chosen {
            None => self.welcome_unbound(),
            Some(connection) => {
                let Some(request) = self.ask(Asked::Attach) else {
                    return;
                };
                if let Some(registration) = &mut self.registration {
                    registration.waiting = true;
                }
                self.out.push(Output::Attach {
                    connection,
                    device: self.login.device.clone().unwrap_or_default(),
                    replay: !self.caps.has("draft/chathistory"),
                    request,
                });
            }
        }
    }

    /// Describes how to name a network.
    pub(super) fn choices(&self) -> String {
        let names: Vec<&str> = self
            .networks
            .iter()
            .take(20)
            .map(|network| network.record.name.as_str())
            .collect();
        let account = self.account.as_ref().map_or("account", AccountName::as_str);
        match names.as_slice() {
            [] => "you have no network yet; add one on the web page".to_owned(),
            [first, ..] => format!("use one of {} as in {account}/{first}", names.join(", ")),
        }
    }
}
