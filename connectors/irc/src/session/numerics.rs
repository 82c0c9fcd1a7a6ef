//! Numerics: answers and errors, and what they mean in words.

use irc_codec::Message;

use super::Session;

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
            "900" | "901" => {}
            "903" | "907" => self.signed_in(),
            "902" | "904" | "905" | "906" => self.sign_in_failed(&text),
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
            "322" => self.list_line(message),
            "323" => self.list_end(),
            "331" => self.topic_told(message.param(1), ""),
            "332" => self.topic_told(message.param(1), &text),
            "333" => self.topic_setter(message),
            "341" => self.invite_confirmed(message),
            "352" | "354" => self.who_line(numeric, message),
            "353" => self.names_line(message),
            "366" => self.names_end(message),
            "470" => self.join_forwarded(message),
            _ if numeric.starts_with(['4', '5']) || numeric == "263" => {
                self.request_failed(numeric, message);
            }
            _ => {}
        }
    }

    /// An error in words: what, with which input, what to do.
    pub(super) fn sentence(&self, numeric: &str, message: &Message, text: &str) -> String {
        let server = self.server();
        let about = message.param(1);
        let said = text.trim_end_matches('.');
        match numeric {
            "401" | "402" | "406" => {
                format!("There is nobody called {about} on {server} at the moment.")
            }
            "403" => format!("There is no channel {about} on {server}."),
            "404" => format!("{server} does not let you speak in {about}: {said}."),
            "405" => format!("You are in too many channels to join {about}; leave one first."),
            "432" => format!("{server} does not accept {about} as a nickname: {said}."),
            "433" | "436" => format!("The nickname {about} is in use; choose another."),
            "437" => format!("{about} is not available at the moment; try again later."),
            "441" => format!("{about} is not in {}.", message.param(2)),
            "442" => format!("You are not in {about}; join it first."),
            "443" => format!("{about} is already in {}.", message.param(2)),
            "471" => format!("{about} is full."),
            "473" => format!("{about} can be joined by invitation only."),
            "474" => format!("You are banned from {about}."),
            "475" => format!("{about} needs a key, and the one given is not right."),
            "477" => format!("{about} is for registered nicknames only; sign in first."),
            "482" => format!("Only operators of {about} may do that."),
            _ if said.is_empty() => format!("{server} refused it (numeric {numeric})."),
            _ if about == text => format!("{server}: {said}."),
            _ => format!("{server} about {about}: {said}."),
        }
    }
}
