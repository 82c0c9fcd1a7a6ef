//! Numerics: replies and errors, and what they mean in words.

use std::fmt;

use irc_codec::{Message, Numeric, numeric};

use super::Session;
use super::people::source_of;

/// How the server refuses something.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum ErrorReply {
    /// A numeric.
    Numeric(Numeric),
    /// FAIL, <https://ircv3.net/specs/extensions/standard-replies>.
    Fail,
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numeric(code) => write!(f, "numeric {code}"),
            Self::Fail => f.write_str("FAIL"),
        }
    }
}

/// Numerics that are errors by their meaning, not by their number.
const OTHER_ERRORS: &[Numeric] = &[
    numeric::RPL_TRYAGAIN,
    numeric::ERR_TARGCHANGE,
    numeric::ERR_TARGUMODEG,
    numeric::ERR_NOPRIVS,
    numeric::ERR_MLOCKRESTRICTED,
];

/// Numerics that servers send unprompted during registration or on joining, and ends of lists: nobody waits for them.
const QUIET: &[Numeric] = &[
    numeric::RPL_YOURHOST,
    numeric::RPL_CREATED,
    numeric::RPL_MYINFO,
    numeric::RPL_SNOMASK,
    numeric::RPL_REDIR,
    numeric::RPL_HELLO,
    numeric::RPL_YOURID,
    numeric::RPL_UMODEIS,
    numeric::RPL_STATSCONN,
    numeric::RPL_LUSERCLIENT,
    numeric::RPL_LUSEROP,
    numeric::RPL_LUSERUNKNOWN,
    numeric::RPL_LUSERCHANNELS,
    numeric::RPL_LUSERME,
    numeric::RPL_LOCALUSERS,
    numeric::RPL_GLOBALUSERS,
    numeric::RPL_ENDOFWHO,
    numeric::RPL_CHANNEL_URL,
    numeric::RPL_CREATIONTIME,
    numeric::RPL_MOTDSTART,
];

impl Session {
    pub(super) fn numeric(&mut self, code: Numeric, message: &Message) {
        let text = message.params.last().map_or("", String::as_str).to_owned();
        match code {
            numeric::RPL_WELCOME => self.welcome(message),
            numeric::RPL_ISUPPORT => self.isupport(message),
            numeric::RPL_MOTD | numeric::RPL_SPAM => self.motd(message),
            numeric::RPL_ENDOFMOTD | numeric::ERR_NOMOTD => self.motd_end(),
            numeric::RPL_VISIBLEHOST => {
                let host = message.param(1);
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                self.link.host = Some(host.to_owned());
            }
            numeric::RPL_LOGGEDIN => self.logged_in(message),
            numeric::RPL_LOGGEDOUT => {
                self.logged_out();
                self.announce_numeric(message);
            }
            numeric::RPL_SASLSUCCESS | numeric::ERR_SASLALREADY => {
                self.signed_in(code == numeric::ERR_SASLALREADY);
            }
            numeric::ERR_NICKLOCKED
            | numeric::ERR_SASLFAIL
            | numeric::ERR_SASLTOOLONG
            | numeric::ERR_SASLABORTED => self.sign_in_failed(&text),
            numeric::RPL_SASLMECHS => self.mechanisms_listed(message),
            numeric::ERR_PASSWDMISMATCH
            | numeric::ERR_NOPERMFORHOST
            | numeric::ERR_YOUREBANNEDCREEP
            | numeric::ERR_YOUWILLBEBANNED
                if self.registering() =>
            {
                self.refused_entry(code, &text);
            }
            numeric::RPL_UNAWAY | numeric::RPL_NOWAWAY => {
                self.away_confirmed(code == numeric::RPL_NOWAWAY)
            }
            numeric::RPL_AWAY => self.away_reply(message),
            numeric::RPL_WHOISUSER
            | numeric::RPL_WHOISSERVER
            | numeric::RPL_WHOISOPERATOR
            | numeric::RPL_WHOISIDLE
            | numeric::RPL_WHOISCHANNELS
            | numeric::RPL_WHOISACCOUNT
            | numeric::RPL_WHOISACTUALLY
            | numeric::RPL_WHOISSECURE
            | numeric::RPL_WHOISBOT
            | numeric::RPL_WHOISCERTFP
            | numeric::RPL_WHOISREGNICK => {
                self.whois_line(code, message);
            }
            numeric::RPL_ENDOFWHOIS => self.whois_end(message),
            // The start of a list.
            numeric::RPL_LISTSTART => {}
            numeric::RPL_LIST => self.list_line(message),
            numeric::RPL_LISTEND => self.list_end(),
            numeric::RPL_CHANNELMODEIS => self.channel_modes_reply(message),
            numeric::RPL_NOTOPIC => self.topic_reply(message.param(1), ""),
            numeric::RPL_TOPIC => self.topic_reply(message.param(1), &text),
            numeric::RPL_TOPICWHOTIME => self.topic_setter(message),
            numeric::RPL_INVITING => self.invite_confirmed(message),
            numeric::RPL_WHOREPLY | numeric::RPL_WHOSPCRPL => self.who_line(code, message),
            numeric::RPL_NAMREPLY => self.names_line(message),
            numeric::RPL_ENDOFNAMES => self.names_end(message),
            numeric::ERR_LINKCHANNEL => self.join_forwarded(message),
            _ if is_error(code) => self.request_failed(ErrorReply::Numeric(code), message),
            _ if QUIET.contains(&code) => {}
            // WHOIS has more replies than are known here.
            _ if self.asks_about(message.param(1)) => {}
            _ => self.announce_numeric(message),
        }
    }

