//! The lifecycle of the connection: attempts, delays, keep-alive, the end.

use std::time::Duration;

use irc_codec::Message;
use protocol::{Assignment, Backoff, Connection, ConnectionStatus};

use super::turned_away::{Away, turned_away};
use super::{Action, Link, Session, Wanted};
use crate::record::Record as _;

/// How long the server may take to close the connection after QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Shorter waits for our turn to connect are not reported.
const WORTH_TELLING: Duration = Duration::from_secs(2);

/// How long a connection must have lasted to count as stable.
const STABLE: Duration = Duration::from_secs(60);

/// The maximum delay after a refusal, as a multiple of the first.
const MOST_REFUSED_WAIT: u32 = 8;

/// The connection's phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Waiting for the next attempt.
    Offline { retry: Duration },
    /// The shell is connecting.
    Connecting,
    /// The server is deciding whether to admit us.
    Registering { deadline: Duration },
    /// Admitted.
    Online,
    /// QUIT was sent.
    Stopping { deadline: Duration },
    /// Ended.
    Ended,
}

impl Phase {
    /// The state reported to clients.
    pub(super) const fn status(self) -> ConnectionStatus {
        match self {
            Self::Connecting | Self::Registering { .. } => ConnectionStatus::Connecting,
            Self::Online => ConnectionStatus::Online,
            Self::Offline { .. } | Self::Stopping { .. } | Self::Ended => ConnectionStatus::Offline,
        }
    }
}

impl Session {
    pub(super) fn is_online(&self) -> bool {
        self.phase == Phase::Online
    }

    pub(super) const fn is_connected(&self) -> bool {
        matches!(
            self.phase,
            Phase::Registering { .. } | Phase::Online | Phase::Stopping { .. }
        )
    }

    pub(super) fn connection_due(&self) -> Option<Duration> {
        match self.phase {
            Phase::Offline { retry } => Some(retry),
            // Some servers do not send the end of the welcome.
            Phase::Registering { deadline } if self.link.welcomed => {
                Some(deadline.min(self.link.heard + self.settings.welcome_wait))
            }
            Phase::Registering { deadline } | Phase::Stopping { deadline } => Some(deadline),
            Phase::Online => Some(match self.link.pinged {
                Some(at) => at + self.settings.ping_timeout,
                None => self.link.heard + self.settings.ping_after,
            }),
            Phase::Connecting | Phase::Ended => None,
        }
    }

    pub(super) fn connection_timeout(&mut self) {
        if self
            .connection_due()
            .is_none_or(|due| due > self.now.elapsed)
        {
            return;
        }
        match self.phase {
            Phase::Offline { .. } => self.connect(),
            Phase::Registering { .. } if self.link.welcomed => self.go_online(),
            Phase::Registering { .. } => {
                let sentence = format!("{} did not let us in in time.", self.server());
                self.drop_connection(&sentence);
            }
            Phase::Online if self.link.pinged.is_some() => {
                let sentence = format!("{} stopped answering.", self.server());
                self.drop_connection(&sentence);
            }
            Phase::Online => {
                self.link.pinged = Some(self.now.elapsed);
                let token = format!("{:x}", self.now.elapsed.as_millis());
                self.send_now(&Message::new("PING", [token]));
            }
            Phase::Stopping { .. } => {
                self.actions.push_back(Action::Disconnect);
                self.end();
            }
            Phase::Connecting | Phase::Ended => {}
        }
    }

    fn connect(&mut self) {
        let connection = &self.assignment.connection;
        let (port, secure) = self.way();
        let host = connection.host().to_owned();
        let certificate = connection.certificate();
        let (family, proxy) = (connection.family(), connection.proxy().map(str::to_owned));
        let identified = secure && connection.client_certificate();
        self.phase = Phase::Connecting;
        self.refused_certificate = None;
        self.set_status(format!("Connecting to {host}, port {port}."));
        self.actions.push_back(Action::Connect {
            host,
            port,
            secure,
            certificate,
            identified,
            family,
            proxy,
        });
    }

    /// Reports why the attempt does not start immediately.
    pub(super) fn queued(&mut self, wait: Duration) {
        if self.phase == Phase::Connecting && wait >= WORTH_TELLING {
            let host = self.assignment.connection.host();
            let wait = in_words(wait);
            self.set_status(format!(
                "Connecting to {host} in about {wait}: others here are connecting to it too, and networks treat a burst of connections as an attack."
            ));
        }
    }

    pub(super) fn connected(&mut self) {
        if self.phase != Phase::Connecting {
            self.actions.push_back(Action::Disconnect);
            return;
        }
        self.phase = Phase::Registering {
            deadline: self.now.elapsed + self.settings.registration_timeout,
        };
        self.link = Link {
            nick: self.assignment.connection.nick.clone(),
            heard: self.now.elapsed,
            secure: self.way().1,
            ..Link::default()
        };
        self.reported.clear();
        self.outbox.reset(self.now.elapsed);
        self.register();
    }

