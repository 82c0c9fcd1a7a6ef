//! A minimal IRC client.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;

use super::watch::Watch;

/// Sends lines, and stores received lines.
#[derive(Debug)]
pub(crate) struct Plain {
    writer: Mutex<TcpStream>,
    pub(crate) lines: Watch<String>,
}

impl Plain {
    /// Connects; `None` if the server is gone.
    pub(crate) fn connect(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        let plain = Self {
            writer: Mutex::new(stream.try_clone().ok()?),
            lines: Watch::new(),
        };
        let (lines, mut answers) = (plain.lines.clone(), stream.try_clone().ok()?);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else {
                    break;
                };
                if let Some(token) = line.strip_prefix("PING ") {
                    let _ = write!(answers, "PONG {token}\r\n");
                }
                lines.push(line);
            }
            lines.end();
        });
        Some(plain)
    }

    /// Connects and signs in; `None` if the server disappears in the meantime.
    pub(crate) fn register(
        address: &str,
        nick: &str,
        password: Option<&str>,
        caps: &str,
    ) -> Option<Self> {
        let plain = Self::connect(address)?;
        if let Some(password) = password {
            plain.say(&format!("PASS :{password}"));
        }
        if !caps.is_empty() {
            plain.say(&format!("CAP REQ :{caps}"));
        }
        plain.say(&format!("NICK {nick}"));
        plain.say(&format!("USER {nick} 0 * :{nick}"));
        if !caps.is_empty() {
            plain.say("CAP END");
        }
        plain.find(" 422 ")?;
        Some(plain)
    }

    /// Joins a channel; `None` if the server disappears in the meantime.
    pub(crate) fn join(&self, channel: &str) -> Option<()> {
        self.say(&format!("JOIN {channel}"));
        self.find(&format!(" {channel} :End of NAMES")).map(drop)
    }

    pub(crate) fn say(&self, line: &str) {
        // Writing to a server that is gone has no effect, which the received lines show.
        let _ = write!(self.writer.lock().unwrap(), "{line}\r\n");
    }

    /// Waits for a line with a text; `None` if the connection ends first.
    pub(crate) fn find(&self, text: &str) -> Option<String> {
        match self.lines.find(0, |line| line.contains(text)) {
            Ok(found) => found.map(|(_, line)| line),
            Err(instead) => panic!("no line with {text:?} but {instead:#?}"),
        }
    }

    /// Waits for a line with a text, which must come.
    pub(crate) fn expect(&self, text: &str) -> String {
        let found = self.find(text);
        found.unwrap_or_else(|| panic!("ended before {text:?}: {:#?}", self.lines.all()))
    }

    pub(crate) fn close(&self) {
        let _ = self.writer.lock().unwrap().shutdown(Shutdown::Both);
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.close();
    }
}
