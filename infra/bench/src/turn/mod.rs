//! TURN: ours and coturn, alternating: messages with coturn's own load client, memory with a client of our own.
#![allow(clippy::print_stdout, reason = "the table is the program's result")]

mod client;
mod memory;

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process::{Server, free_address};

const SECRET: &str = "a secret for the benchmark";
/// Concurrent clients, messages of each, and bytes of a message: coturn's echo between pairs of clients.
const LOAD: [&str; 8] = ["-m", "20", "-n", "1500", "-l", "1000", "-z", "2"];
/// Messages that the server relays in one round: each client's, and back.
const MESSAGES: u64 = 20 * 1500;

/// The addresses of the load client and of the relays.
const CLIENT: [u8; 4] = [127, 0, 0, 2];
const RELAY: [u8; 4] = [127, 0, 0, 3];
/// How often their sockets are checked.
const LOOK: Duration = Duration::from_millis(20);

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Our server.
    #[arg(long)]
    turn: PathBuf,
    /// coturn's server.
    #[arg(long, default_value = "turnserver")]
    coturn: PathBuf,
    /// Rounds of each mode.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    /// Processor time per relayed message, in microseconds.
    processor: f64,
    /// Messages per second.
    rate: f64,
    lost: u64,
    /// Datagrams that the system dropped because the load client did not read them in time.
    deaf: u64,
}

const MODES: [(&str, &[&str]); 3] = [
    ("channels, UDP", &[]),
    ("indications, UDP", &["-s"]),
    ("channels, TCP", &["-t"]),
];

/// Measures both, one after the other, and prints a table.
///
/// # Errors
/// If a server or the client did not start.
pub(crate) fn run(options: &Options) -> Result<()> {
    let names = ["subspace-turn", "coturn"];
    println!("{:18} {:>14} {:>14} {:>8}", "", names[0], names[1], "ratio");
    for (mode, flags) in MODES {
        let mut rounds: [Vec<Sample>; 2] = Default::default();
        for _ in 0..options.rounds {
            for (samples, ours) in rounds.iter_mut().zip([true, false]) {
                samples.push(load(options, ours, flags)?);
            }
        }
        let [ours, theirs] = rounds.map(|samples| {
            let mut cpu: Vec<f64> = samples.iter().map(|sample| sample.processor).collect();
            let mut rate: Vec<f64> = samples.iter().map(|sample| sample.rate).collect();
            let lost = samples.iter().map(|sample| sample.lost).sum();
            let deaf = samples.iter().map(|sample| sample.deaf).sum();
            Sample {
                processor: median(&mut cpu),
                rate: median(&mut rate),
                lost,
                deaf,
            }
        });
        line(
            &format!("{mode}: CPU us"),
            ours.processor,
            theirs.processor,
            1,
        );
        line(&format!("{mode}: msg/s"), ours.rate, theirs.rate, 0);
        println!(
            "{:28} {:>12} {:>12}",
            format!("{mode}: lost"),
            ours.lost,
            theirs.lost
        );
        if ours.deaf + theirs.deaf > 0 {
            println!(
                "{:28} {:>12} {:>12}",
                format!("{mode}: by client"),
                ours.deaf,
                theirs.deaf
            );
        }
    }
    memory::run(options)?;
    println!(
        "CPU: of the server, for one message that it relays; {MESSAGES} messages sent a round, counted at both relays.\n\
         By client: of those lost, datagrams that had reached the load client, which did not read them in time.\n\
         KiB, bytes: private memory of the server's processes, their slope while more and more allocations are opened, each with a\n\
         permission, a channel and messages both ways. The sockets' memory in the system is not in it: see the descriptors."
    );
    Ok(())
}

fn line(name: &str, ours: f64, theirs: f64, digits: usize) {
    println!(
        "{name:28} {ours:>12.digits$} {theirs:>12.digits$} {:>8.2}",
        ours / theirs
    );
    // Rows are shown as soon as they are known.
    let _ = std::io::stdout().flush();
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Starts a server; returns it with its address.
fn start(options: &Options, ours: bool) -> Result<(Server, SocketAddr)> {
    let address = free_address()?;
    let port = address.port().to_string();
    let mut command = if ours {
        let mut command = Command::new(&options.turn);
        command
            .env("SUBSPACE_TURN_SECRET", SECRET)
            .args(["--listen", &address.to_string()]);
        command.args([
            "--relay-ip",
            "127.0.0.3",
            "--metrics",
            "off",
            "--max-user-allocations",
            "10000",
        ]);
        command.args([
            "--max-rate",
            "0",
            "--max-unauthorized",
            "0",
            "--drain-seconds",
            "0",
            "--log",
            "warn",
        ]);
        command.args(["--max-allocations", "10000"]);
        command
    } else {
        let mut command = Command::new(&options.coturn);
        command.args([
            "-n",
            "--listening-ip=127.0.0.1",
            "--relay-ip=127.0.0.3",
            "--allow-loopback-peers",
        ]);
        command.args([
            "--use-auth-secret",
            "--realm=test",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
            "--log-file=/dev/null",
        ]);
        command
            .arg(format!("--static-auth-secret={SECRET}"))
            .arg(format!("--listening-port={port}"));
        command
            .args(["--simple-log", "--pidfile="])
            .stderr(Stdio::null());
        command
    };
    let server = Server::start_until_listening(&mut command, address)?;
    Ok((server, address))
}

/// coturn's load client. It waits for lost messages, so it may have to be stopped.
fn load_client(port: u16, flags: &[&str], seconds: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args([seconds, "turnutils_uclient"]);
    command.args([
        "-u",
        "bench",
        "-W",
        SECRET,
        "-L",
        "127.0.0.2",
        "-p",
        &port.to_string(),
        "-X",
        "-c",
        "-y",
    ]);
    command
        .args(flags)
        .arg("127.0.0.1")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn load(options: &Options, ours: bool, flags: &[&str]) -> Result<Sample> {
    let (server, address) = start(options, ours)?;
    let before = server.usage()?;
    let begun = Instant::now();
    let mut child = load_client(address.port(), &[&LOAD[..], flags].concat(), "120")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start turnutils_uclient")?;
    let mut deaf = HashMap::new();
    while child.try_wait()?.is_none() {
        for (socket, drops) in bound(CLIENT)? {
            deaf.insert(socket, drops);
        }
        std::thread::sleep(LOOK);
    }
    let output = child.wait_with_output()?;
    let elapsed = begun.elapsed();
    let used = server.usage()?.processor.saturating_sub(before.processor);
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(lost) = text.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("Total lost packets ")?;
        rest.split(' ').next()?.parse().ok()
    }) else {
        bail!("turnutils_uclient did not say what was lost: {text}");
    };
    // Each message passes through two relays: out of one and into the other.
    let relayed = MESSAGES as f64 * 2.0;
    Ok(Sample {
        processor: used.as_secs_f64() * 1e6 / relayed,
        rate: relayed / elapsed.as_secs_f64(),
        lost,
        deaf: deaf.values().sum(),
    })
}

/// UDP sockets bound to an address, by name, with how many datagrams the system dropped there; from /proc/net/udp.
fn bound(address: [u8; 4]) -> Result<Vec<(String, u64)>> {
    let address = format!("{:08X}:", u32::from_le_bytes(address));
    let table = std::fs::read_to_string("/proc/net/udp")?;
    let found = table.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let name = words.nth(1).filter(|name| name.starts_with(&address))?;
        Some((name.to_owned(), words.last()?.parse().ok()?))
    });
    Ok(found.collect())
}
