//! A server with an address for a channel, and senders.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, free_address};
use super::{LIMIT, Space};

/// swaks, without its default output.
pub(crate) fn swaks(server: &str) -> Command {
    let mut command = Command::new("swaks");
    command.args([
        "--server",
        server,
        "--helo",
        "client.example",
        "--timeout",
        "20",
    ]);
    command
}

/// Waits until something exists.
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT * 3, "it did not happen in time");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A mail in the storage.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Its folder, `mail/…/`.
    pub(crate) folder: String,
    pub(crate) summary: Value,
}

/// A server, an account, and an address for #general.
#[derive(Debug)]
pub(crate) struct Inbox {
    space: Space,
    server: Option<Server>,
    token: String,
    pub(crate) session: String,
    pub(crate) smtp: String,
    pub(crate) address: String,
}

impl Inbox {
    pub(crate) fn start(more: &[&str]) -> Self {
        // No test uses the public DNS.
        let mut flags = vec!["--mail-dns", "127.0.0.1:9"];
        flags.extend(more);
        Self::start_at(&free_address(), &flags)
    }

    /// Like [`Inbox::start`], with its SMTP server on an address and without a DNS server.
    pub(crate) fn start_at(smtp: &str, more: &[&str]) -> Self {
        let mut flags = vec!["--mail-listen", smtp, "--mail-checks", "off"];
        flags.extend(more);
        let space = Space::new(&flags);
        space.add("alice");
        let server = space.start();
        let session = space.sign_in("alice");
        let (_, connections) = space.call("GET /api/connections", &session, &Value::Null);
        let connection = connections["connections"][0]["id"].clone();
        let body = json!({"connection": connection, "channel": "#general"});
        let (status, made) = space.call("POST /api/addresses", &session, &body);
        assert_eq!(status, 201, "{made}");
        Self {
            token: space.storage_token("alice"),
            address: made["address"].as_str().unwrap().to_owned(),
            space,
            server: Some(server),
            session,
            smtp: smtp.to_owned(),
        }
    }

    /// SIGKILL, and a restart over the same data.
    pub(crate) fn kill_and_start(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
        self.server = Some(self.space.start());
    }

    /// The server's log.
    pub(crate) fn log(&self) -> String {
        self.server.as_ref().map(Server::log).unwrap_or_default()
    }

    /// A document or a listing.
    pub(crate) fn read(&self, path: &str) -> String {
        let head = format!(
            "GET /storage/alice/{path}\nauthorization: Bearer {}",
            self.token
        );
        let (status, body) = super::request(&self.space.web, &head, "").unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let listing: Value = serde_json::from_str(&self.read(folder)).unwrap();
        let items = listing["items"].as_object().unwrap();
        items.keys().map(|name| format!("{folder}{name}")).collect()
    }

    /// All stored mails.
    pub(crate) fn mails(&self) -> Vec<Stored> {
        let mut folders = vec!["mail/".to_owned()];
        // Address, year, month, day, mail.
        for _ in 0..5 {
            folders = folders
                .iter()
                .flat_map(|folder| self.list(folder))
                .collect();
        }
        folders
            .into_iter()
            .filter(|folder| {
                self.list(folder)
                    .iter()
                    .any(|name| name.ends_with("/mail.json"))
            })
            .map(|folder| Stored {
                summary: serde_json::from_str(&self.read(&format!("{folder}mail.json"))).unwrap(),
                folder,
            })
            .collect()
    }

    /// Mails that were set aside: the functions refused them, or they could not be parsed.
    pub(crate) fn aside(&self) -> usize {
        let incoming = self.space.data().join("smtp/incoming");
        let count = |below: &str| std::fs::read_dir(incoming.join(below)).unwrap().count();
        count("refused") + count("broken")
    }

    pub(crate) fn space(&self) -> &Space {
        &self.space
    }
}

/// A minimal mail client.
#[derive(Debug)]
pub(crate) struct Client {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Sends a mail; `None` if the connection breaks before there is a response.
    pub(crate) fn send(server: &str, to: &str, subject: &str) -> Option<bool> {
        let mail = format!(
            "Message-ID: <{subject}@a.example>\r\nFrom: bob@a.example\r\nSubject: {subject}\r\n\r\ntext\r\n"
        );
        Some(Self::bring(server, to, mail.as_bytes())?.starts_with("250"))
    }

    /// Sends bytes without lines that begin with a dot; returns the response.
    pub(crate) fn bring(server: &str, to: &str, mail: &[u8]) -> Option<String> {
        let mut client = match Self::begin(server, to)? {
            Ok(client) => client,
            Err(refused) => return Some(refused),
        };
        let go_on = client.say(b"DATA\r\n")?;
        if !go_on.starts_with("354") {
            return Some(go_on);
        }
        client.writer.write_all(mail).ok()?;
        client.say(b".\r\n")
    }

    /// Sends a mail in chunks (RFC 3030).
    pub(crate) fn bring_in_chunks(server: &str, to: &str, chunks: &[&[u8]]) -> Option<String> {
        let mut client = match Self::begin(server, to)? {
            Ok(client) => client,
            Err(refused) => return Some(refused),
        };
        let mut said = None;
        for (index, chunk) in chunks.iter().enumerate() {
            let last = if index + 1 == chunks.len() {
                " LAST"
            } else {
                ""
            };
            let command = format!("BDAT {}{last}\r\n", chunk.len());
            said = Some(client.say(&[command.as_bytes(), chunk].concat())?);
        }
        said
    }

    /// Continues until a mail can be sent, or is refused.
    fn begin(server: &str, to: &str) -> Option<Result<Self, String>> {
        let stream = TcpStream::connect(server).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        let mut client = Self {
            writer: stream.try_clone().ok()?,
            reader: BufReader::new(stream),
        };
        client.answer()?;
        for command in [
            "EHLO client.example".to_owned(),
            "MAIL FROM:<bob@a.example>".to_owned(),
            format!("RCPT TO:<{to}>"),
        ] {
            let said = client.say(format!("{command}\r\n").as_bytes())?;
            if said.starts_with(['4', '5']) {
                return Some(Err(said));
            }
        }
        Some(Ok(client))
    }

    fn say(&mut self, bytes: &[u8]) -> Option<String> {
        self.writer.write_all(bytes).ok()?;
        self.answer()
    }

    fn answer(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.as_bytes().get(3) == Some(&b' ') {
                return Some(line);
            }
        }
    }
}
