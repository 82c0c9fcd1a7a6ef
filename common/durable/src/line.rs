//! The format of records in files of lines: a CRC-32 in hexadecimal, a blank, the record, a line break.
//!
//! Records contain no line breaks (JSON), so a torn or damaged one ends at the next line. Files of lines without a
//! checksum, whose records reveal whether they are complete, are split with [`whole`].

/// Appends a record as a line; returns its offset in `out` and its length, in bytes.
pub fn write(out: &mut Vec<u8>, record: &[u8]) -> (usize, usize) {
    let start = out.len();
    out.extend_from_slice(format!("{:08x} ", crc32fast::hash(record)).as_bytes());
    out.extend_from_slice(record);
    out.push(b'\n');
    (start, out.len() - start)
}

/// Returns the record of a line without its line break; `None` if it is damaged.
#[must_use]
pub fn read(line: &[u8]) -> Option<&[u8]> {
    let (crc, rest) = line.split_at_checked(8)?;
    let record = rest.strip_prefix(b" ")?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
    (crc32fast::hash(record) == crc).then_some(record)
}

/// Splits a file into lines without their line breaks, with their offsets; and anything after the last line break,
/// which is left if the process ended during a write.
pub fn whole(bytes: &[u8]) -> (impl Iterator<Item = (usize, &[u8])>, &[u8]) {
    let end = bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |last| last + 1);
    let (lines, torn) = bytes.split_at(end);
    let mut at = 0;
    let lines = lines
        .split_inclusive(|&byte| byte == b'\n')
        .map(move |line| {
            let start = at;
            at += line.len();
            (start, line.strip_suffix(b"\n").unwrap_or(line))
        });
    (lines, torn)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_damaged_line_is_only_itself() {
        let mut bytes = Vec::new();
        for record in ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"] {
            write(&mut bytes, record.as_bytes());
        }
        bytes[20] ^= 1;
        bytes.extend_from_slice(b"1234");
        let (lines, torn) = whole(&bytes);
        let read: Vec<Option<&[u8]>> = lines.map(|(_, line)| read(line)).collect();
        assert_eq!(read, [Some(&b"{\"a\":1}"[..]), None, Some(b"{\"c\":3}")]);
        assert_eq!(torn, b"1234");
    }

    proptest! {
        #[test]
        fn lines_are_where_they_are_said_to_be(records in prop::collection::vec("[a-zü]{0,20}", 0..5), torn in "[a-z]{0,5}") {
            let (mut bytes, mut places) = (Vec::new(), Vec::new());
            for record in &records {
                places.push(write(&mut bytes, record.as_bytes()).0);
            }
            bytes.extend_from_slice(torn.as_bytes());
            let (lines, rest) = whole(&bytes);
            let found: Vec<(usize, Option<&[u8]>)> = lines.map(|(at, line)| (at, read(line))).collect();
            let wanted: Vec<_> = places.iter().zip(&records).map(|(at, record)| (*at, Some(record.as_bytes()))).collect();
            prop_assert_eq!(found, wanted);
            prop_assert_eq!(rest, torn.as_bytes());
        }

        #[test]
        fn noise_never_panics(bytes: Vec<u8>) {
            let _ = read(&bytes);
            let (lines, torn) = whole(&bytes);
            prop_assert!(lines.count() + torn.len() <= bytes.len());
        }
    }
}
