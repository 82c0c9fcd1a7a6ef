//! The modes of users (RFC 2812, section 3.1.5): `i` invisible, `o` operator, `w` gets WALLOPS, `B` is a bot
//! (<https://ircv3.net/specs/extensions/bot-mode>).

use irc_codec::{Message, numeric};

use super::client::{UserId, UserModes};
use super::outbox::When;
use super::reply::Reply;
use super::{ClientId, Server, names};

/// The letters, as in RPL_MYINFO.
pub(super) const LETTERS: &str = "Biow";

impl UserModes {
    fn flag(&mut self, letter: char) -> Option<&mut bool> {
        match letter {
            'B' => Some(&mut self.bot),
            'i' => Some(&mut self.invisible),
            'o' => Some(&mut self.operator),
            'w' => Some(&mut self.wallops),
            _ => None,
        }
    }

    /// Returns them as in RPL_UMODEIS.
    pub(super) fn shown(mut self) -> String {
        let set = |&letter: &char| self.flag(letter).is_some_and(|flag| *flag);
        let letters: String = LETTERS.chars().filter(set).collect();
        format!("+{letters}")
    }

    /// What changes these modes into others, for MODE.
    fn changes(mut self, mut to: Self) -> String {
        let mut text = String::new();
        for (sign, wanted) in [('+', true), ('-', false)] {
            let letters = LETTERS.chars();
            let changed: String = letters
                .filter(|&letter| {
                    let before = self.flag(letter).map(|flag| *flag);
                    let after = to.flag(letter).map(|flag| *flag);
                    before != after && after == Some(wanted)
                })
                .collect();
            if !changed.is_empty() {
                text.push(sign);
                text.push_str(&changed);
            }
        }
        text
    }
}

impl Server {
    pub(super) fn user_mode(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let nick = message.param(0);
        match self.nicks.get(&names::fold(nick)) {
            None => return self.no_such_nick(id, nick),
            Some(&other) if other != user_id => {
                let text = "You cannot see or change the modes of others";
                return self.reply(id, Reply::new(numeric::ERR_USERSDONTMATCH, [text]));
            }
            Some(_) => {}
        }
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        if message.params.len() < 2 {
            let modes = user.modes.shown();
            return self.reply(id, Reply::new(numeric::RPL_UMODEIS, [modes]));
        }
        let (mut add, mut unknown) = (true, false);
        let before = user.modes;
        for letter in message.param(1).chars() {
            match letter {
                '+' => add = true,
                '-' => add = false,
                // Only OPER makes operators; this is ignored (RFC 2812, section 3.1.5).
                'o' if add => {}
                letter => match user.modes.flag(letter) {
                    Some(flag) => *flag = add,
                    None => unknown = true,
                },
            }
        }
        let changes = before.changes(user.modes);
        let own = user.nick.clone();
        if unknown {
            let text = format!("Unknown user mode; supported are {LETTERS}");
            self.reply(id, Reply::new(numeric::ERR_UMODEUNKNOWNFLAG, [text]));
        }
        if !changes.is_empty() {
            let event = self.event(user_id, "MODE", [own, changes]);
            self.relay(self.sessions(user_id), &event, When::Always);
        }
    }
}
