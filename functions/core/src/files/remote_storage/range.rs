//! `Range: bytes=…`, single ranges only (RFC 9110, section 14). As the standard requires, ranges that cannot be parsed
//! are ignored; so are multiple ranges.

use http::{HeaderMap, header};
use storage_adapter::ByteRange;

use crate::kernel::work::look;

/// Returns the requested range.
pub(super) fn read(headers: &HeaderMap) -> Option<ByteRange> {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    parse(value.to_str().ok()?)
}

fn parse(text: &str) -> Option<ByteRange> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(ByteRange::Last(number(last)?)),
        (false, true) => Some(ByteRange::From(number(first)?)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::FromTo(first, last))
        }
    }
}

fn number(text: &str) -> Option<u64> {
    look(text.len());
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_single_ranges() {
        assert_eq!(parse("bytes=0-4"), Some(ByteRange::FromTo(0, 4)));
        assert_eq!(parse("bytes=5-"), Some(ByteRange::From(5)));
        assert_eq!(parse("Bytes= -3"), Some(ByteRange::Last(3)));
        let huge = "bytes=0-99999999999999999999999";
        assert_eq!(parse(huge), Some(ByteRange::FromTo(0, u64::MAX)));
        for ignored in [
            "bytes=",
            "bytes=-",
            "bytes=4-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=a-b",
            "0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(parse(ignored), None, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
