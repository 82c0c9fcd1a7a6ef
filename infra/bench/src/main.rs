//! Benchmarks against other servers, all on this machine and in one run: `cargo xtask bench`.

mod load;
mod process;
mod servers;
mod storage;
mod table;
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
    /// remoteStorage: the native host, armadietto and nginx.
    Storage(storage::Options),
}

#[allow(
    clippy::print_stderr,
    reason = "a command tells its caller what went wrong"
)]
fn main() -> ExitCode {
    let What::Storage(options) = Cli::parse().what;
    match storage::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