    pub(super) fn lost(&mut self, reason: &str) {
        match self.phase {
            Phase::Ended => {}
            Phase::Stopping { .. } => self.end(),
            _ => {
                let closing = self.link.closing_reason.as_deref();
                let away = closing.and_then(turned_away);
                let sentence = match (closing, &self.link.last_words) {
                    (Some(text), _) => {
                        let what = match away {
                            Some(Away::Banned) => "has banned this connection",
                            Some(Away::Throttled) => "takes no more connections from here for now",
                            None => "closed the connection",
                        };
                        format!("{} {what}: {text}", self.server())
                    }
                    (None, Some(text)) if !self.link.welcomed => {
                        format!("{reason} Its last message was: {text}")
                    }
                    _ => reason.to_owned(),
                };
                if self.is_online() && self.now.elapsed >= self.link.online_since + STABLE {
                    self.failures = 0;
                }
                let wait = match away {
                    Some(Away::Banned) => self.refused_wait(),
                    Some(Away::Throttled) => self.throttled_wait(),
                    None => self.backoff(),
                };
                self.failures = self.failures.saturating_add(1);
                self.go_offline(&sentence, wait);
            }
        }
    }

    /// Closes the connection from our side and retries later.
    pub(super) fn drop_connection(&mut self, sentence: &str) {
        self.actions.push_back(Action::Disconnect);
        self.lost(sentence);
    }

    /// Closes the connection ourselves, and makes another one at once.
    pub(super) fn go_elsewhere(&mut self, sentence: &str) {
        self.actions.push_back(Action::Disconnect);
        self.go_offline(sentence, Duration::ZERO);
    }

    /// The server refuses us for a reason that trying again soon will not change.
    pub(super) fn refused(&mut self, sentence: &str) {
        self.actions.push_back(Action::Disconnect);
        let wait = self.refused_wait();
        self.go_offline(sentence, wait);
    }

    /// The delay after a refusal: it doubles each time.
    pub(super) fn refused_wait(&mut self) -> Duration {
        let first = self.settings.refused_wait;
        let wait = Backoff::new(first, first * MOST_REFUSED_WAIT).after(self.refusals);
        self.refusals = self.refusals.saturating_add(1);
        wait + self.random.up_to(self.settings.reconnect_jitter)
    }

    /// The delay after the server had too many connections of ours: it doubles each time.
    fn throttled_wait(&mut self) -> Duration {
        let (first, longest) = (self.settings.throttled_wait, self.settings.refused_wait);
        let wait = Backoff::new(first, longest).after(self.failures);
        wait + self.random.up_to(self.settings.reconnect_jitter)
    }

    fn go_offline(&mut self, sentence: &str, wait: Duration) {
        self.renew_policy();
        self.tell_netsplits();
        self.phase = Phase::Offline {
            retry: self.now.elapsed + wait,
        };
        self.link = Link {
            nick: self.assignment.connection.nick.clone(),
            ..Link::default()
        };
        self.outbox.reset(self.now.elapsed);
        self.history.interrupted();
        self.fail_all(sentence);
        let sentence = sentence.trim_end_matches('.');
        self.set_status(match self.refused_certificate {
            // People compare it as long as that takes: there is no time to say.
            Some(_) => format!("{sentence}."),
            None => format!("{sentence}. Next attempt in {}.", in_words(wait)),
        });
    }

    /// The delay before the next attempt to connect: it doubles, and the random addition is at most as long again.
    fn backoff(&mut self) -> Duration {
        let (first, longest) = (self.settings.reconnect_min, self.settings.reconnect_max);
        let wait = Backoff::new(first, longest).after(self.failures);
        wait + self.random.up_to(self.settings.reconnect_jitter.min(wait))
    }

