//! The form of the log: files of lines, each a CRC-32 in hexadecimal, a blank, a record in JSON.
//!
//! JSON has no line breaks, so whatever is torn or damaged ends at the next line.

use crate::record::Record;

/// Appends a record as a line; returns where it begins in `out` and how long it is, in bytes.
pub(super) fn write_line(
    record: &Record,
    out: &mut Vec<u8>,
) -> Result<(usize, usize), serde_json::Error> {
    let start = out.len();
    let json = serde_json::to_vec(record)?;
    out.extend_from_slice(format!("{:08x} ", crc32fast::hash(&json)).as_bytes());
    out.extend_from_slice(&json);
    out.push(b'\n');
    Ok((start, out.len() - start))
}

/// Reads a line without its line break; none if it is damaged.
pub(super) fn read_line(line: &[u8]) -> Option<Record> {
    let (crc, json) = (line.get(..8)?, line.get(9..)?);
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
    if line[8] != b' ' || crc32fast::hash(json) != crc {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// What a file of the log holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Records with place and length of their lines, line breaks included.
    pub records: Vec<(Record, usize, usize)>,
    /// Damaged lines that were passed over.
    pub damaged: usize,
    /// The length up to the end of the last good line.
    pub good: usize,
}

/// Reads the bytes of a file.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            scan.damaged += 1;
            break;
        };
        match read_line(&rest[..end]) {
            Some(record) => {
                scan.records.push((record, at, end + 1));
                scan.good = at + end + 1;
            }
            None => scan.damaged += 1,
        }
        at += end + 1;
    }
    scan
}
