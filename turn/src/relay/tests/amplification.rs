//! The cost of responses for someone whose address was forged.

use super::harness::{Attributes, Bench, UDP, client, options};
use crate::relay::Options;
use crate::stun::{Class, Writer, method};

/// Maximum length of a response without credentials, as a multiple of the request's. (Including IP and UDP headers it
/// is less than twice.)
const MOST: usize = 3;

/// Sends a request without credentials; returns the lengths of request and response.
fn lengths(bench: &mut Bench, method: u16, attributes: Attributes<'_>) -> (usize, usize) {
    let mut buffer = Vec::new();
    let mut writer = Writer::new(&mut buffer, Class::Request, method, [7; 12]);
    for (kind, value) in attributes {
        writer.attribute(*kind, value);
    }
    let bytes = writer.finish(None, false).to_vec();
    let answer = bench.hand(client(1), &bytes);
    (bytes.len(), answer.map_or(0, |answer| answer.bytes.len()))
}

#[test]
fn answers_without_credentials_are_short() {
    // The usual realm.
    let mut bench = Bench::with(Options {
        realm: "subspace".into(),
        ..options()
    });
    assert_eq!(lengths(&mut bench, method::ALLOCATE, &[]), (20, 56));
    let unknown: Vec<(u16, &[u8])> = (0x7000..0x7020).map(|kind| (kind, &b""[..])).collect();
    // Every existing method, and some that do not exist.
    for method in 0..0x20 {
        for attributes in [&[][..], &[UDP], &unknown[..1], &unknown] {
            let (request, answer) = lengths(&mut bench, method, attributes);
            assert!(answer <= MOST * request, "{method}: {request} and {answer}");
        }
    }
}
