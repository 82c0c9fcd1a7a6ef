//! Versions of files.
//!
//! A version consists of the file's modification time in nanoseconds, which we set and which grows with every write of
//! a key, and its length. So one stat shows whether something changed, and a file edited by hand gets another version
//! as well.

use rustix::fs::Stat;
use storage_adapter::ETag;

pub(crate) const SECOND: i64 = 1_000_000_000;
/// Two 64-bit numbers in hexadecimal, and a separator.
const LONGEST: usize = 33;

pub(crate) fn is_file(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file()
}

/// A file's modification time in nanoseconds.
pub(crate) fn stamp(stat: &Stat) -> i64 {
    stat.st_mtime * SECOND + stat.st_mtime_nsec as i64
}

/// A file's version.
pub(crate) fn etag(stat: &Stat) -> ETag {
    spell(stamp(stat), stat.st_size as u64)
}

/// The version of a file with this time and length.
pub(crate) fn spell(stamp: i64, length: u64) -> ETag {
    let mut text = [0; LONGEST];
    ETag(spelled(&mut text, stamp, length).to_owned())
}

/// Whether a file has this version. Most reads only ask this, so it allocates nothing.
pub(crate) fn is_version(stat: &Stat, version: &ETag) -> bool {
    let mut text = [0; LONGEST];
    spelled(&mut text, stamp(stat), stat.st_size as u64) == version.0
}

/// Writes a version, from its end backwards.
fn spelled(text: &mut [u8; LONGEST], stamp: i64, length: u64) -> &str {
    let dash = digits(text, LONGEST, length) - 1;
    text[dash] = b'-';
    let start = digits(text, dash, stamp as u64);
    std::str::from_utf8(&text[start..]).unwrap_or_default()
}

/// Writes a number in hexadecimal that ends before `end`; returns its start.
fn digits(text: &mut [u8; LONGEST], end: usize, mut number: u64) -> usize {
    let mut at = end;
    loop {
        at -= 1;
        text[at] = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
        if number == 0 {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_spelled_as_ever() {
        for stamp in [
            0,
            1,
            15,
            16,
            1_700_000_000_123_456_789,
            i64::MAX,
            -1,
            i64::MIN,
        ] {
            for length in [0, 9, 10, 255, 256, u64::MAX] {
                assert_eq!(spell(stamp, length).0, format!("{stamp:x}-{length:x}"));
            }
        }
    }
}
