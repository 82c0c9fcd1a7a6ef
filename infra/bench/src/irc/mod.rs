//! IRC: the connector with its bouncer beside ZNC, and the IRC server beside ngIRCd and InspIRCd.
#![allow(clippy::print_stdout, reason = "the tables are the program's result")]
#![allow(
    clippy::cast_precision_loss,
    reason = "counts and bytes far below 2^52"
)]

mod crowd;
mod flow;
mod marks;
mod network;
mod servers;
mod socket;
mod space;
mod znc;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crowd::{Crowd, Manner};
use flow::Flow;
use marks::Marks;
use network::Network;
use servers::Kind;
use space::{PASSWORD, Space};

/// Channels of an account.
const CHANNELS: usize = 10;
/// What servers keep before there are accounts or clients does not count: the first figure is taken with these.
const FIRST: usize = 100;
/// Accounts to which sockets or clients are attached while messages flow.
const ATTACHED: usize = 100;
/// Messages to the large channel.
const SAID: usize = 20;
/// Channels that the server has when it is restarted.
const KEPT: usize = 1_000;
/// Descriptors that a server and this program need besides connections.
const SPARE: u64 = 400;
/// How long memory may take to be given back after something ended.
const REST: Duration = Duration::from_secs(3);

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Our functions.
    #[arg(long)]
    functions: PathBuf,
    /// Our connector.
    #[arg(long)]
    connector: PathBuf,
    /// Our IRC server.
    #[arg(long)]
    ircd: PathBuf,
    #[arg(long, default_value = "znc")]
    znc: PathBuf,
    #[arg(long, default_value = "ngircd")]
    ngircd: PathBuf,
    #[arg(long, default_value = "inspircd")]
    inspircd: PathBuf,
    /// Accounts of the connector, each in ten channels.
    #[arg(long, default_value_t = 1_000)]
    accounts: usize,
    /// Accounts of ZNC, which connects one a second.
    #[arg(long, default_value_t = 60)]
    znc_accounts: usize,
    /// Members of each of these channels.
    #[arg(long, default_value_t = 10)]
    members: usize,
    /// Idle connections to the IRC servers.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// Clients in one channel.
    #[arg(long, default_value_t = 2_000)]
    crowd: usize,
    /// Messages a second at which latencies are measured, for all accounts together.
    #[arg(long, default_value_t = 2_000)]
    rate: usize,
    /// For so many seconds.
    #[arg(long, default_value_t = 5)]
    seconds: usize,
    /// Only these parts: connector, servers.
    #[arg(long, value_delimiter = ',', default_values = ["connector", "servers"])]
    parts: Vec<String>,
    /// Also with ten times the accounts, which takes a quarter of an hour.
    #[arg(long)]
    scale: bool,
}

/// Measures everything and prints the tables.
///
/// # Errors
///
/// If something could not be started, or did not do what it should.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.members == 0 || options.accounts <= FIRST || options.znc_accounts < 20 {
        bail!(
            "--members 1, --accounts {}, --znc-accounts 20 are the least",
            FIRST + 1
        );
    }
    let most = raise()?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(async {
            let start = Instant::now();
            for part in &options.parts {
                match part.as_str() {
                    "connector" => connector(options, start).await?,
                    "servers" => irc_servers(options, most, start).await?,
                    _ => bail!("--parts {part}: expected connector or servers"),
                }
            }
            anyhow::Ok(())
        })?;
    println!(
        "\nMemory: private, of all processes of a server; what it has with the first {FIRST} accounts or clients is not counted.\n\
         Latency: from the moment when the network, or the first client, writes a message; ours writes it to the disk first.\n\
         Both the load and the servers run on this machine's {} processors.",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    Ok(())
}

/// Raises the limit on descriptors, which the servers inherit; returns how many connections one of our servers takes:
/// it keeps half of its descriptors for everything else.
fn raise() -> Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit })?;
    let all = current.unwrap_or(1 << 20);
    Ok(usize::try_from((all / 2).saturating_sub(SPARE))?)
}

