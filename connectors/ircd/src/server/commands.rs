//! The table of all commands: the handler, who may use it, how many parameters it needs, and its HELP text.
//!
//! ERR_UNKNOWNCOMMAND, ERR_NOTREGISTERED and ERR_NEEDMOREPARAMS are decided from the table before a handler runs.
//! Each line costs a client the same, whatever its command: one token of its connection's bucket (`connector_kit::TokenBucket`).

use irc_codec::Message;

use super::caps::Caps;
use super::client::UserId;
use super::{ClientId, Server};
use Handler::{Anyone, Early, Registered};

/// A command's handler, by who may use it.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// Everyone, registered or not.
    Anyone(fn(&mut Server, ClientId, &Message)),
    /// Registered clients; before registration, clients with the capability.
    Early(Caps, fn(&mut Server, ClientId, &Message)),
    /// Registered clients.
    Registered(fn(&mut Server, ClientId, UserId, &Message)),
}

/// One command.
pub(super) struct Command {
    pub name: &'static str,
    pub handler: Handler,
    /// Minimum number of parameters. It is zero if the handler reports missing parameters more precisely than
    /// ERR_NEEDMOREPARAMS.
    pub least: usize,
    /// Which parameter names the server that is asked, if any: there is only this one.
    pub server: Option<usize>,
    /// Its parameters in the notation of HELP.
    pub syntax: &'static str,
    /// What it does, in one sentence; empty if HELP does not list it.
    pub about: &'static str,
}

const fn command(
    name: &'static str,
    least: usize,
    handler: Handler,
    syntax: &'static str,
    about: &'static str,
) -> Command {
    Command {
        name,
        handler,
        least,
        server: None,
        syntax,
        about,
    }
}

impl Command {
    /// Says which parameter names a server.
    const fn at(mut self, place: usize) -> Self {
        self.server = Some(place);
        self
    }
}

/// A command that HELP does not list: what it is for is not here.
const fn absent(
    name: &'static str,
    handler: fn(&mut Server, ClientId, UserId, &Message),
) -> Command {
    command(name, 0, Registered(handler), "", "")
}

