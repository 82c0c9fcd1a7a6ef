//! What strangers send, as the fuzzer makes it up: each target takes bytes, and panics if an invariant does not hold.
//!
//! `cargo xtask fuzz` runs them with libFuzzer. The seeds in `seeds/` are what it starts from, and pass through the targets in
//! the ordinary tests; an input that once failed belongs there, too.

mod bouncer;
mod ircd;
mod line;
mod network;
mod script;
mod sockethub;

/// What is fuzzed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The parser and formatter of IRC lines.
    Line,
    /// A connection to a network: capabilities, SASL, and all that a server sends.
    Network,
    /// Messages of Sockethub's clients.
    Sockethub,
    /// The private IRC server, with several clients.
    Ircd,
    /// A client of the bouncer.
    Bouncer,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Line,
        Self::Network,
        Self::Sockethub,
        Self::Ircd,
        Self::Bouncer,
    ];

    /// Its name, which is that of its folder in `seeds/`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Network => "network",
            Self::Sockethub => "sockethub",
            Self::Ircd => "ircd",
            Self::Bouncer => "bouncer",
        }
    }

    /// The target of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Runs it on an input.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold.
    pub fn run(self, input: &[u8]) {
        match self {
            Self::Line => line::run(input),
            Self::Network => network::run(input),
            Self::Sockethub => sockethub::run(input),
            Self::Ircd => ircd::run(input),
            Self::Bouncer => bouncer::run(input),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_passes_its_target() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for target in Target::ALL {
            let folder = std::fs::read_dir(seeds.join(target.name())).unwrap();
            let mut count = 0;
            for seed in folder {
                let path = seed.unwrap().path();
                println!("{}", path.display());
                target.run(&std::fs::read(path).unwrap());
                count += 1;
            }
            assert!(count > 0, "{} has no seeds", target.name());
        }
    }
}
