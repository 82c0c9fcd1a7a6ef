//! How many files and connections the process may have open.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// None of our programs needs more, and some systems report "unlimited".
const ENOUGH: u64 = 1 << 20;

/// Raises the soft limit on open file descriptors (`RLIMIT_NOFILE`) as far as the hard limit allows, and returns it.
/// Systems start programs with 1,024 or fewer, which a few hundred idle connections use up.
///
/// # Errors
///
/// If the system does not let the process raise it; the message contains the current limit.
pub fn raise_descriptors() -> io::Result<u64> {
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    let current = now.current.unwrap_or(ENOUGH);
    if current >= most {
        return Ok(current);
    }
    let raised = Rlimit {
        current: Some(most),
        maximum: now.maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(|error| {
        let text = format!("the limit of {current} open files cannot be raised to {most}: {error}");
        io::Error::new(io::Error::from(error).kind(), text)
    })?;
    Ok(most)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may fail")]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        let low = Rlimit {
            current: Some(64),
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, low).unwrap();
        let now = raise_descriptors().unwrap();
        assert_eq!(now, before.maximum.unwrap_or(ENOUGH).min(ENOUGH));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(now));
        assert_eq!(raise_descriptors().unwrap(), now);
    }
}
