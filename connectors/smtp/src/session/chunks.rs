//! The bytes after BDAT (RFC 3030): as many as announced, whatever they are.
//!
//! Nothing in them is a command or the end of a mail, so bare LF and CR are harmless. They become CRLF: some senders
//! (Exchange) can only send mails with bare LF this way, and later readers of the mail then see one kind of line end.

use super::{Session, State, too_large};

/// A mail that is sent in chunks.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    bytes: Vec<u8>,
    /// Bytes of the current chunk that have not arrived yet.
    left: usize,
    last: bool,
    /// Why the chunk is refused; its bytes are skipped all the same.
    refused: Option<(&'static str, String)>,
}

/// The result for a chunk.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Chunk {
    /// It is incomplete.
    More,
    /// It is complete; the total number of bytes so far.
    Taken(usize),
    /// It was the last one.
    Last,
    /// It was skipped.
    Refused(&'static str, String),
}

impl Chunks {
    /// Starts a chunk.
    pub(super) fn begin(
        &mut self,
        size: usize,
        last: bool,
        refused: Option<(&'static str, String)>,
    ) {
        self.left = size;
        self.last = last;
        if refused.is_some() {
            self.bytes = Vec::new();
            self.refused = refused;
        }
    }

    /// Bytes held in memory.
    pub(super) const fn held(&self) -> usize {
        self.bytes.len()
    }

    /// Adds bytes; returns how many were used.
    pub(super) fn push(&mut self, input: &[u8]) -> (usize, Chunk) {
        let (chunk, _) = input.split_at(self.left.min(input.len()));
        self.left -= chunk.len();
        if self.refused.is_none() {
            self.bytes.extend_from_slice(chunk);
        }
        let state = match (self.left, self.refused.take(), self.last) {
            (0, Some((code, sentence)), _) => Chunk::Refused(code, sentence),
            (0, None, true) => Chunk::Last,
            (0, None, false) => Chunk::Taken(self.bytes.len()),
            (_, refused, _) => {
                self.refused = refused;
                Chunk::More
            }
        };
        (chunk.len(), state)
    }

    /// The mail, with lines ending in CRLF.
    pub(super) fn finish(self) -> Vec<u8> {
        lines(self.bytes)
    }
}

impl Session {
    /// Starts a chunk. Its bytes will arrive whether or not it is accepted.
    pub(super) fn begin_chunk(&mut self, size: usize, last: bool) {
        let most = self.config.limits.size;
        let held = self.chunks.as_ref().map_or(0, |chunks| chunks.held());
        let refused = match &self.envelope {
            None => Some(("503 5.5.1", "send MAIL FROM first".to_owned())),
            Some(envelope) if envelope.to.is_empty() => {
                Some(("554 5.5.1", "there is no valid recipient".to_owned()))
            }
            Some(_) if held + size > most => Some(("552 5.3.4", too_large(most))),
            Some(_) => None,
        };
        // So much more that it is pointless to wait for its end.
        if refused.is_some() && size > most.saturating_mul(2) {
            self.end("552 5.3.4", &too_large(most));
            return;
        }
        let chunks = self
            .chunks
            .get_or_insert_with(|| Box::new(Chunks::default()));
        chunks.begin(size, last, refused);
        self.state = State::Chunk;
    }

    /// Processes the available part of a chunk; returns false if more is needed.
    pub(super) fn chunk(&mut self) -> bool {
        let Some(chunks) = &mut self.chunks else {
            self.state = State::Command;
            return true;
        };
        let unread = self.input.get(self.start..).unwrap_or_default();
        let (taken, state) = chunks.push(unread);
        self.start += taken;
        if state == Chunk::More {
            return false;
        }
        self.state = State::Command;
        match state {
            Chunk::Taken(bytes) => self.reply("250 2.0.0", &format!("{bytes} bytes so far")),
            Chunk::Refused(code, sentence) => {
                self.forget();
                self.refuse(code, &sentence);
            }
            _ => {
                let bytes = self.chunks.take().unwrap_or_default().finish();
                let size = self.config.limits.size;
                if bytes.len() > size {
                    self.forget();
                    self.refuse("552 5.3.4", &too_large(size));
                } else {
                    self.deliver(bytes);
                }
            }
        }
        true
    }
}

fn lines(bytes: Vec<u8>) -> Vec<u8> {
    let bare = |pair: &[u8]| pair.ends_with(b"\n") != pair.starts_with(b"\r");
    if bytes.ends_with(b"\r\n") && !bytes.starts_with(b"\n") && !bytes.windows(2).any(bare) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' => {
                rest.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            byte => out.push(byte),
        }
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Parses `BDAT 100 LAST`. A client whose announcement is not understood will send the bytes anyway, and they must
/// not be interpreted as commands.
pub(super) fn announced(line: &str) -> Option<(usize, bool)> {
    /// More digits are not a valid size.
    const MAX_DIGITS: usize = 12;
    let mut words = line.split_ascii_whitespace().skip(1);
    let size = words.next()?;
    if size.len() > MAX_DIGITS || !size.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some((size.parse().ok()?, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_crlf_however_they_came() {
        for (came, kept) in [
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\rb", "a\r\nb\r\n"),
            ("\na", "\r\na\r\n"),
            ("a\r\r\n.\r\n", "a\r\n\r\n.\r\n"),
            ("a\r", "a\r\n"),
            ("", ""),
        ] {
            assert_eq!(lines(came.into()), kept.as_bytes(), "{came:?}");
        }
    }

    #[test]
    fn sizes_that_are_none_are_not_guessed() {
        assert_eq!(announced("BDAT 12"), Some((12, false)));
        assert_eq!(announced("bdat 0  last"), Some((0, true)));
        for line in [
            "BDAT",
            "BDAT -1",
            "BDAT 1x",
            "BDAT 1 LAST x",
            "BDAT 1 END",
            "BDAT 99999999999999999999999999999",
            "BDAT +1",
        ] {
            assert_eq!(announced(line), None, "{line}");
        }
    }
}
