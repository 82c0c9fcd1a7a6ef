//! The test vectors of RFC 5769, and arbitrary bytes.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;

/// RFC 5769 section 2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
    80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004\
    e57a3bcf";
/// RFC 5769 section 2.2.
const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 section 2.3.
const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa\
    a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/// RFC 5769 section 2.4.
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c66\
    2f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014f67024656dd64a3e02\
    b8e0712e85c9a28ca89666";

fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.as_bytes();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn rfc_5769_request() {
    let bytes = bytes(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        (message.class(), message.method()),
        (Class::Request, method::BINDING)
    );
    assert_eq!(message.text(attribute::SOFTWARE), Some("STUN test client"));
    assert_eq!(message.text(attribute::USERNAME), Some("evtj:h6vY"));
    assert!(message.has_fingerprint() && message.verify(b"VOkJxbRl1RmTxUk/WvJxBt"));
    assert!(!message.verify(b"VOkJxbRl1RmTxUk/WvJxBT"));
    let mut damaged = bytes.clone();
    damaged[30] ^= 1;
    assert_eq!(
        Message::parse(&damaged).unwrap_err(),
        ParseError::Fingerprint
    );
}

#[test]
fn rfc_5769_responses() {
    for (hex, address) in [
        (RESPONSE_V4, "192.0.2.1:32853"),
        (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let bytes = bytes(hex);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(
            (message.class(), message.method()),
            (Class::Success, method::BINDING)
        );
        assert!(message.has_fingerprint() && message.verify(b"VOkJxbRl1RmTxUk/WvJxBt"));
        let value = message.get(attribute::XOR_MAPPED_ADDRESS).unwrap();
        assert_eq!(message.xor_address(value).unwrap().to_string(), address);
        // Written by us it is the same, except for the space that the RFC uses for padding.
        let mut buffer = Vec::new();
        let mut writer = Writer::new(
            &mut buffer,
            Class::Success,
            method::BINDING,
            message.transaction(),
        );
        writer.attribute(attribute::SOFTWARE, b"test vector ");
        writer.xor_address(attribute::XOR_MAPPED_ADDRESS, address.parse().unwrap());
        let written = writer.finish(Some(b"VOkJxbRl1RmTxUk/WvJxBt"), true);
        assert_eq!(written.len(), bytes.len());
        assert_eq!(written[36..written.len() - 32], bytes[36..bytes.len() - 32]);
        assert!(
            Message::parse(written)
                .unwrap()
                .verify(b"VOkJxbRl1RmTxUk/WvJxBt")
        );
    }
}

#[test]
fn rfc_5769_long_term_credentials() {
    let bytes = bytes(LONG_TERM);
    let message = Message::parse(&bytes).unwrap();
    let username = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";
    assert_eq!(message.text(attribute::USERNAME), Some(username));
    assert_eq!(message.text(attribute::REALM), Some("example.org"));
    assert_eq!(
        message.text(attribute::NONCE),
        Some("f//499k954d6OL34oL9FSTvy64sA")
    );
    // The password after SASLprep, which removes a soft hyphen and replaces a feminine ordinal by a letter.
    assert!(message.verify(&long_term_key(username, "example.org", "TheMatrIX")));
    assert!(!message.has_fingerprint());
    assert!(!message.verify(&long_term_key(username, "example.org", "TheMatrix")));
}

#[test]
fn what_comes_after_the_integrity_does_not_count() {
    let mut buffer = Vec::new();
    let mut writer = Writer::new(&mut buffer, Class::Request, method::ALLOCATE, [1; 12]);
    writer.number(attribute::LIFETIME, 600);
    let mut bytes = writer.finish(Some(b"key"), false).to_vec();
    bytes.extend_from_slice(&[0, 0x19, 0, 4, 17, 0, 0, 0]);
    let length = u16::try_from(bytes.len() - HEADER).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let message = Message::parse(&bytes).unwrap();
    assert!(message.verify(b"key"));
    assert_eq!(message.number(attribute::LIFETIME), Some(600));
    assert_eq!(message.get(attribute::REQUESTED_TRANSPORT), None);
}

#[test]
fn damaged_messages_are_refused() {
    let good = bytes(RESPONSE_V4);
    for (change, error) in [
        (0_usize, ParseError::NotStun),
        (4, ParseError::NotStun),
        (3, ParseError::Length),
        (22, ParseError::Attribute),
    ] {
        let mut bytes = good.clone();
        bytes[change] = 0xFF;
        assert_eq!(Message::parse(&bytes).unwrap_err(), error, "byte {change}");
    }
    for length in 0..good.len() {
        assert!(Message::parse(&good[..length]).is_err(), "{length} bytes");
    }
}

fn addresses() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        if let Ok(message) = Message::parse(&bytes) {
            let _ = (message.class(), message.method(), message.verify(b"key"), message.attributes().count());
        }
    }

    /// Bytes that begin correctly, so that attributes are reached.
    #[test]
    fn any_attributes_are_read_or_refused(kind: u16, body in proptest::collection::vec(any::<u32>(), 0..40)) {
        let mut bytes = (kind & 0x3FFF).to_be_bytes().to_vec();
        bytes.extend_from_slice(&u16::try_from(body.len() * 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(&[7; 12]);
        // Small lengths, so that several attributes fit.
        bytes.extend(body.iter().flat_map(|word| (word & 0xFFFF_003F).to_be_bytes()));
        if let Ok(message) = Message::parse(&bytes) {
            for attribute in message.attributes() {
                let _ = message.xor_address(attribute.value);
            }
            let _ = message.verify(b"key");
        }
    }

    #[test]
    fn what_is_written_is_read(
        method in 0_u16..0x1000,
        transaction: [u8; 12],
        address in addresses(),
        text in "\\PC{0,40}",
        number: u32,
        fingerprint: bool,
        key in proptest::option::of(any::<[u8; 16]>()),
    ) {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            let mut buffer = Vec::new();
            let mut writer = Writer::new(&mut buffer, class, method, transaction);
            writer.xor_address(attribute::XOR_PEER_ADDRESS, address);
            writer.attribute(attribute::USERNAME, text.as_bytes()).number(attribute::LIFETIME, number);
            writer.error(486, &text);
            let key = key.as_ref().map(<[u8; 16]>::as_slice);
            let bytes = writer.finish(key, fingerprint);
            let message = Message::parse(bytes).unwrap();
            prop_assert_eq!((message.class(), message.method()), (class, method));
            prop_assert_eq!(message.transaction(), transaction);
            let value = message.get(attribute::XOR_PEER_ADDRESS).unwrap();
            prop_assert_eq!(message.xor_address(value), Some(address));
            prop_assert_eq!(message.text(attribute::USERNAME), Some(text.as_str()));
            prop_assert_eq!(message.number(attribute::LIFETIME), Some(number));
            prop_assert_eq!(&message.get(attribute::ERROR_CODE).unwrap()[..4], &[0, 0, 4, 86][..]);
            prop_assert_eq!(message.has_fingerprint(), fingerprint);
            prop_assert_eq!(key.is_some_and(|key| message.verify(key)), key.is_some());
        }
    }
}
