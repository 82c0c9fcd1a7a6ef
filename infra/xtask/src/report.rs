//! Output of the commands for the person at the terminal.
#![allow(
    clippy::print_stderr,
    reason = "progress goes to the person who typed the command; standard output is for results"
)]

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::process;

/// Prints one line for the person at the terminal.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    eprintln!("{line}");
}

/// Runs `work` with a line before it and, if it takes a noticeable time, one with the duration after it.
///
/// # Errors
///
/// Those of `work`.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("==> {what}"));
    let start = Instant::now();
    let result = work();
    let state = if result.is_ok() { "done" } else { "failed" };
    say(format_args!(
        "    {state} after {}",
        Elapsed(start.elapsed())
    ));
    result
}

/// A sequence of named steps that stops at the first failure and ends with a table.
#[derive(Debug)]
pub(crate) struct Steps {
    rows: Vec<Row>,
    keep_going: bool,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    state: State,
}

#[derive(Debug)]
enum State {
    Failed(Duration, String),
    NotRun,
    Passed(Duration),
}

impl Steps {
    /// Creates an empty sequence; with `keep_going`, steps after a failed one run as well.
    pub(crate) const fn new(keep_going: bool) -> Self {
        Self {
            rows: Vec::new(),
            keep_going,
        }
    }

    /// Runs a step, unless one before it failed.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        let stopped = process::interrupted() || (!self.keep_going && self.failed());
        let state = if stopped {
            State::NotRun
        } else {
            let start = Instant::now();
            match timed(name, work) {
                Ok(()) => State::Passed(start.elapsed()),
                Err(error) => {
                    let text = format!("{error:#}");
                    say(format_args!("    {text}"));
                    State::Failed(start.elapsed(), text)
                }
            }
        };
        self.rows.push(Row { name, state });
    }

    /// Prints the table.
    ///
    /// # Errors
    ///
    /// The names of the steps that failed.
    pub(crate) fn finish(self) -> Result<()> {
        let width = self.rows.iter().map(|row| row.name.len()).max();
        let width = width.unwrap_or_default();
        say(format_args!(""));
        for row in &self.rows {
            let (time, state) = match &row.state {
                State::Failed(time, _) => (Elapsed(*time).to_string(), "FAILED"),
                State::NotRun => (String::new(), "not run"),
                State::Passed(time) => (Elapsed(*time).to_string(), "ok"),
            };
            say(format_args!("{:width$}  {time:>8}  {state}", row.name));
        }
        let failed: Vec<_> = self
            .rows
            .iter()
            .filter_map(|row| match &row.state {
                State::Failed(_, text) => Some(format!("{}: {text}", row.name)),
                State::NotRun | State::Passed(_) => None,
            })
            .collect();
        if !failed.is_empty() {
            return Err(anyhow!("{}", failed.join("\n")));
        }
        if process::interrupted() {
            return Err(anyhow!("interrupted"));
        }
        Ok(())
    }

    fn failed(&self) -> bool {
        let failed = |row: &Row| matches!(row.state, State::Failed(..));
        self.rows.iter().any(failed)
    }
}

/// A duration for people: `4.2 s`, `3 min 05 s`.
struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 60 {
            f.pad(&format!("{:.1} s", self.0.as_secs_f64()))
        } else {
            f.pad(&format!("{} min {:02} s", seconds / 60, seconds % 60))
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn steps_stop_at_the_first_failure() {
        let mut ran = Vec::new();
        let mut steps = Steps::new(false);
        steps.step("one", || {
            ran.push(1);
            Ok(())
        });
        steps.step("two", || bail!("broken"));
        steps.step("three", || {
            ran.push(3);
            Ok(())
        });
        assert_eq!(steps.finish().unwrap_err().to_string(), "two: broken");
        assert_eq!(ran, [1]);
    }

    #[test]
    fn steps_keep_going_when_told() {
        let mut ran = 0;
        let mut steps = Steps::new(true);
        steps.step("one", || bail!("broken"));
        steps.step("two", || {
            ran += 1;
            Ok(())
        });
        assert!(steps.finish().is_err());
        assert_eq!(ran, 1);
    }

    #[test]
    fn times_read_well() {
        assert_eq!(Elapsed(Duration::from_millis(4_240)).to_string(), "4.2 s");
        assert_eq!(Elapsed(Duration::from_secs(185)).to_string(), "3 min 05 s");
    }
}
