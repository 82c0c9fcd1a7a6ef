//! HELP, generated from the table of commands (<https://modern.ircdocs.horse/#help-message>).

use irc_codec::{Message, numeric};

use super::client::UserId;
use super::commands;
use super::reply::Reply;
use super::{ClientId, Server};

/// Bytes of command names per line.
const WIDTH: usize = 300;

impl Server {
    pub(super) fn on_help(&mut self, id: ClientId, _: UserId, message: &Message) {
        let subject = message.param(0).to_ascii_uppercase();
        let (title, lines) = if subject.is_empty() {
            let title = "These are the commands of this server; HELP <command> explains one";
            (title.to_owned(), index())
        } else if let Some(command) = commands::listed().find(|command| command.name == subject) {
            let title = format!("{} {}", command.name, command.syntax);
            (title.trim_end().to_owned(), vec![command.about.to_owned()])
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
