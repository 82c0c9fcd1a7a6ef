//! Twice as many attributes in a message take at most about twice the work, counted in attributes examined.

use super::harness::{Bench, SECRET, UDP, client, user};
use crate::stun::{attribute, attributes_looked_at, method};

/// Attributes per message.
const FEW: usize = 300;

#[test]
fn twice_the_attributes_are_twice_the_work() {
    // Peers are given as text; without credentials their values are not examined.
    let peer: &[u8] = b"1.2.3.4:5";
    let kinds: [(u16, &[u8]); 7] = [
        // Comprehension-required, and optional; then those that are looked for.
        (0x7f00, b""),
        (0xff00, b"text"),
        (attribute::XOR_PEER_ADDRESS, peer),
        (attribute::USERNAME, b"x"),
        (attribute::LIFETIME, &[0, 0, 0, 9]),
        (attribute::DATA, b"x"),
        (attribute::FINGERPRINT, &[0; 4]),
    ];
    for (kind, value) in kinds {
        for method in [
            method::BINDING,
            method::ALLOCATE,
            method::REFRESH,
            method::CREATE_PERMISSION,
            method::CHANNEL_BIND,
        ] {
            let looked_at = |count: usize, signed: bool| {
                let mut bench = Bench::new();
                bench.allocate(client(1), "alice");
                let mut attributes = vec![UDP];
                attributes.extend(std::iter::repeat_n((kind, value), count));
                if signed {
                    let bytes =
                        bench.signed(client(1), &user("alice"), SECRET, method, &attributes);
                    attributes_looked_at();
                    bench.hand(client(1), &bytes);
                } else {
                    attributes_looked_at();
                    bench.bare(client(1), method, &attributes);
                }
                attributes_looked_at()
            };
            for signed in [false, true] {
                let (one, two) = (looked_at(FEW, signed), looked_at(2 * FEW, signed));
                assert!(one >= FEW, "{kind:x} {method:x}: {one}");
                assert!(two <= 2 * one + 64, "{kind:x} {method:x}: {one} and {two}");
            }
        }
    }
}
