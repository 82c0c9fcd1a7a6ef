//! Starts other programs, and reliably stops them.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long a program may take to stop after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);
/// How often a running program is polled.
const POLL: Duration = Duration::from_millis(20);
/// How many lines of a quiet program's output are shown when it fails.
const TAIL_LINES: usize = 30;

static RECEIVED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Records SIGINT, SIGTERM and SIGHUP, so that running programs are stopped first.
///
/// # Errors
///
/// If the signal handlers could not be set.
pub(crate) fn watch_signals() -> Result<()> {
    let flag = RECEIVED.get_or_init(Arc::default);
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        let number = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, Arc::clone(flag), number)
            .context("cannot watch for signals")?;
    }
    Ok(())
}

/// Returns whether one of the signals has arrived.
pub(crate) fn interrupted() -> bool {
    let came = |flag: &Arc<AtomicUsize>| flag.load(Ordering::SeqCst) != 0;
    RECEIVED.get().is_some_and(came)
}

/// Creates a command without the variables that `cargo run` set for this program: otherwise build scripts that depend
/// on them would run again whenever a shell and this program alternate.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(set_by_cargo_run) {
            command.env_remove(name);
        }
    }
    command
}

fn set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || matches!(name, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME")
}

/// Runs a program to its end in a separate process group; any processes that it leaves behind are stopped.
///
/// # Errors
///
/// If it could not be started, failed, or a signal arrived.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null()).process_group(0);
    let status = wait(start(command)?)?;
    check(command, status)
}

/// Runs a program that may prompt on the terminal, for instance for a password.
///
/// # Errors
///
/// Like [`run`].
pub(crate) fn run_at_terminal(command: &mut Command) -> Result<()> {
    let status = start(command)?.wait()?;
    check(command, status)
}

/// Runs a program and shows its output only if it fails.
///
/// # Errors
///
/// Like [`run`]; the end of its output is part of the error.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let log = tempfile_in_cache()?;
    let both = log.file.try_clone()?;
    command.stdout(log.file.try_clone()?).stderr(both);
    let result = run(command);
    if result.is_err() {
        let text = std::fs::read_to_string(&log.path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        return result.with_context(|| tail);
    }
    result
}

/// Returns what a program prints to standard output.
///
/// # Errors
///
/// If it could not be started, failed, or printed invalid UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}", name(command), error.trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

struct Log {
    file: std::fs::File,
    path: std::path::PathBuf,
}

impl Drop for Log {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

fn tempfile_in_cache() -> Result<Log> {
    let name = format!("subspace-xtask-{}.log", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).read(true).write(true);
    let _leftover_of_a_process_with_our_id = std::fs::remove_file(&path);
    let file = options
        .open(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    Ok(Log { file, path })
}

fn start(command: &mut Command) -> Result<Child> {
    if interrupted() {
        bail!("interrupted");
    }
    command
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))
}

fn wait(mut child: Child) -> Result<ExitStatus> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal: Signal| {
        // An error means that no process of the group is left.
        group.map(|group| kill_process_group(group, signal))
    };
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if interrupted() {
            break None;
        }
        std::thread::sleep(POLL);
    };
    let _nobody_left = signal(Signal::TERM);
    if let Some(status) = status {
        return Ok(status);
    }
    let limit = Instant::now() + GRACE;
    while child.try_wait()?.is_none() && Instant::now() < limit {
        std::thread::sleep(POLL);
    }
    let _nobody_left = signal(Signal::KILL);
    child.wait()?;
    bail!("interrupted");
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Returns the command as it would be typed.
pub(crate) fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command() {
        let error = run(command("false").arg("--really")).unwrap_err();
        assert!(error.to_string().starts_with("`false --really` failed"));
        let error = run(&mut command("no-such-program-anywhere")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-anywhere"));
    }

    #[test]
    fn quiet_programs_are_heard_when_they_fail() {
        let error = run_quietly(command("sh").args(["-c", "echo reason; exit 3"])).unwrap_err();
        assert!(format!("{error:#}").contains("reason"), "{error:#}");
    }

    #[test]
    fn what_a_program_leaves_behind_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > '{}'", pid.display());
        run(command("sh").args(["-c", &script])).unwrap();
        let pid = std::fs::read_to_string(pid).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let limit = Instant::now() + Duration::from_secs(10);
        loop {
            // A zombie has been stopped too: its new parent has yet to reap it.
            let stopped = std::fs::read_to_string(&stat).map_or(true, |s| s.contains(") Z "));
            if stopped {
                break;
            }
            assert!(Instant::now() < limit, "the program still runs");
            std::thread::sleep(POLL);
        }
    }
}
