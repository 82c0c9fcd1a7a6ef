//! The log's format: files of lines ([`durable::line`]), each a record in JSON.

use durable::line;

use crate::record::Record;

/// Appends a record as a line; returns where it begins in `out` and its length in bytes.
pub(super) fn write_line(
    record: &Record,
    out: &mut Vec<u8>,
) -> Result<(usize, usize), serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    Ok(line::write(out, &json))
}

/// Appends a record as a line of that length: blanks after JSON mean nothing. A record that is longer is longer.
pub(super) fn write_padded(
    record: &Record,
    length: usize,
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::to_vec(record)?;
    let (_, written) = line::write(&mut Vec::new(), &json);
    json.resize(json.len() + length.saturating_sub(written), b' ');
    line::write(out, &json);
    Ok(())
}

/// Reads a line without its line break; none if it is damaged.
pub(super) fn read_line(line: &[u8]) -> Option<Record> {
    serde_json::from_slice(line::read(line)?).ok()
}

/// The content of a log file.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Records with position and length of their lines, line breaks included.
    pub records: Vec<(Record, usize, usize)>,
    /// Damaged lines that were skipped.
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
