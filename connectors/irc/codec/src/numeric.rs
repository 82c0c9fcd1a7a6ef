//! Numeric replies: three digits on the wire, a name here.
//!
//! The names are those of RFC 1459 (section 6) and RFC 2812 (section 5), then of Modern IRC
//! (<https://modern.ircdocs.horse/#numerics>) and IRCv3, then those used by the server software that introduced a
//! number; see also <https://defs.ircdocs.horse/defs/numerics>. No other code in the IRC packages contains numbers of
//! numerics.

use std::fmt;

/// A numeric, from `000` to `999`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Numeric(u16);

impl Numeric {
    /// Parses a command; returns `None` if it is not three digits.
    #[must_use]
    pub fn parse(command: &str) -> Option<Self> {
        let digits = command.len() == 3 && command.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| command.parse().ok().map(Self)).flatten()
    }

    /// Returns its name, if the table has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let place = TABLE.binary_search_by_key(&self.0, |&(number, _)| number);
        place
            .ok()
            .and_then(|place| TABLE.get(place))
            .map(|&(_, name)| name)
    }

    /// Returns its first digit: 0, 2 and 3 are replies, 4 and 5 are errors (RFC 2812, section 5), the others are
    /// mixed.
    #[must_use]
    pub const fn class(self) -> u16 {
        self.0 / 100
    }
}

impl fmt::Display for Numeric {
    /// Formats it as it appears on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

macro_rules! numerics {
    ($($name:ident = $number:literal, $about:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($number), "`: ", $about, ".")]
            pub const $name: Numeric = Numeric($number);
        )*

        /// All numerics in ascending order.
        const TABLE: &[(u16, &str)] = &[$(($number, stringify!($name))),*];
    };
}

