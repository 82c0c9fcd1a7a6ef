//! Commands that the account wants sent on each connection, after the welcome and before channels are joined.
//!
//! They may contain secrets, and most do: what they say to services is noted as secret words, the network's echo of it goes
//! nowhere, and no sentence about a line repeats it.

use irc_codec::Message;
use protocol::MAX_LINES;

use super::Session;
use crate::record::Record as _;

/// Commands that are this connection's to send.
const OURS: &[&str] = &[
    "AUTHENTICATE",
    "BATCH",
    "CAP",
    "ERROR",
    "PASS",
    "PING",
    "PONG",
    "QUIT",
    "SQUIT",
    "STARTTLS",
    "USER",
];

/// Names of services with a command of their own in clients: `/ns IDENTIFY …`.
const SERVICES: &[(&str, &str)] = &[
    ("BS", "BotServ"),
    ("CS", "ChanServ"),
    ("HS", "HostServ"),
    ("MS", "MemoServ"),
    ("NS", "NickServ"),
    ("OS", "OperServ"),
];

/// What stands for our nickname in a line.
const NICK: &str = "$nick";

/// A message that was sent and may be echoed: target and text.
pub(super) type Echo = (String, String);

/// Why a line is not sent; the end of a sentence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refusal {
    NoCommand,
    Ours,
    TooLong(usize),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoCommand => f.write_str("it's not a command that IRC has"),
            Self::Ours => f.write_str("that command ends or disturbs the connection"),
            Self::TooLong(most) => write!(f, "it's longer than {most} bytes"),
        }
    }
}

impl Session {
    /// Sends them. Those that cannot be are told, each by its number.
    pub(super) fn send_commands(&mut self) {
        let Some(text) = self.assignment.connection.commands().map(str::to_owned) else {
            return;
        };
        let most = self.line_length().saturating_sub("\r\n".len());
        let lines = text.lines().map(str::trim).enumerate();
        let lines = lines.filter(|(_, line)| !line.is_empty()).take(MAX_LINES);
        for (at, line) in lines {
            match read(line, &self.link.nick, most) {
                Ok(message) => self.send_command(&message),
                Err(refusal) => {
                    let sentence = format!(
                        "Line {} of your commands on connect was not sent to {}: {refusal}. Change it in the settings.",
                        at + 1,
                        self.server()
                    );
                    self.trouble(None, &sentence);
                }
            }
        }
    }

    fn send_command(&mut self, message: &Message) {
        match message.command.as_str() {
            "PRIVMSG" | "NOTICE" | "SQUERY" => {
                let (target, text) = (message.param(0).to_owned(), message.param(1).to_owned());
                self.note_secrets(&target, &text);
                if self.can("echo-message") {
                    self.link.command_echoes.push((target, text));
                }
            }
            "AWAY" | "MODE" | "MONITOR" | "SETNAME" | "WATCH" => {}
            // A server's own command for its services, or something like OPER.
            _ => {
                for word in message.params.iter().flat_map(|p| p.split_whitespace()) {
                    self.note_secret_word(word);
                }
            }
        }
        self.outbox.push(message.to_string(), None);
    }

    /// Returns whether a message of our own is the echo of one of them, once for each.
    pub(super) fn is_command_echo(&mut self, target: &str, text: &str) -> bool {
        let case = self.link.case;
        let echoes = &mut self.link.command_echoes;
        let at = echoes
            .iter()
            .position(|(to, said)| case.same(to, target) && said == text);
        at.map(|at| echoes.swap_remove(at)).is_some()
    }
}

/// Reads a line: as clients take it, `/msg NickServ …`, or as the server does.
fn read(line: &str, nick: &str, most: usize) -> Result<Message, Refusal> {
    let line = line.replace(NICK, nick);
    let line = match line.strip_prefix('/') {
        Some(typed) => typed_command(typed),
        None => line,
    };
    let message = Message::parse(&line).map_err(|_| Refusal::NoCommand)?;
    let is_command = |command: &str| {
        command.bytes().all(|byte| byte.is_ascii_alphabetic()) && !command.is_empty()
    };
    if !is_command(&message.command) || message.source.is_some() || !message.tags.is_empty() {
        return Err(Refusal::NoCommand);
    }
    if OURS.contains(&message.command.as_str()) {
        return Err(Refusal::Ours);
    }
    if message.to_string().len() > most {
        return Err(Refusal::TooLong(most));
    }
    Ok(message)
}

/// A command of clients, without its slash, as a line.
fn typed_command(typed: &str) -> String {
    let (command, rest) = typed.split_once(' ').unwrap_or((typed, ""));
    let rest = rest.trim_start();
    let command = command.to_ascii_uppercase();
    let to = |kind: &str, rest: &str| {
        let (target, text) = rest.split_once(' ').unwrap_or((rest, ""));
        format!("{kind} {target} :{text}")
    };
    match command.as_str() {
        "MSG" | "QUERY" | "M" => to("PRIVMSG", rest),
        "NOTICE" => to("NOTICE", rest),
        "QUOTE" | "RAW" => rest.to_owned(),
        _ => match SERVICES.iter().find(|(short, _)| *short == command) {
            Some((_, service)) => format!("PRIVMSG {service} :{rest}"),
            None => format!("{command} {rest}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_clients_and_servers_have_them() {
        for (line, sent) in [
            (
                "/msg NickServ IDENTIFY a b",
                "PRIVMSG NickServ :IDENTIFY a b",
            ),
            ("/ns identify x", "PRIVMSG NickServ :identify x"),
            ("/notice bob hi there", "NOTICE bob :hi there"),
            ("/mode $nick +ix", "MODE al +ix"),
            ("/quote oper al pw", "OPER al pw"),
            ("mode $nick +B", "MODE al +B"),
            (
                "PRIVMSG Q@CServe.quakenet.org :AUTH a b",
                "PRIVMSG Q@CServe.quakenet.org :AUTH a b",
            ),
        ] {
            assert_eq!(read(line, "al", 510).unwrap().to_string(), sent, "{line}");
        }
        for (line, why) in [
            ("/quit", Refusal::Ours),
            ("/quote QUIT :bye", Refusal::Ours),
            ("cap end", Refusal::Ours),
            ("/", Refusal::NoCommand),
            (":al PRIVMSG #a :x", Refusal::NoCommand),
            ("@label=1 PRIVMSG #a :x", Refusal::NoCommand),
            ("001 al :x", Refusal::NoCommand),
            ("PRIVMSG #a :x\0", Refusal::NoCommand),
        ] {
            assert_eq!(read(line, "al", 510), Err(why), "{line}");
        }
        let long = format!("/msg bob {}", "x".repeat(500));
        assert_eq!(read(&long, "al", 510), Err(Refusal::TooLong(510)));
    }
}
