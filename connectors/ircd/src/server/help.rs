//! HELP, generated from the table of commands (<https://modern.ircdocs.horse/#help-message>).

use irc_codec::{Message, numeric};

use super::client::UserId;
use super::commands;
use super::reply::Reply;
use super::{ClientId, Server};

/// Bytes of command names per line.
const WIDTH: usize = 300;

/// What the modes are, for HELP MODE.
const MODES: &[&str] = &[
    "Yourself: B (you are a bot), i (hidden from those who share no channel), o (administrator), w (you get WALLOPS).",
    "Channel, for and against people, with a mask: b (banned), q (quieted: may be there, not speak), e (excepted from b and q), I (may join despite i).",
    "Channel: i (only who is invited may join), k (a key is needed), l (at most so many people), m (only operators and the voiced may speak),",
    "n (only members may speak), s (secret: not listed), t (only operators set the topic), J (who joins sees only what is said from then on).",
    "People in a channel, with a nickname: o (operator), v (voice: may speak despite m, b and q). AMODE gives them to accounts.",
];

impl Server {
    pub(super) fn on_help(&mut self, id: ClientId, _: UserId, message: &Message) {
        let subject = message.param(0).to_ascii_uppercase();
        let (title, lines) = if subject.is_empty() {
            let title = "These are the commands of this server; HELP <command> explains one";
            (title.to_owned(), index())
        } else if let Some(command) = commands::listed().find(|command| command.name == subject) {
            let title = format!("{} {}", command.name, command.syntax);
            let more = if command.name == "MODE" { MODES } else { &[] };
            let lines = std::iter::once(&command.about).chain(more);
            let lines = lines.map(|line| (*line).to_owned()).collect();
            (title.trim_end().to_owned(), lines)
        } else {
            let text = "No such command; HELP without a parameter lists them";
            // A subject that cannot be a middle parameter is replaced by a star.
            let asked = message.param(0);
            let whole = !asked.contains(' ') && !asked.starts_with(':');
            let params = [if whole { asked } else { "*" }, text];
            return self.reply(id, Reply::new(numeric::ERR_HELPNOTFOUND, params));
        };
        let subject = if subject.is_empty() { "*" } else { &subject };
        self.reply(id, Reply::new(numeric::RPL_HELPSTART, [subject, &title]));
        for line in lines {
            self.reply(id, Reply::new(numeric::RPL_HELPTXT, [subject, &line]));
        }
        let end = "End of HELP";
        self.reply(id, Reply::new(numeric::RPL_ENDOFHELP, [subject, end]));
    }
}

/// The names of all commands, on as many lines as necessary.
fn index() -> Vec<String> {
    let mut names: Vec<&str> = commands::listed().map(|command| command.name).collect();
    names.sort_unstable();
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines
            .last_mut()
            .filter(|line| line.len() + name.len() < WIDTH)
        {
            Some(line) => {
                line.push(' ');
                line.push_str(name);
            }
            None => lines.push(name.to_owned()),
        }
    }
    lines
}
