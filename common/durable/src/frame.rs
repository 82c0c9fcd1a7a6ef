//! The format of records in binary files: length, CRC-32, the record.
//!
//! Both numbers are 32 bits, little-endian; the checksum (CRC-32 of ISO 3309) covers the length and the bytes. A file
//! is a sequence of such frames; anything after the last complete one was cut by a crash.

/// Bytes before the record's own.
pub const HEADER: usize = 8;
/// The largest record, in bytes.
pub const MAX_RECORD: usize = 1 << 20;

/// The most bytes that are checksummed in the search for the next record.
const MAX_SEARCHED: usize = 64 << 20;

/// Appends a record's frame to `out`. Records must not be longer than [`MAX_RECORD`].
pub fn write(out: &mut Vec<u8>, record: &[u8]) {
    let length = u32::try_from(record.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, record).to_le_bytes());
    out.extend_from_slice(record);
}

/// Returns the record at the start of `bytes`, or `None` if it is cut or damaged.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<&[u8]> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    let length = [l0, l1, l2, l3];
    let size = u32::from_le_bytes(length) as usize;
    let record = rest.get(..size).filter(|_| size <= MAX_RECORD)?;
    (checksum(length, record) == u32::from_le_bytes([c0, c1, c2, c3])).then_some(record)
}

/// Returns where the next complete record begins after a damaged one, if there is one. Records are JSON objects, so
/// checksums are only computed where one may begin, over at most [`MAX_SEARCHED`] bytes in total.
#[must_use]
pub fn next(bytes: &[u8]) -> Option<usize> {
    let mut searched = 0;
    for at in 1..bytes.len().saturating_sub(HEADER + 1) {
        if !bytes[at + HEADER..].starts_with(b"{\"") {
            continue;
        }
        let length = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let size = u32::from_le_bytes(length) as usize;
        if size > MAX_RECORD || at + HEADER + size > bytes.len() {
            continue;
        }
        searched += size;
        if searched > MAX_SEARCHED {
            return None;
        }
        if read(&bytes[at..]).is_some() {
            return Some(at);
        }
    }
    None
}

fn checksum(length: [u8; 4], record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(record);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_gives_its_record_whatever_follows(record: Vec<u8>, tail: Vec<u8>) {
            let mut bytes = Vec::new();
            write(&mut bytes, &record);
            bytes.extend(tail);
            prop_assert_eq!(read(&bytes), Some(record.as_slice()));
        }

        #[test]
        fn a_cut_or_changed_frame_gives_nothing(
            record in prop::collection::vec(any::<u8>(), 1..64), at: prop::sample::Index, flip in 1u8..,
        ) {
            let mut bytes = Vec::new();
            write(&mut bytes, &record);
            let at = at.index(bytes.len());
            prop_assert_eq!(read(&bytes[..at]), None);
            bytes[at] ^= flip;
            prop_assert_eq!(read(&bytes), None);
        }

        #[test]
        fn noise_never_panics(bytes: Vec<u8>) {
            let _ = (read(&bytes), next(&bytes));
        }

        #[test]
        fn the_next_record_is_found_behind_damage(
            damage in prop::collection::vec(any::<u8>(), 1..200), text in "[a-z]{0,40}",
        ) {
            let record = format!("{{\"id\":\"{text}\"}}");
            let mut bytes = damage.clone();
            write(&mut bytes, record.as_bytes());
            prop_assume!(read(&damage).is_none());
            prop_assert_eq!(next(&bytes), Some(damage.len()));
        }
    }
}