async fn connector(options: &Options, start: Instant) -> Result<()> {
    let members = options.members;
    let network = Network::start(members).await?;
    let mut space = Space::start(&options.functions, &network, members).await?;
    println!(
        "The connector: accounts in {CHANNELS} channels with {members} members each, on a network that is part of this program."
    );
    let mut steps = vec![FIRST, options.accounts];
    if options.scale {
        steps.push(options.accounts * 10);
    }
    let (mut joins, mut memory) = (0, Vec::new());
    for &accounts in &steps {
        space.add_until(accounts).await?;
        joins += accounts * CHANNELS;
        let took = space.connect(&options.connector, &network, joins).await?;
        tokio::time::sleep(REST).await;
        let private = space.connector()?.memory()?.private;
        row(
            &format!("{accounts} accounts"),
            &[
                format!("{:.1} MB", private as f64 / 1e6),
                format!("all channels after {:.1} s", took.as_secs_f64()),
            ],
        );
        memory.push(private);
        if accounts == options.accounts {
            flows(options, &network, &space, start).await?;
        }
        let waiting = space.metric("subspace_connector_spool_records").await?;
        let took = space.stop_connector();
        row(
            "handed over at the stop",
            &[
                format!("{waiting:.0} records"),
                format!("{:.0} a second", waiting / took.as_secs_f64()),
            ],
        );
    }
    drop(space);
    let ours = slope(&memory, &steps, 1);
    if options.scale {
        let more = slope(&memory, &steps, 2);
        let text = format!("{:.1} kB", more / 1e3);
        row("memory of one of the rest", &[text]);
    }
    // Of its own, so that nicknames there are not taken.
    let network = Network::start(members).await?;
    let count = options.znc_accounts;
    let znc = znc::Znc::start(&options.znc, &network, count, members, count * CHANNELS).await?;
    tokio::time::sleep(REST).await;
    let private = znc.server.memory()?.private;
    let theirs = private.saturating_sub(znc.before.private) as f64 / count as f64;
    row(
        "memory of an account",
        &[
            format!("{:.1} kB", ours / 1e3),
            format!("ZNC {:.1} kB", theirs / 1e3),
            format!("ratio {:.2}", ours / theirs),
        ],
    );
    let manner = Manner {
        password: Some(|number| format!("u{number}/bench:{PASSWORD}")),
        channel: None,
    };
    let mut clients = Crowd::new(start);
    let attached = count.min(ATTACHED);
    clients.come_until(attached, znc.address, manner).await?;
    let flow = flow::run(options, &network, &clients.marks(), attached, start).await?;
    print_flow("ZNC to clients", flow);
    Ok(())
}

/// Messages through the connector, to sockets and to clients of the bouncer; and what such a client costs.
async fn flows(options: &Options, network: &Network, space: &Space, start: Instant) -> Result<()> {
    // First: what a burst left would count otherwise.
    let manner = Manner {
        password: Some(|number| format!("u{number}:{PASSWORD}")),
        channel: None,
    };
    let mut clients = Crowd::new(start);
    let before = space.connector()?.memory()?.private;
    clients
        .come_until(options.accounts, space.bouncer, manner)
        .await
        .context("the bouncer")?;
    tokio::time::sleep(REST).await;
    let after = space.connector()?.memory()?.private;
    let each = after.saturating_sub(before) as f64 / options.accounts as f64;
    row(
        &format!("bouncer, {} clients", options.accounts),
        &[format!("{:.1} kB each", each / 1e3)],
    );
    let flow = flow::run(options, network, &clients.marks(), ATTACHED, start).await?;
    print_flow("bouncer to clients", flow);
    drop(clients);
    let marks: Arc<Mutex<Marks>> = Arc::default();
    for account in 0..ATTACHED {
        let ticket = space.ticket(account).await?;
        let nick = format!("u{account}");
        let person = (nick.as_str(), "127.0.0.1");
        socket::attach(space.gateway, &ticket, person, Arc::clone(&marks), start)
            .await
            .context("a socket")?;
    }
    let flow = flow::run(options, network, &marks, ATTACHED, start).await?;
    print_flow("connector to sockets", flow);
    Ok(())
}

