//! Handles each command.

use std::borrow::Cow;

use smtp_proto::{
    Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo, Request,
};

use super::chunks::announced;
use super::{Data, Envelope, Session, State, shown, too_large};

/// The address that every mail server accepts mail for (RFC 5321 section 4.5.1).
const POSTMASTER: &str = "postmaster";

impl Session {
    /// Handles a command, CRLF included.
    pub(super) fn command(&mut self, line: &[u8]) {
        self.commands += 1;
        if self.commands > self.config.limits.commands {
            self.end("421 4.7.0", "too many commands; goodbye");
            return;
        }
        if is_bdat(line) {
            let text = String::from_utf8_lossy(line);
            match announced(&text) {
                Some((size, last)) => self.begin_chunk(size, last),
                None => self.end("501 5.5.4", "expected: BDAT size [LAST]"),
            }
            return;
        }
        match Request::parse(&mut line.iter()) {
            // The parser returns an empty address for the postmaster without a domain.
            Ok(Request::Rcpt { mut to }) if to.address.is_empty() && names_postmaster(line) => {
                to.address = Cow::Borrowed(POSTMASTER);
                self.rcpt(&to);
            }
            Ok(request) => self.request(request),
            Err(error) => self.misunderstood(&error),
        }
    }

    fn misunderstood(&mut self, error: &Error) {
        match error {
            Error::UnknownCommand => self.refuse("500 5.5.1", "there is no such command"),
            Error::InvalidSenderAddress => {
                self.refuse("501 5.1.7", "the sender's address is not valid");
            }
            Error::InvalidRecipientAddress => {
                self.refuse("501 5.1.3", "the recipient's address is not valid");
            }
            Error::SyntaxError { syntax } => {
                self.refuse("501 5.5.4", &format!("expected: {syntax}"));
            }
            Error::InvalidParameter { param } => {
                self.refuse("501 5.5.4", &format!("the value of {param} is not valid"));
            }
            Error::UnsupportedParameter { param } => {
                let sentence = format!("the parameter {} is not supported", shown(param));
                self.refuse("555 5.5.4", &sentence);
            }
            Error::NeedsMoreData { .. }
            | Error::ResponseTooLong
            | Error::InvalidResponse { .. } => {
                self.refuse("500 5.5.2", "the command cannot be understood");
            }
        }
    }

    fn request(&mut self, request: Request<Cow<'_, str>>) {
        match request {
            Request::Ehlo { host } => self.hello(&host, true),
            Request::Helo { host } => self.hello(&host, false),
            Request::Mail { from } => self.mail(&from),
            Request::Rcpt { to } => self.rcpt(&to),
            Request::Data => self.begin_data(),
            Request::Rset => {
                self.forget();
                self.reply("250 2.0.0", "OK");
            }
            Request::Noop { .. } => self.reply("250 2.0.0", "OK"),
            Request::Help { .. } => self.reply("214 2.0.0", "see RFC 5321"),
            // Never reveals who exists (RFC 5321 section 7.3).
            Request::Vrfy { .. } => {
                self.reply(
                    "252 2.5.0",
                    "addresses are not verified here; try to send mail",
                );
            }
            Request::Quit => self.end("221 2.0.0", "good bye"),
            Request::StartTls => self.start_tls(),
            other => {
                let sentence = format!("{} is not implemented here", other.name());
                self.refuse("502 5.5.1", &sentence);
            }
        }
    }

    fn hello(&mut self, host: &str, extended: bool) {
        self.forget();
        self.extended = extended;
        self.helo = Some(
            host.chars()
                .filter(|c| !c.is_control() && !c.is_whitespace())
                .take(255)
                .collect(),
        );
        if !extended {
            let hostname = self.config.hostname.clone();
            self.reply("250", &hostname);
            return;
        }
        let mut lines = vec![
            self.config.hostname.clone(),
            "PIPELINING".to_owned(),
            format!("SIZE {}", self.config.limits.size),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "CHUNKING".to_owned(),
        ];
        if self.config.starttls && !self.secure {
            lines.push("STARTTLS".to_owned());
        }
        for line in lines {
            self.out
                .extend_from_slice(format!("250-{line}\r\n").as_bytes());
        }
        self.reply("250", "ENHANCEDSTATUSCODES");
    }

