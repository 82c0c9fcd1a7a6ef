//! A client of the bouncer: its lines, the answers to what it asks for, and activities of the network.
//!
//! A line of the input that begins with `{` is an activity of the network; one that begins with `>` lets time pass, `-` ends networks;
//! everything else is said by the client.

use std::time::Duration;

use bouncer::session::{Input, Login, Now, Output, Refused, Session};
use gateway::{NetworkState, News};
use protocol::{AccountName, Activity, ConnectionStatus, Folding, PlatformDescriptor, Timestamp};
use serde_json::json;

use crate::script;

const START: i64 = 1_800_000_000_000;
/// Orders that one input may cause, each of which is answered with another input.
const MOST_ORDERS: usize = 1_000;

pub(crate) fn run(input: &[u8]) {
    let mut client = Client::new();
    for line in script::lines(input) {
        match line.first() {
            Some(b'{') => {
                if let Ok(activity) = serde_json::from_slice::<Activity>(line) {
                    let activity = Box::new(activity);
                    let missed = line.len() % 2 == 0;
                    client.take(Input::News(News::Activity { activity, missed }));
                }
            }
            Some(b'>') => client.wait(line.len()),
            Some(b'-') => client.take(Input::Networks(networks().split_off(line.len().min(2)))),
            Some(_) if line.len() > irc_codec::MAX_BODY + irc_codec::MAX_TAGS => {
                client.take(Input::TooLong);
            }
            Some(_) => client.take(Input::Line(line.to_vec())),
            None => {}
        }
    }
    client.take(Input::News(News::Ended("the end".to_owned())));
    assert!(client.closed, "a session that has ended is not closed");
}

struct Client {
    session: Session,
    elapsed: Duration,
    closed: bool,
}

impl Client {
    fn new() -> Self {
        let elapsed = Duration::ZERO;
        Self {
            session: Session::new("bouncer.test", "b1", at(elapsed)),
            elapsed,
            closed: false,
        }
    }

    /// Handles an input, and carries out what it orders.
    fn take(&mut self, input: Input) {
        let mut inputs = vec![input];
        let mut orders = 0;
        while let Some(input) = inputs.pop() {
            for output in self.session.handle(input, at(self.elapsed)) {
                assert!(!self.closed, "something comes after the end: {output:?}");
                orders += 1;
                assert!(orders < MOST_ORDERS, "it never ends");
                inputs.extend(self.carry_out(output));
            }
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Line(line) => {
                script::check_sent(&line);
                None
            }
            Output::SignIn(candidates) => Some(Input::SignedIn(sign_in(candidates))),
            Output::Attach { connection, .. } => {
                let found = networks()
                    .into_iter()
                    .find(|network| network.record.id == connection);
                Some(Input::Attached(found.ok_or_else(|| "gone".to_owned())))
            }
            Output::Perform(request, mut activity) => {
                if request % 3 == 0 {
                    activity.error = Some("the network refuses it".to_owned());
                }
                Some(Input::News(News::Answer { request, activity }))
            }
            Output::Recall(request, _) => Some(Input::Recalled(request, Vec::new())),
            Output::Create { .. } => Some(Input::Created(Err("no room".to_owned()))),
            Output::Close => {
                self.closed = true;
                None
            }
        }
    }

    fn wait(&mut self, tenths: usize) {
        let tenths = u64::try_from(tenths).unwrap_or_default();
        self.elapsed += Duration::from_millis(tenths * 100);
        if self
            .session
            .deadline()
            .is_some_and(|due| due <= self.elapsed)
        {
            self.take(Input::Time);
        }
    }
}

fn at(elapsed: Duration) -> Now {
    let millis = i64::try_from(elapsed.as_millis()).unwrap_or_default();
    Now {
        wall: Timestamp::from_millis(START).plus_millis(millis),
        elapsed,
    }
}

fn sign_in(
    candidates: Vec<(Login, String)>,
) -> Result<(Login, AccountName, Vec<NetworkState>), Refused> {
    let (login, _) = candidates
        .into_iter()
        .find(|(_, password)| password == "pw")
        .ok_or(Refused::Wrong)?;
    let account = login.account.parse().map_err(|_| Refused::Wrong)?;
    Ok((login, account, networks()))
}

/// The account's networks.
fn networks() -> Vec<NetworkState> {
    let network = |id: &str, name: &str, server: &str| {
        let record = json!({
            "version": 1, "id": id, "platform": "irc", "name": name, "server": server, "nick": "alice",
            "channels": [], "enabled": true, "connector": "irc", "created": "2026-01-15T10:00:00.000Z",
            "host": server, "port": 6697, "secure": true,
        });
        Some(NetworkState {
            record: serde_json::from_value(record).ok()?,
            nick: "alice".to_owned(),
            status: ConnectionStatus::Online,
            folding: Folding::Ascii,
            conversations: PlatformDescriptor::default_platform().conversations,
        })
    };
    let both = [
        network("n1", "net", "irc.test"),
        network("n2", "Other Net", "irc.example"),
    ];
    both.into_iter().flatten().collect()
}
