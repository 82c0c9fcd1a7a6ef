//! The welcome, and what the network supports.

use gateway::NetworkState;
use irc_codec::{MAX_BODY, numeric};
use protocol::Feature;

use super::Session;
use super::network::Network;
use super::range::MAX_MESSAGES;
use super::relations::denied;

impl Session {
    /// The client uses no network: it can list them, and add one.
    pub(super) fn welcome_unbound(&mut self) {
        self.registration = None;
        let tokens = self.tokens(None);
        self.greet("the bouncer of Subspace", &tokens);
        if !self.caps.has("soju.im/bouncer-networks") {
            let choices = self.choices();
            self.notice(&format!("You are connected to no network; {choices}."));
        }
    }

    pub(super) fn attached(&mut self, outcome: Result<NetworkState, String>) {
        let state = match outcome {
            Ok(state) => state,
            Err(error) => return self.close(&error),
        };
        self.registration = None;
        self.nick.clone_from(&state.nick);
        let network = Network::new(&state);
        let (name, tokens) = (network.name.clone(), self.tokens(Some(&network)));
        self.network = Some(network);
        self.greet(&name, &tokens);
    }

    fn greet(&mut self, network: &str, tokens: &[String]) {
        let nick = self.nick.clone();
        let version = concat!("subspace-bouncer-", env!("CARGO_PKG_VERSION"));
        let name = self.name.clone();
        let welcome = format!("Welcome to {network}, {nick}");
        self.reply(numeric::RPL_WELCOME, [welcome.as_str()]);
        let host = format!("Your host is {name}, running {version}");
        self.reply(numeric::RPL_YOURHOST, [host.as_str()]);
        let kept = "Your connections are kept when you close this client";
        self.reply(numeric::RPL_CREATED, [kept]);
        self.reply(numeric::RPL_MYINFO, [name.as_str(), version, "i", "hov"]);
        self.support(tokens);
        self.reply(numeric::ERR_NOMOTD, ["There is no message of the day"]);
    }

    /// RPL_ISUPPORT, at most 13 tokens a line, and as many as it takes.
    pub(super) fn support(&mut self, tokens: &[String]) {
        let text = "are supported by this server";
        let around = format!(
            ":{} {} {} :{text}\r\n",
            self.name,
            numeric::RPL_ISUPPORT,
            self.nick
        )
        .len();
        let mut rest = tokens;
        while !rest.is_empty() {
            let mut room = MAX_BODY.saturating_sub(around);
            let fits = |token: &&String| {
                let before = room;
                room = room.saturating_sub(token.len() + 1);
                before > token.len()
            };
            let count = rest.iter().take(13).take_while(fits).count().max(1);
            let (line, after) = rest.split_at(count);
            let params = line.iter().map(String::as_str).chain([text]);
            self.reply(numeric::RPL_ISUPPORT, params);
            rest = after;
        }
    }

    /// The network says what of the messages' relations it carries.
    pub(super) fn supports_now(&mut self, supports: Option<&[Feature]>) {
        let Some(network) = &mut self.network else {
            return;
        };
        let token = denied(supports);
        let before = denied(network.supports.as_deref());
        network.supports = supports.map(<[Feature]>::to_vec);
        if token != before {
            self.support(&[token]);
        }
    }

    pub(super) fn tokens(&self, network: Option<&Network>) -> Vec<String> {
        let mut tokens = vec![
            "UTF8ONLY".to_owned(),
            format!("CHATHISTORY={MAX_MESSAGES}"),
            "MSGREFTYPES=timestamp,msgid".to_owned(),
            denied(network.and_then(|network| network.supports.as_deref())),
        ];
        match network {
            None => {
                tokens.push("NETWORK=Subspace".to_owned());
            }
            Some(network) => {
                let name = network.name.replace(|c: char| !c.is_ascii_graphic(), "-");
                tokens.push(format!("NETWORK={}", name.replace(['=', '\\'], "-")));
                tokens.push(format!("BOUNCER_NETID={}", network.id));
                tokens.push(format!("CHANTYPES={}", network.conversations.channels));
                tokens.push(format!("CASEMAPPING={}", network.folding.token()));
                tokens.push("PREFIX=(ohv)@%+".to_owned());
                tokens.push("CHANMODES=b,k,l,imnst".to_owned());
                tokens.push("MODES=1".to_owned());
                if !network.conversations.parts.is_empty() {
                    tokens.push("STATUSMSG=@%+".to_owned());
                }
                tokens.push("TARGMAX=PRIVMSG:4,NOTICE:4,JOIN:,PART:,KICK:1".to_owned());
            }
        }
        tokens
    }
}
