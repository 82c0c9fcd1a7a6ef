//! Set-up, run, test and bench of the whole project: `cargo xtask help`.
//!
//! Every command installs whatever it needs and is missing, and reports that. Debian's packages, crates.io and the npm
//! registry are the only sources.

mod bench;
mod chaos;
mod checks;
mod client;
mod fuzz;
mod generate;
mod install;
mod invariants;
mod npm;
mod places;
mod process;
mod python;
mod report;
mod run;
mod setup;
mod spin;
mod stamp;
mod tools;
mod wasm;
mod wasm_debian;
mod wasm_names;
mod wasm_target;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::checks::TestOptions;
use crate::places::Places;
use crate::report::say;

/// Development commands of Subspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Install everything that the other commands need, and stop.
    Setup,
    /// Build what is missing and start Subspace on http://127.0.0.1:6700.
    Run {
        /// Flags for `subspace serve`, after `--`; `--data` is ./data unless given.
        #[arg(last = true)]
        serve: Vec<String>,
    },
    /// Run everything that must pass.
    Test(TestOptions),
    /// Run everything except tests: formatting, lints, licences, invariants.
    Lint,
    /// Write the files generated from other sources: lists of requests, the web client's types.
    Generate,
    /// Build the web client.
    Client,
    /// Build the component for Spin, without Spin's own variables, and print where it and wasmtime are.
    Spin {
        /// Build what `spin.toml` names, with the web client.
        #[arg(long)]
        deploy: bool,
    },
    /// Run a cargo command that builds for WebAssembly, such as
    /// `cargo xtask wasm -- build --target wasm32-wasip2 -p functions-spin`.
    Wasm {
        /// Arguments of cargo, after `--`.
        #[arg(last = true)]
        cargo: Vec<String>,
    },
    /// Build what `wrangler.toml` deploys: the Worker and the web client.
    Worker {
        /// Also build the Worker that tests the store on R2.
        #[arg(long)]
        tests: bool,
    },
    /// Run the end-to-end suite alone.
    E2e {
        /// Flags for `node --test`, after `--`, like `--test-name-pattern=invite`.
        #[arg(last = true)]
        node: Vec<String>,
    },
    /// Inject faults for a while, and check all responses against a simple model.
    Chaos {
        /// What to try.
        what: Chaos,
        /// The total duration in minutes.
        #[arg(long, default_value_t = 20)]
        minutes: u64,
        /// Only these hosts; all of them by default.
        #[arg(long, value_delimiter = ',')]
        host: Vec<chaos::Where>,
        /// The first seed; a failing history reports its own.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Fuzz everything that parses what strangers send over IRC and Socket.IO.
    Fuzz {
        /// The total duration in minutes.
        #[arg(long, default_value_t = 5)]
        minutes: u64,
        /// Only these targets: line, network, sockethub, ircd, bouncer.
        #[arg(long, value_delimiter = ',')]
        target: Vec<String>,
        /// The fuzzer's seed; it prints which it uses.
        #[arg(long)]
        seed: Option<u32>,
    },
    /// Compare with other servers on this machine.
    Bench {
        /// What to measure.
        what: Benchmark,
        /// Flags for the benchmark, after `--`, like `--seconds 2`.
        #[arg(last = true)]
        flags: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Chaos {
    /// The tree of an account: ten writers, two instances, a store that fails.
    Storage,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Benchmark {
    /// The web client while people talk: changed nodes, frames, long tasks, memory, in a slowed-down Chromium.
    Client,
    /// The functions on the edge and natively: sizes, first request, rates, processor time.
    Edge,
    /// IRC: the connector and ZNC, the IRC server, ngIRCd and InspIRCd.
    Irc,
    /// remoteStorage: the native host, armadietto and nginx.
    Storage,
    /// The tree of an account, as a module grows.
    Tree,
    /// TURN: ours and coturn.
    Turn,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = process::watch_signals()
        .and_then(|()| Places::find())
        .and_then(|places| match cli.command {
            Action::Setup => setup::everything(&places),
            Action::Run { serve } => run::run(&places, serve),
            Action::Test(options) => checks::test(&places, &options),
            Action::Lint => checks::lint(&places),
            Action::Generate => generate::write(&places),
            Action::Client => client::build(&places),
            Action::Spin { deploy } => spin::run(&places, deploy),
            Action::Worker { tests } => worker::build(&places, tests),
            Action::Wasm { cargo } => wasm::cargo(&places, &cargo),
            Action::E2e { node } => checks::e2e(&places, &node),
            Action::Chaos {
                what: Chaos::Storage,
                minutes,
                host,
                seed,
            } => chaos::storage(&places, minutes, seed, &host),
            Action::Fuzz {
                minutes,
                target,
                seed,
            } => fuzz::run(&places, minutes, seed, &target),
            Action::Bench { what, flags } => match what {
                Benchmark::Client => bench::client(&places, &flags),
                Benchmark::Edge => bench::edge(&places, &flags),
                Benchmark::Irc => bench::irc(&places, &flags),
                Benchmark::Storage => bench::storage(&places, &flags),
                Benchmark::Tree => bench::tree(&places, &flags),
                Benchmark::Turn => bench::turn(&places, &flags),
            },
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
