//! The replies to a registration: RPL_WELCOME to RPL_ISUPPORT and what follows (RFC 2812, section 5.1;
//! ISUPPORT, <https://modern.ircdocs.horse/#feature-advertisement>).

use irc_codec::{Message, numeric};

use super::caps::Caps;
use super::client::UserModes;
use super::masks::List;
use super::names::{self, KEY_LENGTH, USER_LENGTH};
use super::registration::REAL_NAME;
use super::reply::Reply;
use super::user_mode::LETTERS;
use super::{ClientId, Server};

/// The server software's name and version.
pub(super) const VERSION: &str = concat!("subspace-ircd-", env!("CARGO_PKG_VERSION"));

/// Tokens per RPL_ISUPPORT: a message has at most 15 parameters (RFC 2812, section 2.3).
const TOKENS_PER_LINE: usize = 13;

/// Bytes of tokens per RPL_ISUPPORT: leaves room for the names of server and client, and the text.
const WIDTH: usize = 340;

/// Targets per PRIVMSG, NOTICE or TAGMSG, and per KICK, WHOIS and NAMES.
pub(super) const MAX_TARGETS: usize = 4;

/// The error for a command with more than [`MAX_TARGETS`] targets.
pub(super) fn too_many_targets(asked: &str, what: &str) -> Reply {
    let text = format!("Too many {what}: at most {MAX_TARGETS} at once");
    Reply::new(numeric::ERR_TOOMANYTARGETS, [asked, &text])
}

/// Mode changes with a parameter per MODE command.
pub(super) const MAX_MODES: usize = 6;

impl Server {
    pub(super) fn send_welcome(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let Some(user) = client.user.and_then(|user| self.users.get(&user)) else {
            return;
        };
        let source = user.source();
        let modes = user.modes;
        let (name, network) = (self.config.name.clone(), self.config.network.clone());
        let created = self.started.to_string();
        self.reply(
            id,
            Reply::new(
                numeric::RPL_WELCOME,
                [format!("Welcome to {network}, {source}")],
            ),
        );
        self.reply(
            id,
            Reply::new(
                numeric::RPL_YOURHOST,
                [format!("Your host is {name}, running {VERSION}")],
            ),
        );
        self.reply(
            id,
            Reply::new(
                numeric::RPL_CREATED,
                [format!("This server was started at {created}")],
            ),
        );
        self.reply(
            id,
            Reply::new(
                numeric::RPL_MYINFO,
                [
                    name.as_str(),
                    VERSION,
                    LETTERS,
                    "IJObeiklmnoqstv",
                    "IObeklqov",
                ],
            ),
        );
        self.send_isupport(id);
        self.send_lusers(id);
        self.send_motd(id);
        if modes != UserModes::default() {
            self.reply(id, Reply::new(numeric::RPL_UMODEIS, [modes.shown()]));
        }
    }

    pub(super) fn send_isupport(&mut self, id: ClientId) {
        let limits = &self.config.limits;
        let mut tokens = vec![
            format!("NETWORK={}", self.config.network),
            format!("CASEMAPPING={}", names::MAPPING.token()),
            "CHANTYPES=#".to_owned(),
            "PREFIX=(Oov)~@+".to_owned(),
            format!("CHANMODES={},k,l,Jimnst", List::LETTERS),
            format!("MODES={MAX_MODES}"),
            format!("MAXLIST={}:{}", List::LETTERS, limits.bans),
            "EXCEPTS=e".to_owned(),
            "INVEX=I".to_owned(),
            "EXTBAN=$,a".to_owned(),
            "ACCOUNTEXTBAN=a".to_owned(),
            format!("CHANLIMIT=#:{}", limits.channels_per_user),
            format!("NICKLEN={}", limits.nick),
            format!("USERLEN={USER_LENGTH}"),
            format!("NAMELEN={REAL_NAME}"),
            format!("KEYLEN={KEY_LENGTH}"),
            format!("CHANNELLEN={}", limits.channel_name),
            format!("TOPICLEN={}", limits.topic),
            format!("AWAYLEN={}", limits.text),
            format!("KICKLEN={}", limits.text),
            format!("LINELEN={}", super::reply::LINE),
            format!(
                "TARGMAX=PRIVMSG:{MAX_TARGETS},NOTICE:{MAX_TARGETS},TAGMSG:{MAX_TARGETS},KICK:{MAX_TARGETS},WHOIS:{MAX_TARGETS},NAMES:{MAX_TARGETS},JOIN:,PART:,MONITOR:"
            ),
            format!("MONITOR={}", limits.monitor),
            "ELIST=MNU".to_owned(),
            "BOT=B".to_owned(),
            "WHOX".to_owned(),
            "UTF8ONLY".to_owned(),
            "SAFELIST".to_owned(),
            format!("CHATHISTORY={}", limits.history_answer),
            "MSGREFTYPES=timestamp,msgid".to_owned(),
            "soju.im/SAFERATE".to_owned(),
        ];
        let links = [
            ("draft/ICON", &self.config.icon),
            ("soju.im/FILEHOST", &self.config.file_host),
            ("draft/FILEHOST", &self.config.file_host),
        ];
        for (name, link) in links {
            tokens.extend(link.as_ref().map(|link| format!("{name}={link}")));
        }
        let grouped = self
            .clients
            .get(&id)
            .is_some_and(|client| client.caps.has(Caps::EXTENDED_ISUPPORT));
        let batch = if grouped {
            self.open_batch(id, &["draft/isupport"])
        } else {
            None
        };
        for line in lines_of(tokens) {
            let mut params = vec![self.name_for(id)];
            params.extend(line);
            params.push("are supported by this server".to_owned());
            let message = Message::new(&numeric::RPL_ISUPPORT.to_string(), params);
            self.push_in(id, batch.as_deref(), message);
        }
        self.close_batch(id, batch);
    }
}

/// Divides tokens into lines.
fn lines_of(tokens: Vec<String>) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for token in tokens {
        bytes += token.len() + 1;
        match lines.last_mut() {
            Some(line) if line.len() < TOKENS_PER_LINE && bytes <= WIDTH => line.push(token),
            _ => {
                bytes = token.len() + 1;
                lines.push(vec![token]);
            }
        }
    }
    lines
}
