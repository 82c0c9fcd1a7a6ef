//! Where mail ends in tests: Postfix's `smtp-sink`, which can refuse and break off at every step; and a DNS server
//! that leads there.

use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};

use mail_parser::MessageParser;
use tempfile::TempDir;

use super::mail::wait_for;

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// What smtp-sink wrote: `X-…` lines about the envelope, then the mail.
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

    /// The mail without what smtp-sink says of the envelope, its lines ending in CRLF.
    pub(crate) fn mail(&self) -> String {
        let lines = self.whole.lines();
        let lines = lines.skip_while(|line| line.starts_with("X-"));
        lines.map(|line| format!("{line}\r\n")).collect()
    }

    /// The rest of the first line with this.
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

    /// All mails that arrived whole.
    pub(crate) fn mails(&self) -> Vec<Arrived> {
        let mut mails = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            let whole = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            // What broke off has no end; a file of an open transaction is not complete.
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

/// A DNS server (RFC 1035 section 4) that knows one domain, whose mail server is on loopback, until the process ends.
pub(crate) fn dns(domain: &'static str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length], domain) {
                drop(socket.send_to(&answer, peer));
            }
        }
    });
    address
}

fn answer(query: &[u8], domain: &str) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let question = query.get(12..at + 4)?;
    let kind = query.get(at..at + 2)?;
    let name = labels.join(".");
    let known = name == domain || name == format!("mx.{domain}");
    // MX 10 mx.<domain>, and its address.
    let data: Option<Vec<u8>> = match kind {
        [0, 15] if name == domain => Some(vec![0, 10, 2, b'm', b'x', 0xc0, 12]),
        [0, 1] if known && name != domain => Some(vec![127, 0, 0, 1]),
        _ => None,
    };
    let mut out = query.get(..2)?.to_vec();
    let code = if known { 0x80 } else { 0x83 };
    out.extend([0x81, code, 0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
    out.extend(question);
    if let Some(data) = data {
        out.extend([0xc0, 12, kind[0], kind[1], 0, 1, 0, 0, 0, 60, 0]);
        out.push(u8::try_from(data.len()).ok()?);
        out.extend(data);
    }
    Some(out)
}
