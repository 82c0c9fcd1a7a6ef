//! Limits the messages of a WebSocket as long as its client is not authenticated.
//!
//! WebSocket libraries have one limit for all connections. Here the lengths announced by frames are parsed as the bytes
//! arrive, before any of the payload is buffered.

use std::io;
use std::sync::{Arc, Mutex};

use mutex::lock;

/// The limit of a connection, in the extensions of its requests with the header `Upgrade`: the handler that responds
/// with an upgrade may set it first.
#[derive(Clone, Default)]
pub struct MessageBound {
    rule: Arc<Mutex<Option<Rule>>>,
    written: Arc<Mutex<Option<Written>>>,
}

/// Called with the number of bytes written to an upgraded connection.
type Written = Box<dyn Fn(usize) + Send>;

struct Rule {
    most: u64,
    lifted: Box<dyn Fn() -> bool + Send>,
    over: Box<dyn FnMut() -> bool + Send>,
}

impl std::fmt::Debug for MessageBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageBound").finish_non_exhaustive()
    }
}

impl MessageBound {
    /// Closes the connection at a message of more bytes, unless `lifted` returns that the limit no longer applies.
    pub fn set(&self, most: u64, lifted: impl Fn() -> bool + Send + 'static) {
        self.set_until(most, lifted, || false);
    }

    /// Like [`Self::set`]; also closes the upgraded connection soon after `over` returns that it is no longer needed.
    pub fn set_until(
        &self,
        most: u64,
        lifted: impl Fn() -> bool + Send + 'static,
        over: impl FnMut() -> bool + Send + 'static,
    ) {
        let (lifted, over) = (Box::new(lifted), Box::new(over));
        *lock(&self.rule) = Some(Rule { most, lifted, over });
    }

    /// Calls `written` with the number of bytes that the system has accepted for the peer, once the connection is
    /// upgraded; the head of the upgrading response is included.
    pub fn count_written(&self, written: impl Fn(usize) + Send + 'static) {
        let mut known = lock(&self.written);
        *known = Some(Box::new(written));
    }

    fn written(&self, bytes: usize) {
        let written = lock(&self.written);
        if let Some(written) = &*written {
            written(bytes);
        }
    }

    fn is_over(&self) -> bool {
        let mut rule = lock(&self.rule);
        rule.as_mut().is_some_and(|rule| (rule.over)())
    }

    fn check(&self, length: u64) -> io::Result<()> {
        let rule = lock(&self.rule);
        match &*rule {
            Some(rule) if length > rule.most && !(rule.lifted)() => {
                let text = "the WebSocket message is too long for an unauthenticated client";
                Err(io::Error::new(io::ErrorKind::InvalidData, text))
            }
            _ => Ok(()),
        }
    }
}

/// Follows what is read from a connection: heads of requests, and frames after an upgrade.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    bound: MessageBound,
    line: Line,
    /// How many bytes followed the last head; `None` while a head arrives.
    behind: Option<usize>,
    upgraded: bool,
    frames: Frames,
}

/// The position of the last byte within a line of a head.
#[derive(Clone, Copy, Debug, Default)]
enum Line {
    #[default]
    Within,
    /// At the beginning of the next.
    Begun,
    /// After its CR.
    Return,
}

impl Line {
    const fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (_, b'\n') => Self::Begun,
            (Self::Begun, b'\r') => Self::Return,
            _ => Self::Within,
        }
    }
}

impl Reading {
    pub(crate) fn new(bound: MessageBound) -> Self {
        Self {
            bound,
            ..Self::default()
        }
    }

    /// Whether the connection is no longer needed.
    pub(crate) fn is_over(&self) -> bool {
        self.bound.is_over()
    }

    /// Counts bytes that were written after the upgrade.
    pub(crate) fn written(&self, bytes: usize) {
        self.bound.written(bytes);
    }

    /// The first bytes of a head are about to be read.
    pub(crate) const fn begin_head(&mut self) {
        self.behind = None;
    }

