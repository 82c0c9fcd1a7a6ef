//! Passwords typed by a person, or passed in by a program.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Reads a line from standard input. On a terminal there is a prompt, and no echo.
///
/// # Errors
/// One sentence: standard input cannot be read.
pub(crate) fn read() -> anyhow::Result<String> {
    let stdin = io::stdin();
    let quiet = if stdin.is_terminal() {
        let quiet =
            Quiet::begin(stdin.as_fd()).context("cannot keep the password off the terminal")?;
        let mut err = io::stderr().lock();
        // Standard error may be closed.
        drop(write!(err, "Password: ").and_then(|()| err.flush()));
        Some(quiet)
    } else {
        None
    };
    let mut password = String::new();
    let read = stdin.lock().read_line(&mut password);
    drop(quiet);
    read.context("cannot read the password from standard input")?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

/// As long as this lives the terminal does not echo, except the line break.
struct Quiet<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: BorrowedFd<'a>) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(terminal, OptionalActions::Now, &modes)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    use super::*;

    #[test]
    fn a_terminal_is_quiet_only_meanwhile() {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let terminal = ioctl_tiocgptpeer(&near, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        let shows = || {
            let modes = tcgetattr(&terminal).unwrap().local_modes;
            modes.contains(LocalModes::ECHO)
        };
        assert!(shows());
        let quiet = Quiet::begin(terminal.as_fd()).unwrap();
        assert!(!shows());
        drop(quiet);
        assert!(shows());
    }
}