    /// Shows a numeric that is not known here.
    pub(super) fn announce_numeric(&mut self, message: &Message) {
        let said: Vec<&str> = message.params.iter().skip(1).map(String::as_str).collect();
        let said = said.join(" ");
        if !said.trim().is_empty() {
            self.announce(message, said);
        }
    }

    /// WALLOPS: a message of an operator or server to everyone with the user mode `w`.
    pub(super) fn wallops(&mut self, message: &Message) {
        let source = source_of(message);
        let text = message.params.last().map_or("", String::as_str);
        let said = if self.is_server(&source) {
            format!("To all: {text}")
        } else {
            format!("{} to all: {text}", source.nick)
        };
        self.announce(message, said);
    }

    /// An error in words: what, with which input, what to do.
    pub(super) fn sentence(&self, error: ErrorReply, message: &Message, text: &str) -> String {
        let server = self.server();
        let said = text.trim_end_matches('.');
        // The text alone names nothing, and some servers leave out one of the two names.
        let count = message.params.len();
        let about = if count > 2 { message.param(1) } else { "" };
        let second = if count > 3 { message.param(2) } else { "" };
        let channel = |name: &str| self.link.isupport.is_channel(name);
        if about.is_empty() {
            return if said.is_empty() {
                format!("{server} refused the request ({error}).")
            } else {
                format!("{server}: {said}.")
            };
        }
        let refused = || {
            if said.is_empty() {
                format!("{server} refused the request ({error}, about {about}).")
            } else {
                format!("{server} about {about}: {said}.")
            }
        };
        let ErrorReply::Numeric(code) = error else {
            return refused();
        };
        match code {
            numeric::ERR_NOSUCHNICK | numeric::ERR_NOSUCHSERVER | numeric::ERR_WASNOSUCHNICK => {
                format!("There is nobody called {about} on {server} at the moment.")
            }
            numeric::ERR_NOSUCHCHANNEL => format!("There is no channel {about} on {server}."),
            // The reason is none of the channel's, such as a full disk.
            numeric::ERR_CANNOTSENDTOCHAN if said.contains("not sent") => refused(),
            numeric::ERR_CANNOTSENDTOCHAN => {
                format!("{server} does not let you speak in {about}: {said}.")
            }
            numeric::ERR_TOOMANYCHANNELS => {
                format!("You are in too many channels to join {about}; leave one first.")
            }
            numeric::ERR_ERRONEUSNICKNAME => {
                format!("{server} does not accept {about} as a nickname: {said}.")
            }
            numeric::ERR_NICKNAMEINUSE | numeric::ERR_NICKCOLLISION => {
                format!("The nickname {about} is in use; choose another.")
            }
            numeric::ERR_UNAVAILRESOURCE if channel(about) && !said.is_empty() => refused(),
            numeric::ERR_UNAVAILRESOURCE => {
                format!("{about} is not available at the moment; try again later.")
            }
            numeric::ERR_USERNOTINCHANNEL if !second.is_empty() => {
                format!("{about} is not in {second}.")
            }
            numeric::ERR_USERNOTINCHANNEL if channel(about) => {
                format!("That person is not in {about}.")
            }
            numeric::ERR_NOTONCHANNEL => format!("You are not in {about}; join it first."),
            numeric::ERR_USERONCHANNEL if !second.is_empty() => {
                format!("{about} is already in {second}.")
            }
            numeric::ERR_USERONCHANNEL if channel(about) => {
                format!("That person is already in {about}.")
            }
            numeric::ERR_USERONCHANNEL => format!("{about} is already in the channel."),
            numeric::ERR_CHANNELISFULL => format!("{about} is full."),
            numeric::ERR_INVITEONLYCHAN => format!("{about} can be joined by invitation only."),
            numeric::ERR_BANNEDFROMCHAN => format!("You are banned from {about}."),
            numeric::ERR_BADCHANNELKEY => {
                format!("{about} needs a key, and the one given is wrong.")
            }
            numeric::ERR_NEEDREGGEDNICK => {
                format!("{about} is for registered nicknames only; sign in first.")
            }
            numeric::ERR_CHANOPRIVSNEEDED => format!("Only operators of {about} may do that."),
            _ => refused(),
        }
    }
}

/// Returns whether a numeric is an error: 4xx and 5xx are (RFC 2812), and so are most of the 9xx numerics of today's
/// servers.
fn is_error(code: Numeric) -> bool {
    matches!(code.class(), 4 | 5 | 9) || OTHER_ERRORS.contains(&code)
}
