//! The form of the log: files of lines ([`durable::line`]), each a record in JSON.

use durable::line;

use crate::record::Record;

/// Appends a record as a line; returns where it begins in `out` and how long it is, in bytes.
pub(super) fn write_line(
    record: &Record,
    out: &mut Vec<u8>,
) -> Result<(usize, usize), serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    Ok(line::write(out, &json))
}

/// Reads a line without its line break; none if it is damaged.
pub(super) fn read_line(line: &[u8]) -> Option<Record> {
    serde_json::from_slice(line::read(line)?).ok()
}

/// What a file of the log holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Records with place and length of their lines, line breaks included.
    pub records: Vec<(Record, usize, usize)>,
    /// Damaged lines that were passed over.
    pub damaged: usize,
}

/// Reads the bytes of a file.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let (lines, torn) = line::whole(bytes);
    let mut scan = Scan {
        damaged: usize::from(!torn.is_empty()),
        ..Scan::default()
    };
    for (at, line) in lines {
        match read_line(line) {
            Some(record) => scan.records.push((record, at, line.len() + 1)),
            None => scan.damaged += 1,
        }
    }
    scan
}