numerics! {
    RPL_WELCOME = 1, "the client is registered; its first parameter is the nickname that it has";
    RPL_YOURHOST = 2, "name and version of the server";
    RPL_CREATED = 3, "since when the server runs";
    RPL_MYINFO = 4, "name and version of the server, and the modes that it knows";
    RPL_ISUPPORT = 5, "what the server supports (RFC 2812 has RPL_BOUNCE here, which no server sends)";
    RPL_SNOMASK = 8, "the server notices that the client gets";
    RPL_REDIR = 10, "another server to use";
    RPL_HELLO = 20, "a greeting before the registration (IRCnet)";
    RPL_YOURID = 42, "a unique id of the client (IRCnet)";
    RPL_TRACEOPERATOR = 204, "TRACE: an operator";
    RPL_TRACEUSER = 205, "TRACE: a user";
    RPL_STATSLINKINFO = 211, "STATS l: a connection";
    RPL_STATSCOMMANDS = 212, "STATS m: how often a command was used";
    RPL_STATSKLINE = 216, "STATS k: a ban from the server";
    RPL_ENDOFSTATS = 219, "end of STATS";
    RPL_UMODEIS = 221, "the client's own modes";
    RPL_STATSDLINE = 225, "STATS: a ban of addresses (charybdis)";
    RPL_SERVLISTEND = 235, "end of SERVLIST";
    RPL_STATSUPTIME = 242, "STATS u: since when the server runs";
    RPL_STATSOLINE = 243, "STATS o: who may be an operator";
    RPL_STATSCONN = 250, "the most connections so far";
    RPL_LUSERCLIENT = 251, "how many users and servers there are";
    RPL_LUSEROP = 252, "how many operators there are";
    RPL_LUSERUNKNOWN = 253, "how many connections are not registered";
    RPL_LUSERCHANNELS = 254, "how many channels there are";
    RPL_LUSERME = 255, "how many clients this server has";
    RPL_ADMINME = 256, "ADMIN: the server";
    RPL_ADMINLOC1 = 257, "ADMIN: where it is";
    RPL_ADMINLOC2 = 258, "ADMIN: who runs it";
    RPL_ADMINEMAIL = 259, "ADMIN: how to reach them";
    RPL_TRACEEND = 262, "end of TRACE";
    RPL_TRYAGAIN = 263, "the command was dropped because the server is busy";
    RPL_LOCALUSERS = 265, "users of this server, now and at most";
    RPL_GLOBALUSERS = 266, "users of the network, now and at most";
    RPL_WHOISCERTFP = 276, "WHOIS: the fingerprint of the client's certificate";
    RPL_AWAY = 301, "the user is away, with the message";
    RPL_USERHOST = 302, "the answer to USERHOST";
    RPL_ISON = 303, "the answer to ISON";
    RPL_UNAWAY = 305, "the client is no longer away";
    RPL_NOWAWAY = 306, "the client is away";
    RPL_WHOISREGNICK = 307, "WHOIS: the nickname is registered";
    RPL_WHOISUSER = 311, "WHOIS: user name, host and real name";
    RPL_WHOISSERVER = 312, "WHOIS: the server; also in WHOWAS";
    RPL_WHOISOPERATOR = 313, "WHOIS: is an operator";
    RPL_WHOWASUSER = 314, "WHOWAS: user name, host and real name";
    RPL_ENDOFWHO = 315, "end of WHO";
    RPL_WHOISIDLE = 317, "WHOIS: seconds idle, and since when";
    RPL_ENDOFWHOIS = 318, "end of WHOIS";
    RPL_WHOISCHANNELS = 319, "WHOIS: channels, with the prefixes of ranks";
    RPL_WHOISSPECIAL = 320, "WHOIS: anything else";
    RPL_LISTSTART = 321, "start of LIST";
    RPL_LIST = 322, "LIST: a channel, its members and topic";
    RPL_LISTEND = 323, "end of LIST";
    RPL_CHANNELMODEIS = 324, "the modes of a channel";
    RPL_UNIQOPIS = 325, "the founder of a channel";
    RPL_CHANNEL_URL = 328, "the URL of a channel's page";
    RPL_CREATIONTIME = 329, "when a channel was created, in seconds since 1970";
    RPL_WHOISACCOUNT = 330, "WHOIS: the account";
    RPL_NOTOPIC = 331, "a channel has no topic";
    RPL_TOPIC = 332, "the topic of a channel";
    RPL_TOPICWHOTIME = 333, "who set a topic and when, in seconds since 1970";
    RPL_WHOISBOT = 335, "WHOIS: is a bot (IRCv3 bot-mode)";
    RPL_INVITELIST = 336, "a channel that the client is invited to";
    RPL_ENDOFINVITELIST = 337, "end of the list of invitations";
    RPL_WHOISACTUALLY = 338, "WHOIS: the real host or address";
    RPL_INVITING = 341, "an invitation is on its way";
    RPL_INVEXLIST = 346, "who needs no invitation to a channel (RFC 2812 has RPL_INVITELIST here)";
    RPL_ENDOFINVEXLIST = 347, "end of the invite exceptions";
    RPL_EXCEPTLIST = 348, "an exception from the bans of a channel";
    RPL_ENDOFEXCEPTLIST = 349, "end of the exceptions";
    RPL_VERSION = 351, "the answer to VERSION";
    RPL_WHOREPLY = 352, "WHO: a user";
    RPL_NAMREPLY = 353, "NAMES: members of a channel";
    RPL_WHOSPCRPL = 354, "WHO reply with chosen fields (WHOX)";
    RPL_LINKS = 364, "LINKS: a server";
    RPL_ENDOFLINKS = 365, "end of LINKS";
    RPL_ENDOFNAMES = 366, "end of NAMES";
    RPL_BANLIST = 367, "a ban of a channel";
    RPL_ENDOFBANLIST = 368, "end of the bans";
    RPL_ENDOFWHOWAS = 369, "end of WHOWAS";
    RPL_INFO = 371, "the answer to INFO";
    RPL_MOTD = 372, "a line of the message of the day";
    RPL_ENDOFINFO = 374, "end of INFO";
    RPL_MOTDSTART = 375, "start of the message of the day";
    RPL_ENDOFMOTD = 376, "end of the message of the day";
    RPL_SPAM = 377, "more of the message of the day (AustHex)";
    RPL_YOUREOPER = 381, "the client is an operator of the server";
    RPL_TIME = 391, "the server's time";
    RPL_VISIBLEHOST = 396, "the host that others see of the client";
    ERR_NOSUCHNICK = 401, "there is no such nickname, or channel";
    ERR_NOSUCHSERVER = 402, "there is no such server";
    ERR_NOSUCHCHANNEL = 403, "there is no such channel";
    ERR_CANNOTSENDTOCHAN = 404, "the message was not sent to the channel";
    ERR_TOOMANYCHANNELS = 405, "the client is in too many channels";
    ERR_WASNOSUCHNICK = 406, "there was no such nickname";
    ERR_TOOMANYTARGETS = 407, "too many targets";
    ERR_NOSUCHSERVICE = 408, "there is no such service";
    ERR_INVALIDCAPCMD = 410, "an unknown subcommand of CAP";
    ERR_NORECIPIENT = 411, "a message without a recipient";
    ERR_NOTEXTTOSEND = 412, "a message without text";
    ERR_BADMASK = 415, "a wrong mask of servers or hosts";
    ERR_INPUTTOOLONG = 417, "the line was too long";
    ERR_UNKNOWNCOMMAND = 421, "there is no such command";
    ERR_NOMOTD = 422, "there is no message of the day";
    ERR_NONICKNAMEGIVEN = 431, "NICK without a nickname";
    ERR_ERRONEUSNICKNAME = 432, "not a valid nickname";
    ERR_NICKNAMEINUSE = 433, "the nickname is in use";
    ERR_BANNICKCHANGE = 435, "no other nickname while banned in a channel";
    ERR_NICKCOLLISION = 436, "the nickname is in use elsewhere on the network";
    ERR_UNAVAILRESOURCE = 437, "the nickname or channel is not available now";
    ERR_NICKTOOFAST = 438, "the nickname was changed too often (ircu)";
    ERR_TARGETTOOFAST = 439, "messages to too many targets (ircu)";
    ERR_USERNOTINCHANNEL = 441, "the user is not in that channel";
    ERR_NOTONCHANNEL = 442, "the client is not in that channel";
    ERR_USERONCHANNEL = 443, "the user is already in that channel";
    ERR_SUMMONDISABLED = 445, "there is no SUMMON";
    ERR_USERSDISABLED = 446, "there is no USERS";
    ERR_NONICKCHANGE = 447, "the nickname cannot be changed now (UnrealIRCd)";
    ERR_NOTREGISTERED = 451, "only after registration";
    ERR_NEEDMOREPARAMS = 461, "parameters are missing";
    ERR_ALREADYREGISTERED = 462, "only before registration";
    ERR_NOPERMFORHOST = 463, "the host may not connect";
    ERR_PASSWDMISMATCH = 464, "a wrong password";
    ERR_YOUREBANNEDCREEP = 465, "the client is banned from the server";
    ERR_YOUWILLBEBANNED = 466, "the client will be banned from the server";
    ERR_INVALIDUSERNAME = 468, "not a valid user name";
    ERR_LINKCHANNEL = 470, "the client is sent to another channel";
    ERR_CHANNELISFULL = 471, "the channel is full";
    ERR_UNKNOWNMODE = 472, "an unknown mode of channels";
    ERR_INVITEONLYCHAN = 473, "the channel is invite-only";
    ERR_BANNEDFROMCHAN = 474, "the client is banned from the channel";
    ERR_BADCHANNELKEY = 475, "the channel's key is missing or wrong";
    ERR_BADCHANMASK = 476, "not a valid name of a channel";
    ERR_NEEDREGGEDNICK = 477, "only for registered nicknames (RFC 2812 has ERR_NOCHANMODES here)";
    ERR_BANLISTFULL = 478, "the list of bans is full";
    ERR_NOPRIVILEGES = 481, "only for operators of the server";
    ERR_CHANOPRIVSNEEDED = 482, "only for operators of the channel";
    ERR_RESTRICTED = 484, "the connection is restricted";
    ERR_NONONREG = 486, "only users with a registered nickname may write to that user (UnrealIRCd)";
    ERR_NOOPERHOST = 491, "the client may not be an operator";
    ERR_UMODEUNKNOWNFLAG = 501, "an unknown mode of users";
    ERR_USERSDONTMATCH = 502, "modes can be changed only for oneself";
    ERR_HELPNOTFOUND = 524, "there is no help on that subject";
    ERR_INVALIDKEY = 525, "not a valid key of a channel";
    ERR_CANTSENDTOUSER = 531, "the message was not sent to the user (InspIRCd)";
    RPL_WHOISSECURE = 671, "WHOIS: is connected with TLS";
    ERR_INVALIDMODEPARAM = 696, "not a valid parameter of a mode";
    RPL_HELPSTART = 704, "start of HELP";
    RPL_HELPTXT = 705, "a line of HELP";
    RPL_ENDOFHELP = 706, "end of HELP";
    ERR_TARGCHANGE = 707, "messages to too many targets (charybdis)";
    ERR_TARGUMODEG = 716, "the recipient accepts messages only from users on its accept list";
    ERR_NOPRIVS = 723, "the operator lacks that privilege";
    RPL_QUIETLIST = 728, "a quiet of a channel (charybdis)";
    RPL_ENDOFQUIETLIST = 729, "end of the quiets";
    RPL_MONONLINE = 730, "MONITOR: these are online";
    RPL_MONOFFLINE = 731, "MONITOR: these are offline";
    RPL_MONLIST = 732, "MONITOR: the client's list";
    RPL_ENDOFMONLIST = 733, "MONITOR: end of the list";
    ERR_MONLISTFULL = 734, "MONITOR: the list is full";
    ERR_MLOCKRESTRICTED = 742, "services lock that mode";
    RPL_KEYVALUE = 761, "METADATA: a key's value";
    RPL_KEYNOTSET = 766, "METADATA: the key is not set";
    RPL_METADATASUBOK = 770, "METADATA: these keys are subscribed to";
    RPL_METADATAUNSUBOK = 771, "METADATA: these keys are not subscribed to";
    RPL_METADATASUBS = 772, "METADATA: the client's subscriptions";
    RPL_LOGGEDIN = 900, "the client is signed in to an account";
    RPL_LOGGEDOUT = 901, "the client is signed out";
    ERR_NICKLOCKED = 902, "the account cannot be used";
    RPL_SASLSUCCESS = 903, "SASL: done";
    ERR_SASLFAIL = 904, "SASL: failed";
    ERR_SASLTOOLONG = 905, "SASL: the message is too long";
    ERR_SASLABORTED = 906, "SASL: aborted";
    ERR_SASLALREADY = 907, "SASL: signed in already";
    RPL_SASLMECHS = 908, "SASL: the supported mechanisms";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_name() {
        assert!(TABLE.is_sorted_by(|(one, _), (other, _)| one < other));
        assert_eq!(RPL_WELCOME.name(), Some("RPL_WELCOME"));
        assert_eq!(RPL_SASLMECHS.name(), Some("RPL_SASLMECHS"));
        assert_eq!(Numeric(999).name(), None);
    }

    #[test]
    fn numerics_are_three_digits() {
        assert_eq!(Numeric::parse("001"), Some(RPL_WELCOME));
        assert_eq!(RPL_ISUPPORT.to_string(), "005");
        assert_eq!((ERR_NICKNAMEINUSE.class(), RPL_ISUPPORT.class()), (4, 0));
        for other in ["", "1", "0433", "+33", "43a", "PING", "４33"] {
            assert_eq!(Numeric::parse(other), None, "{other}");
        }
    }
}
