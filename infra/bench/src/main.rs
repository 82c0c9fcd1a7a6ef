//! Benchmarks, all on this machine and in one run: `cargo xtask bench`.

mod counted;
mod edge;
mod irc;
mod load;
mod process;
mod servers;
mod storage;
mod table;
mod tree;
mod turn;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The functions on the edge and natively.
    Edge(edge::Options),
    /// IRC: the connector and ZNC, the IRC server, ngIRCd and InspIRCd.
    Irc(irc::Options),
    /// remoteStorage: the native host, armadietto and nginx.
    Storage(storage::Options),
    /// The tree of an account, as a module grows.
    Tree(tree::Options),
    /// TURN: ours and coturn.
    Turn(turn::Options),
}

#[allow(
    clippy::print_stderr,
    reason = "a command tells its caller what went wrong"
)]
fn main() -> ExitCode {
    let result = match Cli::parse().what {
        What::Edge(options) => edge::run(&options),
        What::Irc(options) => irc::run(&options),
        What::Storage(options) => storage::run(&options),
        What::Tree(options) => tree::run(&options),
        What::Turn(options) => turn::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
