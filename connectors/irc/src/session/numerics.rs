//! Numerics: answers and errors, and what they mean in words.

use irc_codec::Message;

use super::Session;
use super::people::source_of;

/// Numerics that are no errors by their number, but are by what they say: too many targets changed (707), callers
/// are screened (716), no such privilege (723), a mode that services keep as it is (742).
const OTHER_ERRORS: &[&str] = &["263", "707", "716", "723", "742"];

/// What servers tell unasked at the entry to every client or to every channel, and ends of lists: nobody waits for it.
const QUIET: &[&str] = &[
    "002", "003", "004", "008", "010", "020", "042", "221", "250", "251", "252", "253", "254",
    "255", "265", "266", "315", "328", "329", "375",
];

impl Session {
    pub(super) fn numeric(&mut self, numeric: &str, message: &Message) {
        let text = message.params.last().map_or("", String::as_str).to_owned();
        match numeric {
            "001" => self.welcome(message),
            "005" => self.isupport(message),
            "372" | "377" => self.motd(message),
            "376" | "422" => self.motd_end(),
            "396" => {
                let host = message.param(1);
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                self.link.host = Some(host.to_owned());
            }
            "900" => self.logged_in(message),
            "901" => {
                self.logged_out();
                self.announce_numeric(message);
            }
            "903" | "907" => self.signed_in(),
            "902" | "904" | "905" | "906" => self.sign_in_failed(&text),
            // The mechanisms that there are: 904 follows.
            "908" => {}
            "464" | "463" | "465" | "466" if self.registering() => {
                self.refused_entry(numeric, &text);
            }
            "305" | "306" => self.away_confirmed(numeric == "306"),
            "301" => self.told_away(message),
            "311" | "312" | "313" | "317" | "319" | "330" | "338" | "671" | "335" | "276"
            | "307" => {
                self.whois_line(numeric, message);
            }
            "318" => self.whois_end(message),
            // The start of a list.
            "321" => {}
            "322" => self.list_line(message),
            "323" => self.list_end(),
            "324" => self.channel_modes_told(message),
            "331" => self.topic_told(message.param(1), ""),
            "332" => self.topic_told(message.param(1), &text),
            "333" => self.topic_setter(message),
            "341" => self.invite_confirmed(message),
            "352" | "354" => self.who_line(numeric, message),
            "353" => self.names_line(message),
            "366" => self.names_end(message),
            "470" => self.join_forwarded(message),
            _ if is_error(numeric) => self.request_failed(numeric, message),
            _ if QUIET.contains(&numeric) => {}
            // A server may tell more of a person than is known here.
            _ if self.asks_about(message.param(1)) => {}
            _ => self.announce_numeric(message),
        }
    }

    /// Shows what a server says by a number that means nothing here.
    pub(super) fn announce_numeric(&mut self, message: &Message) {
        let said: Vec<&str> = message.params.iter().skip(1).map(String::as_str).collect();
        let said = said.join(" ");
        if !said.trim().is_empty() {
            self.announce(message, said);
        }
    }

    /// WALLOPS: to everybody who wants to hear it, from an operator or a server.
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
    pub(super) fn sentence(&self, numeric: &str, message: &Message, text: &str) -> String {
        let server = self.server();
        let said = text.trim_end_matches('.');
        // The text alone names nothing, and some servers leave out one of two names.
        let count = message.params.len();
        let about = if count > 2 { message.param(1) } else { "" };
        let second = if count > 3 { message.param(2) } else { "" };
        let channel = |name: &str| self.link.isupport.is_channel(name);
        match numeric {
            _ if about.is_empty() && said.is_empty() => {
                format!("{server} refused it (numeric {numeric}).")
            }
            _ if about.is_empty() => format!("{server}: {said}."),
            "401" | "402" | "406" => {
                format!("There is nobody called {about} on {server} at the moment.")
            }
            "403" => format!("There is no channel {about} on {server}."),
            "404" => format!("{server} does not let you speak in {about}: {said}."),
            "405" => format!("You are in too many channels to join {about}; leave one first."),
            "432" => format!("{server} does not accept {about} as a nickname: {said}."),
            "433" | "436" => format!("The nickname {about} is in use; choose another."),
            "437" => format!("{about} is not available at the moment; try again later."),
            "441" if !second.is_empty() => format!("{about} is not in {second}."),
            "441" if channel(about) => format!("That person is not in {about}."),
            "442" => format!("You are not in {about}; join it first."),
            "443" if !second.is_empty() => format!("{about} is already in {second}."),
            "443" if channel(about) => format!("That person is already in {about}."),
            "443" => format!("{about} is already in the channel."),
            "471" => format!("{about} is full."),
            "473" => format!("{about} can be joined by invitation only."),
            "474" => format!("You are banned from {about}."),
            "475" => format!("{about} needs a key, and the one given is not right."),
            "477" => format!("{about} is for registered nicknames only; sign in first."),
            "482" => format!("Only operators of {about} may do that."),
            _ if said.is_empty() => {
                format!("{server} refused it (numeric {numeric}, about {about}).")
            }
            _ => format!("{server} about {about}: {said}."),
        }
    }
}

/// Whether a numeric refuses something: 4xx and 5xx do (RFC 2812), and most of what servers of our days number 9xx.
fn is_error(numeric: &str) -> bool {
    numeric.starts_with(['4', '5', '9']) || OTHER_ERRORS.contains(&numeric)
}
