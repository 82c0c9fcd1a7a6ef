//! STATS and TRACE (RFC 2812, sections 3.4.4 and 3.4.8).

use irc_codec::{Message, numeric};

use super::client::UserId;
use super::reply::Reply;
use super::welcome::VERSION;
use super::{ClientId, Server, names};

const LETTERS: &str = "There are u (uptime), m (commands), o (operators), and for administrators l (connections) and k (bans)";

impl Server {
    pub(super) fn on_stats(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let letter = message.param(0).chars().next().unwrap_or('*');
        let replies = match letter {
            'u' => self.uptime(),
            'm' | 'M' => self.command_counts(),
            'o' | 'O' => self.operators(),
            'l' | 'L' | 'k' | 'K' => {
                if !self.check_administrator(id, user_id) {
                    return;
                }
                if matches!(letter, 'l' | 'L') {
                    self.connections()
                } else {
                    self.network_bans()
                }
            }
            _ => {
                self.tell(id, [LETTERS.to_owned()]);
                Vec::new()
            }
        };
        for reply in replies {
            self.reply(id, reply);
        }
        let letter = if letter.is_alphanumeric() {
            letter
        } else {
            '*'
        };
        let end = [letter.to_string(), "End of STATS".to_owned()];
        self.reply(id, Reply::new(numeric::RPL_ENDOFSTATS, end));
    }

    fn uptime(&self) -> Vec<Reply> {
        let seconds = (self.now.wall.millis() - self.started.millis()).max(0) / 1000;
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
        let text = format!("Server Up {days} days {hours}:{minutes:02}:{seconds:02}");
        vec![Reply::new(numeric::RPL_STATSUPTIME, [text])]
    }

    fn command_counts(&self) -> Vec<Reply> {
        let counts = self.used.iter();
        counts
            .map(|(name, count)| {
                let params = [(*name).to_owned(), count.to_string()];
                Reply::new(numeric::RPL_STATSCOMMANDS, params)
            })
            .collect()
    }

    /// The accounts that the configuration names, and the administrators who are connected.
    fn operators(&self) -> Vec<Reply> {
        let online = self.users.iter();
        let online = online
            .filter(|&(&id, _)| self.is_administrator(id))
            .filter_map(|(_, user)| user.account.clone());
        let all: std::collections::BTreeSet<_> = self
            .config
            .operators
            .iter()
            .cloned()
            .chain(online)
            .collect();
        all.into_iter()
            .map(|account| {
                let params =
                    ["O", &format!("*@user/{account}"), "*", account.as_str()].map(str::to_owned);
                Reply::new(numeric::RPL_STATSOLINE, params)
            })
            .collect()
    }

    fn connections(&self) -> Vec<Reply> {
        let mut ids: Vec<&ClientId> = self.clients.keys().collect();
        ids.sort_unstable();
        ids.into_iter()
            .filter_map(|id| Some((id, self.clients.get(id)?)))
            .map(|(&id, client)| {
                let name = self.name_for(id);
                let open = self.now.ticks.saturating_sub(client.since) / 1000;
                let address = client.peer.address;
                // What was sent is not counted for each connection.
                let numbers = ["0", "0", "0", &client.lines.to_string(), "0"].map(str::to_owned);
                let params = [format!("{name}[{address}]")]
                    .into_iter()
                    .chain(numbers)
                    .chain([open.to_string()]);
                Reply::new(numeric::RPL_STATSLINKINFO, params)
            })
            .collect()
    }

    fn network_bans(&self) -> Vec<Reply> {
        let now = self.now.wall;
        let bans = self.bans.all();
        bans.filter(|ban| ban.until.is_none_or(|until| until > now))
            .map(|ban| {
                let until = ban
                    .until
                    .map_or_else(|| "*".to_owned(), |until| until.to_string());
                let address = ban.mask.parse::<program::AddressRange>().is_ok();
                let (code, letter) = if address {
                    (numeric::RPL_STATSDLINE, "D")
                } else {
                    (numeric::RPL_STATSKLINE, "K")
                };
                let params = [letter, &ban.mask, &until, &ban.by, &ban.reason].map(str::to_owned);
                Reply::new(code, params)
            })
            .collect()
    }

    /// Administrators see every user, others themselves.
    pub(super) fn on_trace(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let all = self.is_administrator(user_id);
        let wanted = self.nicks.get(&names::fold(message.param(0))).copied();
        let mut users: Vec<UserId> = self.users.keys().copied().collect();
        users.sort_unstable();
        users.retain(|&other| {
            (all || other == user_id) && wanted.is_none_or(|wanted| wanted == other)
        });
        let replies: Vec<Reply> = users
            .into_iter()
            .filter_map(|user| Some((user, self.users.get(&user)?)))
            .map(|(other, user)| {
                let (code, word) = if self.is_administrator(other) {
                    (numeric::RPL_TRACEOPERATOR, "Oper")
                } else {
                    (numeric::RPL_TRACEUSER, "User")
                };
                let class = if user.account.is_some() {
                    "member"
                } else {
                    "guest"
                };
                let params = [word, class, &user.source().to_string()].map(str::to_owned);
                Reply::new(code, params)
            })
            .collect();
        for reply in replies {
            self.reply(id, reply);
        }
        let name = self.config.name.clone();
        let end = [name.as_str(), VERSION, "End of TRACE"].map(str::to_owned);
        self.reply(id, Reply::new(numeric::RPL_TRACEEND, end));
    }
}
