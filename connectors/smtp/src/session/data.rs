//! The bytes after DATA: lines that end in CRLF, up to a line with a single dot.
//!
//! Nothing else ends a line or a mail. A sender that uses a bare LF or CR as a line end would make other servers see
//! other mails than this one does (SMTP smuggling), so such a mail is refused.

/// The result for some bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// All were used; the mail continues.
    More,
    /// The mail ended.
    End,
    /// A line ends with LF or CR alone.
    Bare,
    /// So far above the limit that it is pointless to wait for the end.
    Flood,
}

/// A complete mail is larger than allowed. The rest of it was read, so that its sender sees the response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLarge;

#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    LineStart,
    Dot,
    DotCr,
    Middle,
    Cr,
}

/// Collects a mail.
#[derive(Debug)]
pub(super) struct Data {
    bytes: Vec<u8>,
    at: At,
    /// Bytes received, including those over the limit.
    total: usize,
    max_size: usize,
}

impl Data {
    pub(super) const fn new(max_size: usize) -> Self {
        Self {
            bytes: Vec::new(),
            at: At::LineStart,
            total: 0,
            max_size,
        }
    }

    /// Bytes held in memory.
    pub(super) const fn held(&self) -> usize {
        self.bytes.len()
    }

    /// The mail, or why there is none.
    pub(super) fn finish(self) -> Result<Vec<u8>, TooLarge> {
        if self.total > self.max_size {
            Err(TooLarge)
        } else {
            Ok(self.bytes)
        }
    }

    /// Adds bytes; returns how many were used.
    pub(super) fn push(&mut self, input: &[u8]) -> (usize, Progress) {
        for (index, &byte) in input.iter().enumerate() {
            self.at = match (self.at, byte) {
                (At::DotCr, b'\n') => return (index + 1, Progress::End),
                (At::Cr, b'\n') => {
                    self.keep(b"\r\n");
                    At::LineStart
                }
                (At::DotCr | At::Cr, _) | (_, b'\n') => return (index + 1, Progress::Bare),
                (At::Dot, b'\r') => At::DotCr,
                (_, b'\r') => At::Cr,
                (At::LineStart, b'.') => At::Dot,
                // The first dot of a line was added by the sender (RFC 5321 section 4.5.2).
                (_, byte) => {
                    self.keep(&[byte]);
                    At::Middle
                }
            };
            if self.total > self.max_size.saturating_mul(2) {
                return (index + 1, Progress::Flood);
            }
        }
        (input.len(), Progress::More)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.total += bytes.len();
        if self.total <= self.max_size {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(input: &[u8], piece: usize) -> (usize, Progress, Result<Vec<u8>, TooLarge>) {
        let mut data = Data::new(64);
        let mut taken = 0;
        for chunk in input.chunks(piece.max(1)) {
            let (count, progress) = data.push(chunk);
            taken += count;
            if progress != Progress::More {
                return (taken, progress, data.finish());
            }
        }
        (taken, Progress::More, data.finish())
    }

    #[test]
    fn a_mail_ends_with_a_dot_between_two_crlf_only() {
        let end = |input: &[u8]| all(input, 7);
        assert_eq!(
            end(b"a\r\n..b\r\n.\r\nQUIT\r\n"),
            (11, Progress::End, Ok(b"a\r\n.b\r\n".to_vec()))
        );
        assert_eq!(end(b".\r\n"), (3, Progress::End, Ok(Vec::new())));
        for smuggled in [
            &b"a\n.\r\n"[..],
            b"a\r\n.\n",
            b"a\r.\r\n",
            b"a\n.\n",
            b"a\r\n.\r.",
            b"a\r\r\n",
        ] {
            assert_eq!(end(smuggled).1, Progress::Bare, "{smuggled:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_forgotten_and_a_flood_ends_it() {
        let lines = b"0123456789\r\n".repeat(7);
        let (_, progress, bytes) = all(&[&lines[..], b".\r\n"].concat(), 5);
        assert_eq!((progress, bytes), (Progress::End, Err(TooLarge)));
        assert_eq!(all(&b"0123456789\r\n".repeat(20), 5).1, Progress::Flood);
        let long = [&[b'x'; 62][..], b"\r\n"].concat();
        let (_, progress, bytes) = all(&[&long[..], b".\r\n"].concat(), 5);
        assert_eq!((progress, bytes), (Progress::End, Ok(long)), "one line");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            input in proptest::collection::vec(
                prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a')], 0..40),
            piece in 1_usize..9,
        ) {
            prop_assert_eq!(all(&input, piece), all(&input, 1000));
        }

        #[test]
        fn what_a_sender_stuffs_comes_out_as_it_was(
            lines in proptest::collection::vec("[.a]{0,6}", 0..8),
            piece in 1_usize..9,
        ) {
            let plain: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let stuffed: String = lines
                .iter()
                .map(|line| {
                    let dot = if line.starts_with('.') { "." } else { "" };
                    format!("{dot}{line}\r\n")
                })
                .collect();
            let (_, progress, bytes) = all(format!("{stuffed}.\r\n").as_bytes(), piece);
            prop_assert_eq!(progress, Progress::End);
            prop_assert_eq!(bytes.unwrap(), plain.into_bytes());
        }
    }
}
