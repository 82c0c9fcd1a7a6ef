//! A test of the engine over a disk that does not answer: what waits for it is bounded, and nothing is lost.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, mpsc as std_mpsc};

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::engine::{Engine, Input};
use super::outgoing::Outgoing;
use crate::accounts::NoAccounts;
use crate::config::IrcdConfig;
use crate::record::State;
use crate::server::{ClientId, Now, Peer, Server};
use crate::store::{Reply, Request};

/// How often the only other task gets its turn before it counts as waiting.
const TURNS: usize = 50;

async fn turns() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

fn line(text: &str) -> Input {
    Input::Line {
        id: ClientId(1),
        line: Some(text.as_bytes().to_vec()),
    }
}

#[tokio::test]
async fn while_the_disk_is_slow_little_waits_for_it_and_nothing_is_lost() {
    let mut config = IrcdConfig {
        channels: Vec::new(),
        ..IrcdConfig::default()
    };
    config.limits.sendq = 64 << 10;
    let limits = config.limits.clone();
    let state = State {
        version: State::VERSION,
        ..State::default()
    };
    let server = Server::new(config, state, 0, Now::default());
    let (store, requests) = std_mpsc::channel();
    let accounts = Arc::new(NoAccounts);
    let engine = Engine::new(server, accounts, store, &limits, Instant::now());
    let (inputs, received) = mpsc::channel(1);
    let (replies, replied) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(engine.run(received, replied, stopped));

    let all: Arc<AtomicUsize> = Arc::default();
    let outgoing = Arc::new(Outgoing::new(Arc::clone(&all)));
    let peer = Peer {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        secure: false,
    };
    let connected = Input::Connected {
        id: ClientId(1),
        peer,
        outgoing: Arc::clone(&outgoing),
        credits: Arc::new(Semaphore::new(16)),
    };
    inputs.send(connected).await.unwrap();
    for text in ["NICK alice", "USER alice 0 * :x", "JOIN #tea"] {
        inputs.send(line(text)).await.unwrap();
    }
    turns().await;
    let welcome = outgoing.take().await.unwrap();
    outgoing.written(welcome.len(), 0);
    // The disk does not answer, and everything else waits behind the message.
    inputs.send(line("PRIVMSG #tea :hello")).await.unwrap();
    let mut taken = 0;
    loop {
        turns().await;
        if inputs.try_send(line("VERSION")).is_err() {
            break;
        }
        taken += 1;
        assert!(taken < 10_000, "the queue has no end");
    }
    assert_eq!(outgoing.queued(), 0);
    while let Ok(request) = requests.try_recv() {
        if let Request::Append(id, _) = request {
            replies.send(Reply::Stored(id.0..=id.0, Ok(()))).unwrap();
        }
    }
    turns().await;
    let answers = outgoing.take().await.unwrap();
    let most = limits.sendq / 2;
    assert!(answers.len() < most, "{} bytes waited", answers.len());
    // The client has to read before more of its lines are answered.
    assert!(outgoing.written(answers.len(), limits.sendq / 8));
    let drained = Input::Drained { id: ClientId(1) };
    inputs.send(drained).await.unwrap();
    turns().await;
    let mut answers = String::from_utf8(answers).unwrap();
    answers += &String::from_utf8(outgoing.take().await.unwrap()).unwrap();
    assert_eq!(answers.matches(" 351 alice ").count(), taken);
    stop.send(()).unwrap();
    drop(replies);
    running.await.unwrap();
}