    pub(super) fn stop(&mut self, reason: &str) {
        match self.phase {
            Phase::Ended | Phase::Stopping { .. } => {}
            Phase::Registering { .. } | Phase::Online => {
                self.fail_all("The connection was ended.");
                self.renew_policy();
                self.outbox.reset(self.now.elapsed);
                self.send_now(&Message::new("QUIT", [reason]));
                self.phase = Phase::Stopping {
                    deadline: self.now.elapsed + QUIT_TIMEOUT,
                };
                self.set_status("The connection is being ended.".to_owned());
            }
            Phase::Connecting | Phase::Offline { .. } => {
                self.fail_all("The connection was ended.");
                self.actions.push_back(Action::Disconnect);
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.set_status("The connection was ended.".to_owned());
        self.actions.push_back(Action::Ended);
    }

    /// The record changed. Channels are compared with the previous record, not with those we are in: channels joined
    /// since may not be in the record yet.
    pub(super) fn reassign(&mut self, assignment: Assignment) {
        if !assignment.connection.enabled {
            self.stop("Switched off");
            return;
        }
        let before = std::mem::replace(&mut self.assignment, assignment);
        let after = &self.assignment.connection;
        let identity = |c: &Connection| {
            (
                c.host().to_owned(),
                c.port(),
                c.secure(),
                c.certificate(),
                c.server.clone(),
                c.text("username").map(str::to_owned),
                c.text("realname").map(str::to_owned),
                c.sasl(),
                (
                    c.client_certificate(),
                    c.family(),
                    c.proxy().map(str::to_owned),
                ),
                c.password.clone(),
                c.server_password().map(str::to_owned),
            )
        };
        let moved = identity(&before.connection) != identity(after);
        let names = |c: &Connection| -> Vec<Wanted> {
            c.channels.iter().map(|text| Wanted::parse(text)).collect()
        };
        let (old, new) = (names(&before.connection), names(after));
        let nick = after.nick.clone();
        for gone in &old {
            if !new.iter().any(|w| self.same(&w.name, &gone.name)) {
                self.forget_wanted(&gone.name);
                if self.channel(&gone.name).is_some() {
                    self.outbox
                        .push_background(Message::new("PART", [&gone.name]).to_string());
                }
            }
        }
        let mut come = Vec::new();
        for wanted in new {
            if !old.iter().any(|w| self.same(&w.name, &wanted.name)) {
                come.push(wanted.clone());
                self.forget_wanted(&wanted.name);
                self.wanted.push(wanted);
            }
        }
        if moved {
            self.failures = 0;
            self.refusals = 0;
            self.keys = None;
            self.sts = None;
            let quiet = matches!(self.phase, Phase::Offline { .. });
            if !quiet && self.is_connected() {
                self.send_now(&Message::new("QUIT", ["Settings changed"]));
            }
            self.go_elsewhere("The settings changed");
        } else if self.is_online() {
            self.join_all(&come);
            if self.link.held && self.assignment.connection.without_account() {
                self.join_waiting();
                self.report_online();
            }
            if nick != self.link.nick {
                self.send_later(&Message::new("NICK", [nick]));
            }
        } else if let Phase::Offline { .. } = self.phase {
            self.phase = Phase::Offline {
                retry: self.now.elapsed,
            };
        }
    }

    /// Registration is complete, and the server has announced what it supports.
    pub(super) fn go_online(&mut self) {
        self.phase = Phase::Online;
        self.link.online_since = self.now.elapsed;
        self.refusals = 0;
        self.outbox
            .set_paced(!self.link.isupport.has("soju.im/SAFERATE"));
        let without = self.lacks_sign_in();
        self.link.held = without && !self.assignment.connection.without_account();
        self.schedule_sign_in_check();
        self.report_online();
        self.attached_online();
        if without {
            let why = match &self.link.refusal {
                Some(why) => why.trim_end_matches('.').to_owned(),
                None => format!("{} offers no sign-in at the moment", self.server()),
            };
            let sentence = if self.link.held {
                format!(
                    "{why}: you're connected without your account there. Your channels are joined once you're signed in. Join one yourself to continue without signing in."
                )
            } else {
                format!("{why}: you're connected without your account there.")
            };
            self.trouble(None, &sentence);
        }
        self.announce_motd();
        self.check_encoding();
        self.send_commands();
        let pending = self.pending_joins();
        // Whether to join without signing in is for the user to decide.
        let mut wanted = if self.link.held {
            Vec::new()
        } else {
            self.wanted.clone()
        };
        for join in pending {
            if !wanted.iter().any(|w| self.same(&w.name, &join.name)) {
                wanted.push(join);
            }
        }
        self.join_all(&wanted);
        self.add_certificate();
        self.away_on_entry();
        self.schedule_regain();
        self.ask_targets();
    }

    /// Reports the nickname we are connected with, and what is missing.
    pub(super) fn report_online(&mut self) {
        let mut sentence = format!("Connected to {} as {}.", self.server(), self.link.nick);
        if self.link.held {
            match &self.link.refusal {
                Some(why) => sentence.push_str(&format!(
                    " {why} Your channels are joined once you're signed in."
                )),
                None => sentence
                    .push_str(" It offers no sign-in, and your channels are waiting for that."),
            }
        }
        if self.regain_ended() {
            let nick = &self.assignment.connection.nick;
            sentence.push_str(&format!(
                " The network took the nickname {nick} away: sign in there to get it back."
            ));
        }
        self.set_status(sentence);
    }
}

fn in_words(wait: Duration) -> String {
    match wait.as_secs() {
        0 | 1 => "a second".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