/// All commands, most frequent first.
#[rustfmt::skip]
static TABLE: &[Command] = &[
    command("PRIVMSG", 0, Registered(Server::on_message), "<target>[,<target>…] <text>",
        "Sends a message to channels or people."),
    command("NOTICE", 0, Registered(Server::on_message), "<target>[,<target>…] <text>",
        "Sends a message that programs do not reply to."),
    command("TAGMSG", 0, Registered(Server::on_message), "<target>[,<target>…]",
        "Sends tags without a text, such as reactions and typing."),
    command("PING", 1, Anyone(Server::on_ping), "<token>",
        "Requests a PONG with the same token."),
    command("PONG", 0, Anyone(|server, id, _| server.note_pong(id)), "<token>",
        "Answers a PING from the server."),
    command("CAP", 0, Anyone(Server::on_cap), "LS|LIST|REQ|END [<capabilities>]",
        "Lists and requests capabilities."),
    command("AUTHENTICATE", 1, Anyone(Server::on_authenticate), "PLAIN|<base64>|*",
        "Signs in to an account with SASL."),
    command("NICK", 0, Anyone(Server::on_nick), "<nickname>",
        "Takes a nickname."),
    command("USER", 4, Anyone(Server::on_user), "<user name> 0 * <real name>",
        "Sets the user name and the real name, once."),
    command("PASS", 1, Anyone(Server::on_pass), "<password>",
        "Signs in before NICK and USER: account:password, or the token of an IRC password."),
    command("WEBIRC", 0, Anyone(Server::on_webirc), "<password> <gateway> <host> <address> [<options>]",
        "For gateways: announces a client's address."),
    command("QUIT", 0, Anyone(Server::on_quit), "[<reason>]",
        "Ends the connection."),
    command("AWAY", 0, Early(Caps::PRE_AWAY, Server::on_away), "[<text>]",
        "Marks you as away or, without a text, as back."),
    command("JOIN", 1, Registered(Server::on_join), "<channel>[,<channel>…] [<key>[,<key>…]]",
        "Joins channels, creating them if they do not exist; JOIN 0 leaves all."),
    command("PART", 1, Registered(Server::on_part), "<channel>[,<channel>…] [<reason>]",
        "Leaves channels."),
    command("KICK", 2, Registered(Server::on_kick), "<channel> <nickname>[,<nickname>…] [<reason>]",
        "Removes people from a channel; for its operators."),
    command("INVITE", 0, Registered(Server::on_invite), "[<nickname> <channel>]",
        "Invites someone to a channel, or lists the channels you are invited to."),
    command("TOPIC", 1, Registered(Server::on_topic), "<channel> [<topic>]",
        "Shows or sets the topic of a channel."),
    command("MODE", 1, Registered(Server::on_mode), "<channel or nickname> [<modes> [<parameters>]]",
        "Shows or changes modes: B, i, o and w of yourself; I, J, b, e, i, k, l, m, n, o, q, s, t and v of a channel."),
    command("AMODE", 1, Registered(Server::on_amode), "<channel> [+|-O|o|v… <account>…]",
        "Shows or changes the roles that accounts have in a channel whenever they are present."),
    command("NAMES", 0, Registered(Server::on_names), "<channel>[,<channel>…]",
        "Lists who is in a channel."),
    command("WHO", 0, Registered(Server::on_who), "<channel or mask> [<flags>][%<fields>[,<token>]]",
        "Lists people with their user names and hosts."),
    command("WHOIS", 0, Registered(Server::on_whois), "<nickname>[,<nickname>…]",
        "Shows information about people."),
    command("WHOWAS", 1, Registered(|server, id, _, message| server.on_whowas(id, message)), "<nickname> [<count>]",
        "Shows information about people who have left."),
    command("LIST", 0, Registered(Server::on_list), "[<mask>|!<mask>|><users>|<<users>[,…]]",
        "Lists channels."),
    command("REDACT", 2, Registered(Server::on_redact), "<target> <msgid> [<reason>]",
        "Deletes a message: one of yours, or as an operator any of the channel."),
    command("RELAYMSG", 3, Registered(Server::on_relaymsg), "<channel> <name/relay> <text>",
        "Sends a message under a name that nobody can have."),
    command("MARKREAD", 0, Registered(Server::on_markread), "<channel or nickname> [timestamp=<time>]",
        "Shows or sets up to where you have read a conversation."),
    command("METADATA", 2, Registered(Server::on_metadata),
        "<nickname or *> GET|LIST|SET|CLEAR|SUB|UNSUB|SUBS|SYNC [<keys or key and value>]",
        "Shows and sets what people say about themselves, such as avatar and display-name."),
    command("BATCH", 1, Registered(Server::on_batch), "+<reference> draft/multiline <target> | -<reference>",
        "Begins and ends a message of several lines."),
    command("RENAME", 2, Registered(Server::on_rename), "<channel> <new name> [<reason>]",
        "Renames a channel; for its founder."),
    command("ISUPPORT", 0, Early(Caps::EXTENDED_ISUPPORT, |server, id, _| server.send_isupport(id)), "",
        "Shows what the server supports."),
    command("CHATHISTORY", 1, Registered(Server::on_chathistory),
        "LATEST|BEFORE|AFTER|AROUND|BETWEEN|TARGETS <parameters> <limit>",
        "Requests earlier messages."),
    command("USERHOST", 1, Registered(|server, id, _, message| server.on_userhost(id, message)), "<nickname> [<nickname>…]",
        "Shows people's hosts."),
    command("ISON", 1, Registered(|server, id, _, message| server.on_ison(id, message)), "<nickname> [<nickname>…]",
        "Shows which of these people are online."),
    command("MONITOR", 1, Registered(|server, id, _, message| server.on_monitor(id, message)),
        "+|-|C|L|S [<nickname>[,<nickname>…]]",
        "Notifies you when people come and go."),
    command("SETNAME", 1, Registered(Server::on_setname), "<real name>",
        "Changes your real name."),
    command("LUSERS", 0, Registered(|server, id, _, _| server.send_lusers(id)), "",
        "Counts users and channels.").at(1),
    command("MOTD", 0, Registered(|server, id, _, _| server.send_motd(id)), "",
        "Shows the message of the day.").at(0),
    command("VERSION", 0, Registered(|server, id, _, _| server.on_version(id)), "",
        "Shows the server's version and what it supports.").at(0),
    command("TIME", 0, Registered(|server, id, _, _| server.on_time(id)), "",
        "Shows the server's time.").at(0),
    command("INFO", 0, Registered(|server, id, _, _| server.on_info(id)), "",
        "Shows information about this server.").at(0),
    command("ADMIN", 0, Registered(Server::on_admin), "",
        "Shows who administers this server.").at(0),
    command("STATS", 0, Registered(Server::on_stats), "u|m|o|l|k",
        "Shows the uptime, uses of commands, operators, connections, or bans.").at(1),
    command("TRACE", 0, Registered(Server::on_trace), "[<nickname>]",
        "Lists connected users; for administrators.").at(0),
    command("LINKS", 0, Registered(Server::on_links), "[<mask>]",
        "Lists the servers of the network: this one."),
    command("HELP", 0, Registered(Server::on_help), "[<command>]",
        "Lists the commands, or explains one."),
    command("HELPOP", 0, Registered(Server::on_help), "[<command>]",
        "Same as HELP."),
    command("KILL", 1, Registered(Server::on_kill), "<nickname> [<reason>]",
        "Ends someone's connections; for administrators."),
    command("OPER", 0, Registered(Server::on_oper), "[<account>]",
        "Makes you an operator of the server; for administrators, without a password."),
    command("KLINE", 1, Registered(Server::on_ban), "[<minutes>|<n>h|<n>d|<n>w] <account or mask> [<reason>]",
        "Bans an account or a mask from the server; for administrators."),
    command("UNKLINE", 1, Registered(Server::on_unban), "<account or mask>",
        "Removes such a ban; for administrators."),
    command("DLINE", 1, Registered(Server::on_ban), "[<minutes>|<n>h|<n>d|<n>w] <address or range> [<reason>]",
        "Bans addresses from the server; for administrators."),
    command("UNDLINE", 1, Registered(Server::on_unban), "<address or range>",
        "Removes such a ban; for administrators."),
    command("WALLOPS", 1, Registered(Server::on_wallops), "<text>",
        "Sends a text to everyone with the user mode w; for administrators."),
    command("SERVLIST", 0, Registered(Server::on_servlist), "[<mask> [<type>]]",
        "Lists services: there are none."),
    absent("SQUERY", Server::on_squery),
    absent("SUMMON", Server::on_summon),
    absent("USERS", Server::on_users).at(0),
    absent("REHASH", Server::configured),
    absent("DIE", Server::configured),
    absent("RESTART", Server::configured),
    absent("CONNECT", Server::configured),
    absent("SQUIT", Server::configured),
    absent("SERVER", Server::client_already),
    absent("SERVICE", Server::client_already),
    absent("NJOIN", Server::client_already),
    // Clients do not send it; an answer could make two programs answer each other for ever.
    absent("ERROR", |_, _, _, _| {}),
];

/// Finds a command by its name in upper case.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    TABLE.iter().find(|command| command.name == name)
}

/// The commands that HELP lists.
pub(super) fn listed() -> impl Iterator<Item = &'static Command> {
    TABLE.iter().filter(|command| !command.about.is_empty())
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
        let open = |always: bool| -> Vec<&str> {
            let fits = |handler| match handler {
                Anyone(_) => always,
                Early(..) => !always,
                Registered(_) => false,
            };
            let commands = TABLE.iter().filter(|command| fits(command.handler));
            commands.map(|command| command.name).collect()
        };
        assert_eq!(
            open(true),
            [
                "PING",
                "PONG",
                "CAP",
                "AUTHENTICATE",
                "NICK",
                "USER",
                "PASS",
                "WEBIRC",
                "QUIT"
            ]
        );
        assert_eq!(open(false), ["AWAY", "ISUPPORT"]);
    }
}