    /// Processes bytes read before the upgrade; `head` tells whether a head is arriving.
    pub(crate) fn http(&mut self, bytes: &[u8], head: bool) {
        match &mut self.behind {
            Some(behind) => *behind += bytes.len(),
            None if head => self.behind = self.after_head(bytes),
            None => {}
        }
        // Only the last two matter for how the next one begins: a body may be long.
        let (before, last) = bytes.split_at(bytes.len().saturating_sub(2));
        if !before.is_empty() {
            self.line = Line::Within;
        }
        for byte in last {
            self.line = self.line.then(*byte);
        }
    }

    /// How many bytes follow the empty line that ends a head, if it is among them.
    fn after_head(&self, bytes: &[u8]) -> Option<usize> {
        let (mut line, mut rest) = (self.line, bytes);
        loop {
            // Within a line only its end matters.
            if matches!(line, Line::Within) {
                let end = rest.iter().position(|byte| *byte == b'\n')?;
                (line, rest) = (Line::Begun, rest.get(end + 1..).unwrap_or_default());
            }
            let (first, after) = rest.split_first()?;
            if *first == b'\n' {
                return Some(after.len());
            }
            (line, rest) = (line.then(*first), after);
        }
    }

    /// Processes bytes read after the upgrade.
    ///
    /// # Errors
    /// If a message is too long, or frames arrived before the upgrade response, so that their beginning is unknown.
    pub(crate) fn frames(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.upgraded {
            if self.behind != Some(0) {
                self.bound.check(u64::MAX)?;
            }
            self.upgraded = true;
        }
        self.frames.take(bytes, |length| self.bound.check(length))
    }
}

/// The longest head of a frame (RFC 6455, section 5.2).
const MAX_HEAD: usize = 14;

