//! An SMTP connection as a state machine: bytes and answers in, steps out. No sockets, no clock.
//!
//! RFC 5321 with PIPELINING (RFC 2920), SIZE (1870), 8BITMIME (6152), SMTPUTF8 (6531), STARTTLS (3207), CHUNKING
//! (3030) and ENHANCEDSTATUSCODES (2034). It accepts mail for existing addresses of one domain, and relays nothing.
//! Lines end in CRLF and nothing else, except in chunks, whose end no line can imitate.

mod chunks;
mod commands;
mod data;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chunks::Chunks;
use data::{Data, Progress, TooLarge};

use crate::config::Limits;

/// The configuration shared by all connections.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The server's name in its greeting.
    pub hostname: String,
    /// The domain whose addresses are accepted, in lower case.
    pub mail_domain: String,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Limits.
    pub limits: Limits,
}

/// What has to happen next.
#[derive(Debug)]
pub enum Step {
    /// Bytes from the client are needed: [`Session::receive`].
    Receive,
    /// Send these bytes to the client.
    Send(Vec<u8>),
    /// Start TLS, then call [`Session::secured`].
    StartTls,
    /// Look up whether this address exists, then call [`Session::recipient`].
    Lookup(String),
    /// A mail is complete; once it is durable or refused, call [`Session::delivered`].
    Deliver(Box<Mail>),
    /// Close the connection.
    Close,
}

/// Whether an address exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recipient {
    /// It does.
    Known,
    /// It does not.
    Unknown,
    /// It received too many mails recently.
    Busy,
    /// It cannot be determined at the moment.
    Unavailable,
    /// There is no room for a mail, whoever its recipient.
    NoRoom,
}

/// The decision about a mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is durable, with this id.
    Queued(String),
    /// It is refused: code with enhanced code, and a sentence.
    Refused(&'static str, String),
}

/// A complete mail with its envelope.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mail {
    /// The client's name for itself.
    pub helo: String,
    /// The protocol for `Received`: SMTP, ESMTP, ESMTPS, UTF8SMTP… (RFC 3848, RFC 6531).
    pub protocol: &'static str,
    /// The envelope's sender; empty for notifications.
    pub from: String,
    /// Existing addresses in lower case, each once.
    pub to: Vec<String>,
    /// The mail, with lines ending in CRLF.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Envelope {
    from: String,
    /// The announced size of the mail in bytes, if any.
    size: usize,
    utf8: bool,
    to: Vec<String>,
}

#[derive(Debug)]
enum State {
    Command,
    Data(Box<Data>),
    /// Receiving the bytes of a chunk.
    Chunk,
    Lookup(String),
    Delivering(Option<Box<Mail>>),
    /// After the response to STARTTLS was sent.
    Securing,
    Closing,
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    state: State,
    input: Vec<u8>,
    /// Start of the unread input.
    start: usize,
    out: Vec<u8>,
    helo: Option<String>,
    extended: bool,
    secure: bool,
    envelope: Option<Envelope>,
    /// A mail being received in chunks.
    chunks: Option<Box<Chunks>>,
    commands: u32,
    bad: u32,
    mails: u32,
}

