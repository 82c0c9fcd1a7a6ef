//! ChannelData messages, RFC 8656 section 12.4, and message boundaries in a stream.

use crate::stun::{HEADER, padded};

/// Bytes before the data of a ChannelData message.
pub(crate) const CHANNEL_HEADER: usize = 4;
/// Channel numbers that may be bound: those of RFC 5766 section 11, which older clients use. RFC 8656 section 12 ends
/// at 0x4FFF to allow sharing a port with other protocols, which this server does not do.
pub(crate) const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7FFF;

/// Parses a ChannelData message; bytes after its data are padding.
pub(crate) fn channel_data(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<CHANNEL_HEADER>()?;
    let number = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    Some((number, rest.get(..length)?))
}

/// The header of a ChannelData message.
pub(crate) const fn channel_header(number: u16, length: u16) -> [u8; CHANNEL_HEADER] {
    let ([a, b], [c, d]) = (number.to_be_bytes(), length.to_be_bytes());
    [a, b, c, d]
}

/// The bytes in a stream are neither STUN nor ChannelData: the connection cannot continue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotTurn;

/// Returns the length of the first message in a stream including its padding, if enough bytes have arrived. `.1` is
/// its length without padding.
pub(crate) fn first_message(bytes: &[u8]) -> Result<Option<(usize, usize)>, NotTurn> {
    let Some(head) = bytes.first_chunk::<4>() else {
        return match bytes.first() {
            Some(0x80..) => Err(NotTurn),
            _ => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    match head[0] {
        0x00..=0x3F if length.is_multiple_of(4) => Ok(Some((HEADER + length, HEADER + length))),
        0x40..=0x7F => Ok(Some((
            CHANNEL_HEADER + padded(length),
            CHANNEL_HEADER + length,
        ))),
        _ => Err(NotTurn),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn channel_data_is_read_with_and_without_padding() {
        let message = [0x40, 0x00, 0, 3, 1, 2, 3, 0];
        assert_eq!(channel_data(&message), Some((0x4000, &message[4..7])));
        assert_eq!(channel_data(&message[..7]), Some((0x4000, &message[4..7])));
        assert_eq!(channel_data(&message[..6]), None);
        assert_eq!(first_message(&message), Ok(Some((8, 7))));
        assert_eq!(first_message(&message[..3]), Ok(None));
        assert_eq!(first_message(&[0x80]), Err(NotTurn));
        assert_eq!(first_message(&[0x90, 0, 0, 0]), Err(NotTurn));
        assert_eq!(first_message(&[0x00, 1, 0, 3]), Err(NotTurn));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_bounds(bytes: Vec<u8>) {
            if let Some((_, data)) = channel_data(&bytes) {
                prop_assert!(data.len() + CHANNEL_HEADER <= bytes.len());
            }
            if let Ok(Some((whole, message))) = first_message(&bytes) {
                prop_assert!(message <= whole && whole <= HEADER + 0x1_0000);
            }
        }

        #[test]
        fn channel_data_round_trips(number in CHANNELS, data in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut bytes = channel_header(number, data.len() as u16).to_vec();
            bytes.extend_from_slice(&data);
            prop_assert_eq!(channel_data(&bytes), Some((number, &data[..])));
        }
    }
}