async fn irc_servers(options: &Options, most: usize, start: Instant) -> Result<()> {
    let (idle, crowd) = (options.idle.min(most), options.crowd.min(most));
    println!(
        "\nIRC servers: {idle} idle connections; {crowd} clients in one channel, {SAID} messages:"
    );
    if idle < options.idle {
        println!("(The system admits no more descriptors.)");
    }
    let names = servers::ALL.map(|kind| kind.name().to_owned());
    row("", &names);
    let program = |kind| match kind {
        Kind::Subspace => &options.ircd,
        Kind::Ngircd => &options.ngircd,
        Kind::Inspircd => &options.inspircd,
    };
    let alone = Manner {
        password: None,
        channel: None,
    };
    let together = Manner {
        password: None,
        channel: Some("#bench"),
    };
    let mut cells: [Vec<f64>; 6] = Default::default();
    for kind in servers::ALL {
        let running = kind.start(program(kind), 1)?;
        let mut clients = Crowd::new(start);
        let (mut at, steps) = (Vec::new(), [FIRST, idle.div_ceil(10), idle]);
        for count in steps {
            clients.come_until(count, running.address, alone).await?;
            at.push(running.server.memory()?.private);
        }
        cells[0].push(at[2] as f64 / 1e6);
        cells[1].push(slope(&at, &steps, 1));
        cells[2].push(slope(&at, &steps, 2));
        drop((clients, running));
        let running = kind.start(program(kind), 1)?;
        let mut clients = Crowd::new(start);
        clients.come_until(crowd, running.address, together).await?;
        let mut marks = clients.say("#bench", SAID).await?;
        cells[3].push(marks.percentile(50));
        cells[4].push(marks.percentile(99));
        let used = running.server.usage()?.processor;
        cells[5].push(used.as_secs_f64());
    }
    let rows = [
        ("MB with all", 1),
        ("bytes of one, of a tenth", 0),
        ("bytes of one, of all", 0),
        ("fan-out p50, ms", 1),
        ("fan-out p99, ms", 1),
        ("processor, s", 1),
    ];
    for ((name, digits), values) in rows.into_iter().zip(&cells) {
        let ours = values[0];
        let mut texts: Vec<_> = values
            .iter()
            .map(|value| format!("{value:.digits$}"))
            .collect();
        texts.extend(
            values[1..]
                .iter()
                .map(|value| format!("ratio {:.2}", ours / value)),
        );
        row(name, &texts);
    }
    let running = Kind::Subspace.start(&options.ircd, KEPT)?;
    let begun = Instant::now();
    let running = running.restart(Kind::Subspace)?;
    let listed = crowd::listed(running.address).await?;
    let took = begun.elapsed();
    if listed < KEPT {
        bail!("{listed} of {KEPT} channels are back");
    }
    row(
        &format!("restart, {KEPT} channels"),
        &[format!("{:.2} s until all are listed", took.as_secs_f64())],
    );
    Ok(())
}

/// The cost of one more, between a step and the one before it.
fn slope(at: &[u64], steps: &[usize], step: usize) -> f64 {
    match (at.get(step - 1..=step), steps.get(step - 1..=step)) {
        (Some([before, after]), Some([from, to])) if to > from => {
            (*after as f64 - *before as f64) / (to - from) as f64
        }
        _ => 0.0,
    }
}

fn print_flow(name: &str, flow: Flow) {
    row(
        name,
        &[
            format!("{:.0} a second", flow.most),
            format!("p50 {:.2} ms", flow.half),
            format!("p99 {:.2} ms", flow.p99),
        ],
    );
}

fn row(name: &str, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>16}")).collect();
    println!("{name:28} {}", cells.join(" "));
    // Rows are shown as soon as they are known.
    let _ = std::io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_one_is_what_more_of_them_cost() {
        let at = [1_000_000, 1_050_000, 1_450_000];
        assert!((slope(&at, &[500, 600, 1400], 1) - 500.0).abs() < f64::EPSILON);
        assert!((slope(&at, &[500, 600, 1400], 2) - 500.0).abs() < f64::EPSILON);
        assert_eq!(slope(&at, &[500, 600], 2), 0.0);
    }
}