impl Session {
    /// Starts a connection; the first step sends the greeting.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>) -> Self {
        let mut session = Self {
            config,
            state: State::Command,
            input: Vec::new(),
            start: 0,
            out: Vec::new(),
            helo: None,
            extended: false,
            secure: false,
            envelope: None,
            chunks: None,
            commands: 0,
            bad: 0,
            mails: 0,
        };
        let greeting = format!("{} ESMTP Subspace", session.config.hostname);
        session.reply("220", &greeting);
        session
    }

    /// Adds bytes from the client.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// Bytes of a mail being received.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.state {
            State::Data(data) => data.held(),
            _ => self.chunks.as_ref().map_or(0, |chunks| chunks.held()),
        }
    }

    /// The announced size, in bytes, of the mail whose recipients are being looked up.
    #[must_use]
    pub fn announced(&self) -> usize {
        self.envelope.as_ref().map_or(0, |envelope| envelope.size)
    }

    /// Returns what has to happen next.
    pub fn next_step(&mut self) -> Step {
        loop {
            match &mut self.state {
                State::Lookup(address) => return Step::Lookup(address.clone()),
                State::Delivering(mail) => match mail.take() {
                    Some(mail) => return Step::Deliver(mail),
                    None => return Step::Receive,
                },
                State::Securing if self.out.is_empty() => return Step::StartTls,
                State::Closing if self.out.is_empty() => return Step::Close,
                State::Securing | State::Closing => return self.send(),
                State::Data(_) => {
                    // The client waits for the go-ahead.
                    if !self.out.is_empty() {
                        return self.send();
                    }
                    if !self.data() {
                        return Step::Receive;
                    }
                }
                State::Chunk => {
                    if !self.chunk() {
                        return if self.out.is_empty() {
                            Step::Receive
                        } else {
                            self.send()
                        };
                    }
                }
                State::Command => {
                    if self.out.len() >= MAX_ANSWERS {
                        return self.send();
                    }
                    if !self.line() {
                        return if self.out.is_empty() {
                            Step::Receive
                        } else {
                            self.send()
                        };
                    }
                }
            }
        }
    }

    /// Continues after [`Step::StartTls`]: everything sent before is forgotten (RFC 3207 section 4.2).
    pub fn secured(&mut self) {
        self.secure = true;
        self.helo = None;
        self.forget();
        self.input.clear();
        self.start = 0;
        self.state = State::Command;
    }

    /// Answers [`Step::Lookup`].
    pub fn recipient(&mut self, recipient: Recipient) {
        let State::Lookup(address) = std::mem::replace(&mut self.state, State::Command) else {
            return;
        };
        let shown = shown(&address);
        match recipient {
            Recipient::Known => {
                if let Some(envelope) = &mut self.envelope
                    && !envelope.to.contains(&address)
                {
                    envelope.to.push(address);
                }
                self.reply("250 2.1.5", "OK");
            }
            Recipient::Unknown => {
                self.refuse(
                    "550 5.1.1",
                    &format!("<{shown}>: there is no such address here"),
                );
            }
            Recipient::Busy => self.refuse(
                "450 4.2.1",
                &format!("<{shown}>: this address received too much mail; try again later"),
            ),
            Recipient::Unavailable => self.reply(
                "451 4.3.0",
                &format!("<{shown}>: addresses cannot be looked up at the moment; try again later"),
            ),
            Recipient::NoRoom => self.reply("452 4.3.1", "the disk is full; try again later"),
        }
    }

    /// Answers [`Step::Deliver`].
    pub fn delivered(&mut self, verdict: &Verdict) {
        self.state = State::Command;
        match verdict {
            Verdict::Queued(id) => {
                self.mails += 1;
                self.reply("250 2.0.0", &format!("queued as {id}"));
            }
            Verdict::Refused(code, sentence) => self.refuse(code, sentence),
        }
    }

    /// Ends the connection with a reason: silence for too long, or the server is stopping.
    pub fn end(&mut self, code: &str, sentence: &str) {
        self.reply(code, sentence);
        self.state = State::Closing;
    }

    fn send(&mut self) -> Step {
        Step::Send(std::mem::take(&mut self.out))
    }

    fn unread(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// Handles the next command line; returns false if there is none yet.
    fn line(&mut self) -> bool {
        let most = self.config.limits.command_line;
        let unread = self.unread();
        let Some(end) = unread.iter().position(|&byte| byte == b'\n') else {
            if unread.len() > most {
                self.end("500 5.5.2", &format!("a line is longer than {most} bytes"));
                return true;
            }
            return false;
        };
        let line = unread.get(..=end).unwrap_or_default().to_vec();
        self.start += line.len();
        if line.len() > most {
            self.end("500 5.5.2", &format!("a line is longer than {most} bytes"));
            return true;
        }
        let body = line.strip_suffix(b"\r\n");
        match body {
            Some(body) if !body.contains(&b'\r') && !body.contains(&0) => self.command(&line),
            _ => self.end(
                "500 5.5.2",
                "a line has a CR, LF or NUL inside; lines end with CRLF and nothing else",
            ),
        }
        true
    }

    /// Processes the available part of a mail; returns false if more is needed.
    fn data(&mut self) -> bool {
        let State::Data(data) = &mut self.state else {
            return true;
        };
        let unread = self.input.get(self.start..).unwrap_or_default();
        if unread.is_empty() {
            return false;
        }
        let (taken, progress) = data.push(unread);
        self.start += taken;
        let size = self.config.limits.size;
        match progress {
            Progress::More => return false,
            Progress::End => self.complete(),
            Progress::Bare => self.end(
                "550 5.6.0",
                "the mail has a CR or LF that is not a line end; lines end with CRLF and nothing else",
            ),
            Progress::Flood => self.end("552 5.3.4", &too_large(size)),
        }
        true
    }

    /// Forgets a mail in progress.
    fn forget(&mut self) {
        self.envelope = None;
        self.chunks = None;
    }

    fn complete(&mut self) {
        let State::Data(data) = std::mem::replace(&mut self.state, State::Command) else {
            return;
        };
        match data.finish() {
            Ok(bytes) => self.deliver(bytes),
            Err(TooLarge) => {
                self.envelope = None;
                let size = self.config.limits.size;
                self.refuse("552 5.3.4", &too_large(size));
            }
        }
    }

    fn deliver(&mut self, bytes: Vec<u8>) {
        let envelope = self.envelope.take().unwrap_or_default();
        let protocol = match (self.extended, envelope.utf8, self.secure) {
            (_, true, true) => "UTF8SMTPS",
            (_, true, false) => "UTF8SMTP",
            (true, false, true) => "ESMTPS",
            (true, false, false) => "ESMTP",
            (false, false, _) => "SMTP",
        };
        self.state = State::Delivering(Some(Box::new(Mail {
            helo: self.helo.clone().unwrap_or_default(),
            protocol,
            from: envelope.from,
            to: envelope.to,
            bytes,
        })));
    }

    fn reply(&mut self, code: &str, sentence: &str) {
        self.out.extend_from_slice(code.as_bytes());
        self.out.push(b' ');
        // Whatever is in a sentence, a response is one line of ASCII.
        self.out
            .extend(sentence.bytes().filter(|byte| (b' '..=b'~').contains(byte)));
        self.out.extend_from_slice(b"\r\n");
    }

    /// Refuses something; a client refused too often is disconnected.
    fn refuse(&mut self, code: &str, sentence: &str) {
        self.bad += 1;
        self.reply(code, sentence);
        if self.bad >= self.config.limits.bad_commands {
            self.end("421 4.7.0", "too many commands were refused; goodbye");
        }
    }
}

/// Bytes of responses that may be queued before they are sent.
const MAX_ANSWERS: usize = 16 * 1024;

fn too_large(limit: usize) -> String {
    format!("the mail is larger than {limit} bytes")
}

/// The part of an address that may be shown in a response.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}
