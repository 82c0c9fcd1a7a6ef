//! One table of all commands: what handles each, who may send it, and how many parameters it needs at least.

use irc_codec::Message;

use super::client::UserId;
use super::{ClientId, Server};

/// What handles a command, by who may send it.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// Everybody, registered or not.
    Anyone(fn(&mut Server, ClientId, &Message)),
    /// Who has registered.
    Registered(fn(&mut Server, ClientId, UserId, &Message)),
}

/// One command.
pub(super) struct Command {
    name: &'static str,
    pub(super) handler: Handler,
    /// The fewest parameters; with less it is answered with 461. A handler that says more than that about what is
    /// missing has none here.
    pub(super) least: usize,
}

const fn anyone(name: &'static str, handler: fn(&mut Server, ClientId, &Message)) -> Command {
    Command {
        name,
        handler: Handler::Anyone(handler),
        least: 0,
    }
}

const fn registered(
    name: &'static str,
    least: usize,
    handler: fn(&mut Server, ClientId, UserId, &Message),
) -> Command {
    Command {
        name,
        handler: Handler::Registered(handler),
        least,
    }
}

/// All commands, the most frequent first.
static TABLE: &[Command] = &[
    registered("PRIVMSG", 0, Server::on_message),
    registered("NOTICE", 0, Server::on_message),
    registered("TAGMSG", 0, Server::on_message),
    anyone("PING", Server::on_ping),
    anyone("PONG", |server, id, _| server.prove_track(id)),
    anyone("CAP", Server::on_cap),
    anyone("AUTHENTICATE", Server::on_authenticate),
    anyone("NICK", Server::on_nick),
    anyone("USER", Server::on_user),
    anyone("PASS", Server::on_pass),
    anyone("WEBIRC", Server::on_webirc),
    anyone("QUIT", Server::on_quit),
    anyone("AWAY", Server::on_away),
    registered("JOIN", 1, Server::on_join),
    registered("PART", 1, Server::on_part),
    registered("KICK", 2, Server::on_kick),
    registered("INVITE", 0, Server::on_invite),
    registered("TOPIC", 1, Server::on_topic),
    registered("MODE", 1, Server::on_mode),
    registered("NAMES", 0, Server::on_names),
    registered("WHO", 0, Server::on_who),
    registered("WHOIS", 1, Server::on_whois),
    registered("WHOWAS", 1, |server, id, _, message| {
        server.on_whowas(id, message);
    }),
    registered("LIST", 0, Server::on_list),
    registered("RELAYMSG", 3, Server::on_relaymsg),
    registered("CHATHISTORY", 1, Server::on_chathistory),
    registered("USERHOST", 1, |server, id, _, message| {
        server.on_userhost(id, message);
    }),
    registered("ISON", 0, |server, id, _, message| {
        server.on_ison(id, message);
    }),
    registered("MONITOR", 0, |server, id, _, message| {
        server.on_monitor(id, message);
    }),
    registered("SETNAME", 1, Server::on_setname),
    registered("LUSERS", 0, |server, id, _, _| server.send_lusers(id)),
    registered("MOTD", 0, |server, id, _, _| server.send_motd(id)),
    registered("VERSION", 0, |server, id, _, _| server.on_version(id)),
    registered("TIME", 0, |server, id, _, _| server.on_time(id)),
    registered("INFO", 0, |server, id, _, _| server.on_info(id)),
    registered("KILL", 1, Server::on_kill),
    registered("LINKS", 0, Server::configured),
    registered("ADMIN", 0, Server::configured),
    registered("STATS", 0, Server::configured),
    registered("TRACE", 0, Server::configured),
    registered("OPER", 0, Server::configured),
    registered("REHASH", 0, Server::configured),
    registered("WALLOPS", 0, Server::configured),
    registered("CONNECT", 0, Server::configured),
];

/// Finds a command by its name, in upper case.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    TABLE.iter().find(|command| command.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_there_once_in_upper_case() {
        for (place, command) in TABLE.iter().enumerate() {
            assert_eq!(command.name, command.name.to_ascii_uppercase());
            let first = TABLE.iter().position(|other| other.name == command.name);
            assert_eq!(first, Some(place), "{} twice", command.name);
        }
        assert!(find("PRIVMSG").is_some());
        assert!(find("NOTHING").is_none());
    }

    #[test]
    fn before_registration_only_what_leads_to_it_is_taken() {
        let open: Vec<&str> = TABLE
            .iter()
            .filter(|command| matches!(command.handler, Handler::Anyone(_)))
            .map(|command| command.name)
            .collect();
        assert_eq!(
            open,
            [
                "PING",
                "PONG",
                "CAP",
                "AUTHENTICATE",
                "NICK",
                "USER",
                "PASS",
                "WEBIRC",
                "QUIT",
                "AWAY"
            ]
        );
    }
}
