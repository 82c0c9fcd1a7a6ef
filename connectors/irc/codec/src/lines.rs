//! Splits bytes into lines: RFC 1459 section 2.3 and the limits of IRCv3 message-tags.

/// Maximum length of a line without its tags, CR LF included, in bytes (RFC 1459, section 2.3).
pub const MAX_BODY: usize = 512;

/// Maximum length of a line's tags, including `@` and the space, in bytes (IRCv3 message-tags).
pub const MAX_TAGS: usize = 8191;

/// A line was longer than a message may be, and was dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a line is longer than {limit} bytes")]
pub struct LineTooLong {
    /// The buffer's limit in bytes.
    pub limit: usize,
}

/// Collects bytes and returns whole lines; never holds more than one incomplete line.
#[derive(Clone, Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Everything before this was already returned. It is removed by the next push, all at once: moving the rest for
    /// each line would make many short lines cost the square of their number.
    start: usize,
    /// There is no line break between `start` and this position.
    scanned: usize,
    /// Bytes examined or moved.
    #[cfg(test)]
    work: usize,
    max_tags: usize,
    max_body: usize,
    skipping: bool,
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::new(MAX_TAGS, MAX_BODY)
    }
}

impl LineBuffer {
    /// Creates a buffer with limits for the tags (including `@` and the space) and for the rest (including CR LF), in
    /// bytes.
    #[must_use]
    pub const fn new(max_tags: usize, max_body: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            scanned: 0,
            #[cfg(test)]
            work: 0,
            max_tags,
            max_body,
            skipping: false,
        }
    }

    /// Changes the limit of the part without tags, as ISUPPORT LINELEN may require.
    pub const fn set_max_body(&mut self, max_body: usize) {
        self.max_body = max_body;
    }

    /// Adds received bytes. Call [`LineBuffer::next_line`] until it returns `None` before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
            self.worked(self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    #[cfg(test)]
    const fn worked(&mut self, bytes: usize) {
        self.work += bytes;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests count the work")]
    const fn worked(&self, _: usize) {}

    /// Returns the next whole line without CR and LF; empty lines are skipped.
    ///
    /// # Errors
    /// Once for every line that exceeds the limits; the line is dropped up to its end.
    pub fn next_line(&mut self) -> Option<Result<Vec<u8>, LineTooLong>> {
        loop {
            let end = self
                .bytes
                .get(self.scanned..)?
                .iter()
                .position(|&byte| byte == b'\n');
            let Some(end) = end.map(|end| end + self.scanned) else {
                self.worked(self.bytes.len() - self.scanned);
                self.scanned = self.bytes.len();
                if self.skipping || self.start == self.bytes.len() {
                    self.clear();
                } else if self.bytes.len() - self.start >= self.max_tags + self.max_body {
                    self.clear();
                    self.skipping = true;
                    return Some(Err(self.too_long()));
                }
                return None;
            };
            let start = std::mem::replace(&mut self.start, end + 1);
            self.worked(end + 1 - self.scanned);
            self.scanned = end + 1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            // As if it had arrived in pieces.
            if end - start >= self.max_tags + self.max_body {
                return Some(Err(self.too_long()));
            }
            let mut whole = self.bytes.get(start..end)?;
            while let Some(rest) = whole.strip_suffix(b"\r") {
                whole = rest;
            }
            if whole.is_empty() {
                continue;
            }
            let line = whole.to_vec();
            let tags = match line.first() {
                Some(b'@') => line.iter().position(|&b| b == b' ').map_or(0, |at| at + 1),
                _ => 0,
            };
            if tags > self.max_tags || line.len() - tags + 2 > self.max_body {
                return Some(Err(self.too_long()));
            }
            return Some(Ok(line));
        }
    }

    fn clear(&mut self) {
        // Most connections are idle most of the time: none keeps room for what it once received.
        self.bytes = Vec::new();
        self.start = 0;
        self.scanned = 0;
    }

    const fn too_long(&self) -> LineTooLong {
        LineTooLong {
            limit: self.max_body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(buffer: &mut LineBuffer) -> Vec<Result<String, LineTooLong>> {
        std::iter::from_fn(|| buffer.next_line())
            .map(|line| line.map(|line| String::from_utf8(line).unwrap()))
            .collect()
    }

    #[test]
    fn lines_may_come_in_pieces_and_with_either_ending() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"PING a\r\nPI");
        assert_eq!(lines(&mut buffer), [Ok("PING a".to_owned())]);
        buffer.push(b"NG b\n\r\n\nPING c\r\n");
        assert_eq!(
            lines(&mut buffer),
            [Ok("PING b".to_owned()), Ok("PING c".to_owned())]
        );
    }

    #[test]
    fn the_longest_line_passes_and_a_longer_one_is_reported_once() {
        let mut buffer = LineBuffer::default();
        buffer.push(format!("{}\r\n", "a".repeat(510)).as_bytes());
        assert!(buffer.next_line().unwrap().is_ok());
        buffer.push(format!("{}\r\nPING\r\n", "a".repeat(511)).as_bytes());
        assert_eq!(buffer.next_line(), Some(Err(LineTooLong { limit: 512 })));
        assert_eq!(buffer.next_line(), Some(Ok(b"PING".to_vec())));
        let tags = format!("@{} ", "t".repeat(MAX_TAGS - 2));
        buffer.push(format!("{tags}{}\r\n", "a".repeat(510)).as_bytes());
        assert!(buffer.next_line().unwrap().is_ok());
        buffer.push(format!("@t{tags}PING\r\n").as_bytes());
        assert!(buffer.next_line().unwrap().is_err());
    }

    #[test]
    fn twice_the_lines_are_twice_the_work() {
        let work = |count: usize| {
            let mut buffer = LineBuffer::default();
            for chunk in b"\r\nA\n".repeat(count).chunks(4096) {
                buffer.push(chunk);
                while buffer.next_line().is_some() {}
            }
            buffer.work
        };
        let (one, two) = (work(10_000), work(20_000));
        assert!(two <= 2 * one + 8192, "{one} and {two}");
        // Each byte is examined once, and what a push leaves over is moved once.
        assert!(two <= 2 * 20_000 * 4, "{two}");
        let mut whole = LineBuffer::default();
        whole.push(&b"\n".repeat(1 << 20));
        assert!(whole.next_line().is_none());
        assert!(whole.work <= 2 << 20, "{}", whole.work);
    }

    #[test]
    fn nothing_is_kept_of_lines_that_were_taken() {
        let mut buffer = LineBuffer::default();
        buffer.push(&b"PING a\r\n".repeat(500));
        assert_eq!(lines(&mut buffer).len(), 500);
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut buffer = LineBuffer::default();
        let mut errors = 0;
        for _ in 0..100 {
            buffer.push(&[b'a'; 4096]);
            errors += std::iter::from_fn(|| buffer.next_line()).count();
            assert!(buffer.bytes.len() <= MAX_TAGS + MAX_BODY + 4096);
        }
        assert_eq!(errors, 1);
        buffer.push(b"\r\nPING\r\n");
        assert_eq!(buffer.next_line(), Some(Ok(b"PING".to_vec())));
    }
}
