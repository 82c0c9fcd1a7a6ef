//! The memory cost of an allocation: thousands are opened one after the other and used, and the server's private memory
//! is read in between. The slope is the cost of one; the server's constant part does not count.

use std::net::Ipv4Addr;

use anyhow::{Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::client::Client;
use super::{CLIENT, Options, RELAY, SECRET, bound, line, median, start};
use crate::process::Memory;

/// Numbers of allocations at which the memory is read. The first ones warm the server up: after that, buffers and
/// tables that any client needs exist.
const STEPS: [usize; 4] = [500, 1000, 2000, 4000];

/// Measures both, one after the other, and prints the cost of an allocation.
///
/// # Errors
/// If a server did not start, or an allocation was refused.
pub(super) fn run(options: &Options) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    // Each allocation is a socket here, and one of the server, which inherits the limit.
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    let mut rounds: [Vec<[Memory; 4]>; 2] = Default::default();
    for _ in 0..options.rounds {
        for (samples, ours) in rounds.iter_mut().zip([true, false]) {
            samples.push(one(options, ours)?);
        }
    }
    let row = |name: &str, digits, value: &dyn Fn(&[Memory; 4]) -> f64| {
        let [ours, theirs] = [&rounds[0], &rounds[1]].map(|samples| {
            let mut values: Vec<f64> = samples.iter().map(value).collect();
            median(&mut values)
        });
        line(name, ours, theirs, digits);
        ours / theirs
    };
    for (index, count) in STEPS.into_iter().enumerate() {
        row(&format!("KiB with {count}"), 0, &|at| {
            at[index].private as f64 / 1024.0
        });
    }
    for index in 1..STEPS.len() {
        let (from, to) = (STEPS[index - 1], STEPS[index]);
        row(&format!("bytes of one, {from}-{to}"), 0, &|at| {
            slope(&at[index - 1..=index], &STEPS[index - 1..=index], |m| {
                m.private
            })
        });
    }
    let ratio = row("bytes of one, all", 0, &|at| {
        slope(at, &STEPS, |m| m.private)
    });
    row("descriptors of one", 2, &|at| {
        slope(at, &STEPS, |m| m.descriptors)
    });
    let verdict = if ratio <= 1.0 { "met" } else { "missed" };
    println!("Aim: the bytes of one at or below coturn's: {verdict}.");
    Ok(())
}

/// The cost of one more allocation, from the first to the last step.
fn slope(at: &[Memory], steps: &[usize], of: impl Fn(&Memory) -> u64) -> f64 {
    match (at, steps) {
        ([first, .., last], [from, .., to]) => {
            (of(last) as f64 - of(first) as f64) / (to - from) as f64
        }
        _ => 0.0,
    }
}

/// Fills one server.
fn one(options: &Options, ours: bool) -> Result<[Memory; 4]> {
    let (server, address) = start(options, ours)?;
    let mut client = Client::new(Ipv4Addr::from(CLIENT), address, SECRET)?;
    let mut at = [Memory::default(); 4];
    for (memory, count) in at.iter_mut().zip(STEPS) {
        client.open_until(count)?;
        let relays = bound(RELAY)?.len();
        if relays < count {
            bail!("there are only {relays} relays for {count} allocations");
        }
        *memory = server.memory()?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_has_anyway_is_not_counted() {
        let at = [1_000_000, 1_050_000, 1_450_000].map(|private| Memory {
            private,
            descriptors: 0,
        });
        let steps = [500, 600, 1400];
        let of = |memory: &Memory| memory.private;
        assert!((slope(&at, &steps, of) - 500.0).abs() < f64::EPSILON);
        assert!((slope(&at[..2], &steps[..2], of) - 500.0).abs() < f64::EPSILON);
    }
}