#[derive(Debug, Default)]
struct Frames {
    head: [u8; MAX_HEAD],
    /// Bytes of the head received so far.
    here: usize,
    /// Remaining bytes of the payload.
    left: u64,
    /// Bytes of the message so far, including the announced ones.
    message: u64,
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8], check: impl Fn(u64) -> io::Result<()>) -> io::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let length = bytes
                    .len()
                    .min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= length as u64;
                bytes = bytes.get(length..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.head.get_mut(self.here) {
                *place = *first;
            }
            self.here += 1;
            bytes = rest;
            if let Some(length) = self.length() {
                let kind = self.head[0] & 0x0f;
                // Control frames come between the frames of a message, and are short.
                if kind < 8 {
                    let before = if kind == 0 { self.message } else { 0 };
                    self.message = before.saturating_add(length);
                    check(self.message)?;
                }
                (self.here, self.left) = (0, length);
            }
        }
        Ok(())
    }

    /// The length of the payload, once the head is complete.
    fn length(&self) -> Option<u64> {
        if self.here < 2 {
            return None;
        }
        let [_, second, rest @ ..] = &self.head;
        let (size, short) = match second & 0x7f {
            126 => (2, None),
            127 => (8, None),
            short => (0, Some(u64::from(short))),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.here < 2 + size + mask {
            return None;
        }
        let long = rest.iter().take(size);
        let long = long.fold(0, |length, byte| length << 8 | u64::from(*byte));
        Some(short.unwrap_or(long))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    /// A frame as sent by clients.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 | length as u8),
            126..0x1_0000 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[1, 2, 3, 4]);
        frame.resize(frame.len() + length, b'\n');
        frame
    }

    fn bound(most: u64) -> (MessageBound, Arc<AtomicBool>) {
        let (bound, known) = (MessageBound::default(), Arc::new(AtomicBool::new(false)));
        let lifted = Arc::clone(&known);
        bound.set(most, move || lifted.load(Relaxed));
        (bound, known)
    }

    fn upgraded(bound: &MessageBound) -> Reading {
        let mut reading = Reading::new(bound.clone());
        reading.begin_head();
        reading.http(b"GET / HTTP/1.1\r\nupgrade: websocket\r\n\r\n", true);
        reading
    }

    #[test]
    fn messages_are_measured_however_they_are_cut() {
        let story = [
            frame(0x81, 16_384),
            frame(0x89, 5),
            frame(0x01, 10_000),
            frame(0x8a, 0),
            frame(0x80, 6_384),
            frame(0x82, 125),
        ]
        .concat();
        for step in [1, 2, 3, 7, 1_000, 100_000] {
            let (bound, _) = bound(16_384);
            let mut reading = upgraded(&bound);
            for part in story.chunks(step) {
                reading.frames(part).unwrap();
            }
            for long in [
                frame(0x81, 16_385),
                frame(0x82, 70_000),
                [frame(0x01, 10_000), frame(0x00, 6_385)].concat(),
            ] {
                let mut reading = upgraded(&bound);
                reading.frames(&story).unwrap();
                let read = long.chunks(step).try_for_each(|part| reading.frames(part));
                assert!(read.is_err(), "{step}");
            }
        }
    }

    #[test]
    fn it_is_the_head_that_tells_before_anything_is_kept() {
        let (bound, known) = bound(16_384);
        let long = frame(0x81, 100_000);
        assert!(upgraded(&bound).frames(&long[..10]).is_ok());
        assert!(upgraded(&bound).frames(&long[..14]).is_err());
        known.store(true, Relaxed);
        upgraded(&bound).frames(&long).unwrap();
        // Nor after an overflow.
        let mut endless = frame(0x01, 0x1_0000);
        endless[2..10].copy_from_slice(&u64::MAX.to_be_bytes());
        known.store(false, Relaxed);
        assert!(upgraded(&bound).frames(&endless).is_err());
    }

    #[test]
    fn what_comes_behind_a_head_is_counted_however_it_is_cut() {
        for (text, behind) in [
            (&b"GET / HTTP/1.1\r\na: b\r\n\r\n"[..], Some(0)),
            (b"GET / HTTP/1.1\na: b\n\nabc", Some(3)),
            (b"GET / HTTP/1.1\r\n\n\r\n\r\n", Some(4)),
            (b"GET / HTTP/1.1\r\r\n\ra\r\n\r\nx", Some(1)),
            (b"GET / HTTP/1.1\r\r\n\r\r\na\r\n", None),
            (b"GET / HTTP/1.1\r\n\r", None),
        ] {
            for step in 1..=text.len() {
                let mut reading = Reading::default();
                text.chunks(step).for_each(|part| reading.http(part, true));
                assert_eq!(reading.behind, behind, "{text:?} by {step}");
            }
        }
    }

    #[test]
    fn frames_before_the_upgrade_hide_nothing() {
        let head = b"GET / HTTP/1.1\r\nupgrade: websocket\r\n\r\n";
        let (bound, known) = bound(16_384);
        for early in [&b"\x81"[..], b"\x81\xff\r\n\r\n", b"\n"] {
            let mut reading = Reading::new(bound.clone());
            reading.begin_head();
            reading.http(&[head, early].concat(), true);
            assert!(reading.frames(b"\x81").is_err(), "{early:?}");
        }
        // Nor bytes that arrived while the previous request was handled.
        let mut reading = Reading::new(bound.clone());
        reading.begin_head();
        reading.http(b"GET / HTTP/1.1\n\n", true);
        reading.http(head, false);
        assert!(reading.frames(b"\x81").is_err());
        let mut reading = Reading::new(bound);
        reading.begin_head();
        reading.http(b"GET / HTTP/1.1\n\n", true);
        reading.http(&head[..head.len() - 1], false);
        reading.begin_head();
        reading.http(b"\n\x81\r\n\r\n", true);
        assert!(reading.frames(b"\x81").is_err());
        known.store(true, Relaxed);
        assert!(reading.frames(b"\x81").is_ok());
    }
}
