//! Messages that the network says to accounts, on their way to who is attached to them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mutex::lock;

use super::marks::{Marks, marked};
use super::network::Network;
use super::{CHANNELS, Options};

/// How long what was sent may take to arrive after the last message.
const LIMIT: Duration = Duration::from_secs(60);
/// How often messages are sent, and a count is looked at.
const TICK: Duration = Duration::from_millis(1);
/// Messages that are sent at once to see how many pass in a second, per account.
const BURST: usize = 200;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    /// Messages a second, when all are sent at once.
    pub(super) most: f64,
    /// How long they are on their way at a steady rate, in milliseconds.
    pub(super) half: f64,
    pub(super) p99: f64,
}

/// Sends messages to accounts at a steady rate, then all at once.
///
/// # Errors
///
/// If some do not arrive.
pub(super) async fn run(
    options: &Options,
    network: &Network,
    marks: &Arc<Mutex<Marks>>,
    accounts: usize,
    start: Instant,
) -> Result<Flow> {
    lock(marks).take();
    let steady = send(options, network, accounts, start).await?;
    let mut came = arrived(marks, steady).await?;
    let begun = Instant::now();
    let count = accounts * BURST;
    for number in 0..count {
        let text = marked(start);
        network
            .say(number % accounts, number / accounts % CHANNELS, &text)
            .await?;
    }
    let burst = arrived(marks, count).await?;
    let last = burst.last.context("nothing arrived")?;
    Ok(Flow {
        most: count as f64 / last.saturating_duration_since(begun).as_secs_f64(),
        half: came.percentile(50),
        p99: came.percentile(99),
    })
}

/// Sends at the rate; returns how many were sent.
async fn send(
    options: &Options,
    network: &Network,
    accounts: usize,
    start: Instant,
) -> Result<usize> {
    let all = options.rate * options.seconds;
    let begun = Instant::now();
    let mut sent = 0;
    while sent < all {
        let due = begun.elapsed().as_secs_f64() * options.rate as f64;
        while (sent as f64) < due && sent < all {
            let text = marked(start);
            network
                .say(sent % accounts, sent / accounts % CHANNELS, &text)
                .await?;
            sent += 1;
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(all)
}

async fn arrived(marks: &Arc<Mutex<Marks>>, count: usize) -> Result<Marks> {
    let begun = Instant::now();
    loop {
        let len = lock(marks).len();
        if len >= count {
            return Ok(lock(marks).take());
        }
        if begun.elapsed() > LIMIT {
            bail!("{len} of {count} messages arrived");
        }
        tokio::time::sleep(TICK).await;
    }
}
