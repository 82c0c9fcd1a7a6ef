//! `cargo xtask chaos`: the fault-injection tests, for longer than in the suite.

use anyhow::Result;
use clap::ValueEnum;

use crate::places::Places;
use crate::report::say;
use crate::{client, install, process, spin, worker};

/// What the writers use.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Where {
    /// In one process, over the store in memory.
    Memory,
    /// In one process, over a folder.
    Files,
    /// Over HTTP, two processes of the native host over a bucket.
    Native,
    /// Over HTTP, two processes of wasmtime with the component over a bucket.
    Spin,
    /// Over HTTP, two Workers in workerd over an R2 bucket.
    Workers,
}

impl Where {
    const ALL: [Self; 5] = [
        Self::Memory,
        Self::Files,
        Self::Native,
        Self::Spin,
        Self::Workers,
    ];

    const fn package(self) -> &'static str {
        match self {
            Self::Memory => "storage-adapter",
            Self::Files => "storage-fs",
            Self::Native => "functions-native",
            Self::Spin => "functions-spin",
            Self::Workers => "functions-cloudflare",
        }
    }
}

/// Ten writers over two instances of each host in turn, for this long in total.
///
/// # Errors
///
/// If no order of the operations explains the responses; the seed has been printed.
pub(crate) fn storage(
    places: &Places,
    minutes: u64,
    seed: Option<u64>,
    hosts: &[Where],
) -> Result<()> {
    install::packages(&[install::CC, install::LIBC])?;
    let chosen = |host: &Where| hosts.is_empty() || hosts.contains(host);
    let hosts: Vec<Where> = Where::ALL.into_iter().filter(chosen).collect();
    let built = if hosts.contains(&Where::Spin) {
        Some(spin::for_suite(places)?)
    } else {
        None
    };
    if hosts.contains(&Where::Workers) {
        client::build(places)?;
        worker::build_for_tests(places)?;
    }
    let seconds = share(minutes, hosts.len());
    say(format_args!("==> {seconds} s for each of {hosts:?}"));
    for host in hosts {
        let mut cargo = places.cargo();
        cargo.args(["test", "--package", host.package(), "--test=chaos"]);
        cargo.args(["--", "--nocapture"]);
        cargo.env("CHAOS_SECONDS", &seconds);
        if let Some(built) = &built {
            cargo
                .env("SUBSPACE_SPIN_COMPONENT", &built.component)
                .env("SUBSPACE_WASMTIME", &built.wasmtime);
        }
        if let Some(seed) = seed {
            cargo.env("SEED", seed.to_string());
        }
        process::run(&mut cargo)?;
    }
    Ok(())
}

/// The seconds for each of this many.
fn share(minutes: u64, hosts: usize) -> String {
    let hosts = u64::try_from(hosts.max(1)).unwrap_or(1);
    (60 * minutes).div_ceil(hosts).max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared() {
        assert_eq!(share(20, 5), "240");
        assert_eq!(share(1, 7), "9");
        assert_eq!(share(0, 0), "1");
    }
}
