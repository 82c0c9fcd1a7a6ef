//! MONITOR: notification when nicknames come and go (<https://ircv3.net/specs/extensions/monitor>).

use std::collections::BTreeSet;

use irc_codec::{Message, Numeric, numeric};
use protocol::FoldedName;

use super::caps::Caps;
use super::client::UserId;
use super::reply::Reply;
use super::{ClientId, Server, names};

/// Bytes of nicknames per line.
const WIDTH: usize = 300;

impl Server {
    pub(super) fn on_monitor(&mut self, id: ClientId, message: &Message) {
        let nicks: Vec<&str> = message
            .param(1)
            .split(',')
            .filter(|nick| !nick.is_empty())
            .collect();
        match message.param(0) {
            "+" => self.monitor(id, &nicks),
            "-" => {
                for nick in nicks {
                    let folded = names::fold(nick);
                    if self
                        .clients
                        .get_mut(&id)
                        .is_some_and(|client| client.monitor.remove(&folded).is_some())
                    {
                        self.unmonitor(id, &folded);
                    }
                }
            }
            "C" | "c" => {
                let all = self
                    .clients
                    .get_mut(&id)
                    .map(|client| std::mem::take(&mut client.monitor));
                for nick in all.unwrap_or_default().keys() {
                    self.unmonitor(id, nick);
                }
            }
            "L" | "l" => {
                let all: Vec<String> = self.monitor_list(id);
                self.send_lists(id, numeric::RPL_MONLIST, &all);
                self.reply(
                    id,
                    Reply::new(numeric::RPL_ENDOFMONLIST, ["End of MONITOR list"]),
                );
            }
            "S" | "s" => {
                let all = self.monitor_list(id);
                self.send_status(id, &all);
            }
            _ => self.needs_more(id, "MONITOR"),
        }
    }

    fn monitor(&mut self, id: ClientId, nicks: &[&str]) {
        let most = self.config.limits.monitor;
        let (mut added, mut refused) = (Vec::new(), Vec::new());
        for nick in nicks {
            if !names::is_nick(nick, self.config.limits.nick) {
                continue;
            }
            let Some(client) = self.clients.get_mut(&id) else {
                return;
            };
            let folded = names::fold(nick);
            if client.monitor.len() >= most && !client.monitor.contains_key(&folded) {
                refused.push(*nick);
                continue;
            }
            let spelled = client.monitor.entry(folded.clone());
            spelled.or_insert_with(|| (*nick).to_owned());
            self.monitored.entry(folded).or_default().insert(id);
            added.push((*nick).to_owned());
        }
        if !refused.is_empty() {
            let text = format!("Your monitor list is full: the maximum is {most}");
            let params = [most.to_string(), refused.join(","), text];
            self.reply(id, Reply::new(numeric::ERR_MONLISTFULL, params));
        }
        self.send_status(id, &added);
    }

    /// The nicknames that a client monitors, as it spelled them.
    fn monitor_list(&self, id: ClientId) -> Vec<String> {
        self.clients.get(&id).map_or_else(Vec::new, |client| {
            client.monitor.values().cloned().collect()
        })
    }

    fn send_status(&mut self, id: ClientId, nicks: &[String]) {
        let (online, offline): (Vec<String>, Vec<String>) = nicks
            .iter()
            .cloned()
            .partition(|nick| self.nicks.contains_key(&names::fold(nick)));
        let online: Vec<String> = online
            .iter()
            .filter_map(|nick| self.users.get(self.nicks.get(&names::fold(nick))?))
            .map(|user| user.source().to_string())
            .collect();
        self.send_lists(id, numeric::RPL_MONONLINE, &online);
        self.send_lists(id, numeric::RPL_MONOFFLINE, &offline);
    }

    fn send_lists(&mut self, id: ClientId, code: Numeric, names: &[String]) {
        let mut line = String::new();
        for name in names {
            if !line.is_empty() && line.len() + name.len() >= WIDTH {
                self.reply(id, Reply::new(code, [std::mem::take(&mut line)]));
            }
            if !line.is_empty() {
                line.push(',');
            }
            line.push_str(name);
        }
        if !line.is_empty() {
            self.reply(id, Reply::new(code, [line]));
        }
    }

    /// Notifies those who monitor a nickname that it came or went.
    pub(super) fn notify_monitors(&mut self, nick: &str, online: bool) {
        let folded = names::fold(nick);
        let clients: BTreeSet<ClientId> = self.monitored.get(&folded).cloned().unwrap_or_default();
        let shown = self
            .nicks
            .get(&folded)
            .and_then(|user| self.users.get(user))
            .map_or_else(|| nick.to_owned(), |user| user.source().to_string());
        for client in clients {
            let reply = if online {
                Reply::new(numeric::RPL_MONONLINE, [shown.as_str()])
            } else {
                Reply::new(numeric::RPL_MONOFFLINE, [nick])
            };
            self.reply(client, reply);
        }
    }

    /// Returns who is notified about changes of a user: everyone who shares a channel, and everyone who monitors the
    /// nickname and has extended-monitor (<https://ircv3.net/specs/extensions/extended-monitor>); not the user's own
    /// sessions.
    pub(super) fn watchers(&self, user_id: UserId) -> BTreeSet<ClientId> {
        let mut all = self.neighbours(user_id);
        let Some(user) = self.users.get(&user_id) else {
            return all;
        };
        let monitoring = self.monitored.get(&names::fold(&user.nick));
        let monitoring = monitoring.into_iter().flatten().copied();
        all.extend(self.with_cap(monitoring, Caps::EXTENDED_MONITOR));
        for session in &user.sessions {
            all.remove(session);
        }
        all
    }

    pub(super) fn unmonitor(&mut self, id: ClientId, folded: &FoldedName) {
        if let Some(clients) = self.monitored.get_mut(folded) {
            clients.remove(&id);
            if clients.is_empty() {
                self.monitored.remove(folded);
            }
        }
    }
}