    fn start_tls(&mut self) {
        if self.secure || !self.config.starttls {
            self.refuse("502 5.5.1", "STARTTLS is not offered");
        } else if !self.unread().is_empty() {
            // Bytes received with it were not protected and must not be treated as protected.
            self.end(
                "501 5.5.2",
                "nothing may follow STARTTLS before TLS has begun",
            );
        } else {
            self.reply("220 2.0.0", "begin TLS");
            self.state = State::Securing;
        }
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>) {
        const KNOWN: u64 = MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_SMTPUTF8;
        let limits = &self.config.limits;
        let plain = MailFrom {
            address: Cow::Borrowed(""),
            flags: 0,
            size: 0,
            ..from.clone()
        } == MailFrom::default();
        let utf8 = from.flags & MAIL_SMTPUTF8 != 0;
        if self.helo.is_none() {
            self.refuse("503 5.5.1", "send EHLO first");
        } else if self.envelope.is_some() {
            self.refuse(
                "503 5.5.1",
                "a sender was already given; use RSET to start over",
            );
        } else if self.mails >= limits.mails {
            self.end(
                "421 4.7.0",
                "too many mails on this connection; connect again",
            );
        } else if !plain || from.flags & !KNOWN != 0 || (!self.extended && from.flags != 0) {
            self.refuse("555 5.5.4", "a parameter of MAIL is not supported");
        } else if from.size > limits.size {
            self.refuse("552 5.3.4", &too_large(limits.size));
        } else if !utf8 && !from.address.is_ascii() {
            self.refuse(
                "553 5.6.7",
                "an address with such characters requires SMTPUTF8",
            );
        } else {
            self.envelope = Some(Envelope {
                from: from.address.clone().into_owned(),
                size: from.size,
                utf8,
                to: Vec::new(),
            });
            self.reply("250 2.1.0", "OK");
        }
    }

    fn rcpt(&mut self, to: &RcptTo<Cow<'_, str>>) {
        let most = self.config.limits.recipients;
        let plain = to.orcpt.is_none() && to.rrvs == 0 && to.flags == 0;
        let Some(envelope) = &self.envelope else {
            self.refuse("503 5.5.1", "send MAIL FROM first");
            return;
        };
        if self.chunks.is_some() {
            self.refuse("503 5.5.1", "the mail has already begun");
            return;
        }
        if !plain {
            self.refuse("555 5.5.4", "a parameter of RCPT is not supported");
            return;
        }
        if envelope.to.len() >= most {
            self.refuse(
                "452 4.5.3",
                &format!("a mail may have at most {most} recipients"),
            );
            return;
        }
        // RFC 5321 section 4.1.1.3: the postmaster needs no domain.
        let (local, domain) = match to.address.rsplit_once('@') {
            Some((local, domain)) => (local, domain),
            None if to.address.eq_ignore_ascii_case(POSTMASTER) => {
                (POSTMASTER, self.config.mail_domain.as_str())
            }
            None => {
                self.refuse("550 5.1.1", "an address needs a domain");
                return;
            }
        };
        if !domain.eq_ignore_ascii_case(&self.config.mail_domain) {
            let sentence = format!("<{}>: nothing is relayed here", shown(&to.address));
            self.refuse("550 5.7.1", &sentence);
            return;
        }
        let local = local.to_ascii_lowercase();
        let address = format!("{local}@{}", self.config.mail_domain);
        self.state = State::Lookup(address);
        // An address that cannot exist here needs no lookup.
        if local != POSTMASTER && !protocol::is_mail_local_part(&local) {
            self.recipient(super::Recipient::Unknown);
        }
    }

    fn begin_data(&mut self) {
        match &self.envelope {
            None => self.refuse("503 5.5.1", "send MAIL FROM first"),
            Some(_) if self.chunks.is_some() => {
                self.refuse(
                    "503 5.5.1",
                    "the mail was started in chunks; continue with BDAT",
                );
            }
            Some(envelope) if envelope.to.is_empty() => {
                self.refuse("554 5.5.1", "there is no valid recipient");
            }
            Some(_) => {
                let limits = &self.config.limits;
                self.state = State::Data(Box::new(Data::new(limits.size)));
                self.reply("354", "end with a dot on a line of its own");
            }
        }
    }
}

/// Returns whether a command announces a chunk. The parser skips spaces before a verb, and some senders write tabs;
/// whatever they mean, bytes follow.
fn is_bdat(line: &[u8]) -> bool {
    let verb = line.trim_ascii_start().get(..4);
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
}

/// Returns whether a command names the postmaster without a domain (RFC 5321 section 4.1.1.3).
fn names_postmaster(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line).to_ascii_lowercase();
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.is_some_and(|(address, _)| address.trim() == POSTMASTER)
}
