//! Where mail ends up in tests: Postfix's `smtp-sink`, which can refuse and break off at every step; and a DNS server
//! that points to it.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use mail_parser::MessageParser;
use tempfile::TempDir;
use test_dns::Answer;

use super::mail::wait_for;

/// A mail as received.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The output of smtp-sink: `X-…` lines about the envelope, then the mail.
    pub(crate) whole: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Arrived {
    /// The envelope's sender.
    pub(crate) fn from(&self) -> &str {
        let line = self
            .whole
            .lines()
            .find_map(|l| l.strip_prefix("X-Mail-Args: "));
        line.unwrap().split(['<', '>']).nth(1).unwrap()
    }

    /// The mail without smtp-sink's lines about the envelope, with lines ending in CRLF.
    pub(crate) fn mail(&self) -> String {
        let lines = self.whole.lines();
        let lines = lines.skip_while(|line| line.starts_with("X-"));
        lines.map(|line| format!("{line}\r\n")).collect()
    }

    /// The rest of the first line that begins with this.
    pub(crate) fn after(&self, begin: &str) -> String {
        let at = self
            .text
            .find(begin)
            .unwrap_or_else(|| panic!("{begin}: {}", self.text));
        let rest = &self.text[at + begin.len()..];
        rest.lines().next().unwrap().trim().to_owned()
    }
}

/// An smtp-sink that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    child: Child,
    folder: TempDir,
}

impl Sink {
    /// Starts it; `flags` make it misbehave.
    pub(crate) fn start(address: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let child = Command::new("/usr/sbin/smtp-sink")
            .args(["-u", "nobody", "-d"])
            .arg(folder.path().join("mail."))
            .args(flags)
            .args([address, "100"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(|| TcpStream::connect(address).ok());
        Self { child, folder }
    }

    /// All mails that arrived completely.
    pub(crate) fn mails(&self) -> Vec<Arrived> {
        let mut mails = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            let whole = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            // An aborted one has no end; the file of an open transaction is not complete.
            let Some(parsed) = MessageParser::default().parse(bytes.as_slice()) else {
                continue;
            };
            if parsed.message_id().is_none() || !whole.contains("\n\n") {
                continue;
            }
            mails.push(Arrived {
                subject: parsed.subject().unwrap_or_default().to_owned(),
                text: parsed
                    .body_text(0)
                    .unwrap_or_default()
                    .replace("\r\n", "\n"),
                whole,
            });
        }
        mails
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A DNS server that knows one domain, whose mail server is on loopback.
pub(crate) fn dns(domain: &'static str) -> String {
    let server = format!("mx.{domain}");
    let answer = move |name: &str, kind| match (name == domain, kind) {
        // MX 10 mx.<domain>, and its address.
        (true, test_dns::MX) => Answer::Record(vec![0, 10, 2, b'm', b'x', 0xc0, 12]),
        (false, test_dns::A) if name == server => Answer::Record(vec![127, 0, 0, 1]),
        (true, _) => Answer::Nothing,
        _ if name == server => Answer::Nothing,
        _ => Answer::Unknown,
    };
    test_dns::serve(answer).unwrap().to_string()
}
