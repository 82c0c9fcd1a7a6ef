//! Bytes to lines: RFC 1459 section 2.3 and the limits of IRCv3 message-tags.

/// The longest part of a line without its tags, CR LF included, in bytes (RFC 1459, section 2.3).
pub const MAX_BODY: usize = 512;

/// The longest tags of a line, with `@` and the blank, in bytes (IRCv3 message-tags).
pub const MAX_TAGS: usize = 8191;

/// A line was longer than a message may be; it has been dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a line is longer than {limit} bytes")]
pub struct LineTooLong {
    /// What the buffer takes, in bytes.
    pub limit: usize,
}

/// Collects bytes and gives whole lines, never holding more than one line that is not whole.
#[derive(Clone, Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    scanned: usize,
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
    /// Makes a buffer with limits for the tags (with `@` and blank) and for the rest (with CR LF), in bytes.
    #[must_use]
    pub const fn new(max_tags: usize, max_body: usize) -> Self {
        Self {
            bytes: Vec::new(),
            scanned: 0,
            max_tags,
            max_body,
            skipping: false,
        }
    }

    /// Changes the limit of the part without tags, as ISUPPORT LINELEN may ask.
    pub const fn set_max_body(&mut self, max_body: usize) {
        self.max_body = max_body;
    }

    /// Takes bytes as they came. Call [`LineBuffer::next_line`] until it gives none before taking more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Gives the next whole line without CR and LF; empty lines are passed over.
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
                self.scanned = self.bytes.len();
                if self.skipping {
                    self.clear();
                } else if self.bytes.len() >= self.max_tags + self.max_body {
                    self.clear();
                    self.skipping = true;
                    return Some(Err(self.too_long()));
                }
                return None;
            };
            let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
            self.scanned = 0;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            while matches!(line.last(), Some(b'\r' | b'\n')) {
                line.pop();
            }
            if line.is_empty() {
                continue;
            }
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
        self.bytes.clear();
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
