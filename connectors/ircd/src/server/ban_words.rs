//! How bans from the server are written: durations, accounts and masks, addresses.

use std::net::IpAddr;

use program::AddressRange;

use super::masks::complete;
use super::names;

/// Units of a duration, in minutes.
const UNITS: [(char, i64); 4] = [('m', 1), ('h', 60), ('d', 24 * 60), ('w', 7 * 24 * 60)];

/// The longest duration, in minutes: ten years.
const LONGEST: i64 = 10 * 365 * 24 * 60;

/// An address or range as it is stored: in lower case, without what is beyond its significant bits.
pub(super) fn dline_mask(typed: &str) -> Option<String> {
    let range = typed.parse::<AddressRange>().ok()?.to_string();
    let (address, bits) = range.split_once('/')?;
    let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
    let (network, most) = match address {
        IpAddr::V4(own) => {
            let kept = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            (IpAddr::V4((own.to_bits() & kept).into()), 32)
        }
        IpAddr::V6(own) => {
            let kept = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            (IpAddr::V6((own.to_bits() & kept).into()), 128)
        }
    };
    Some(match bits == most {
        true => network.to_string(),
        false => format!("{network}/{bits}"),
    })
}

/// A word is an account's name.
pub(super) fn kline_mask(typed: &str) -> Option<String> {
    let word = !typed.is_empty()
        && typed
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if word {
        return Some(format!("$a:{}", names::folded(typed)));
    }
    complete(typed).map(|mask| names::folded(&mask))
}

/// Parses `90` (minutes), `12h`, `7d`, `2w`; 0 is for ever. Returns minutes.
pub(super) fn duration(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..)?;
    let factor = match unit {
        "" => 1,
        unit => {
            UNITS
                .iter()
                .find(|(letter, _)| unit == letter.to_string())?
                .1
        }
    };
    let count: i64 = digits.parse().ok().filter(|count| *count >= 0)?;
    Some(count.checked_mul(factor)?.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, minutes) in [
            ("0", Some(0)),
            ("90", Some(90)),
            ("12h", Some(720)),
            ("7d", Some(10_080)),
            ("2w", Some(20_160)),
            ("999999w", Some(LONGEST)),
            ("", None),
            ("h", None),
            ("-1", None),
            ("1y", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(duration(text), minutes, "{text}");
        }
    }

    #[test]
    fn a_range_has_one_form() {
        for (typed, mask) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("192.0.2.7/32", Some("192.0.2.7")),
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("10.1.2.3/0", Some("0.0.0.0/0")),
            ("2001:DB8:0::1/32", Some("2001:db8::/32")),
            ("2001:DB8::1", Some("2001:db8::1")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("nonsense", None),
            ("10.0.0.0/33", None),
        ] {
            assert_eq!(dline_mask(typed).as_deref(), mask, "{typed}");
        }
    }

    #[test]
    fn a_word_is_an_account() {
        assert_eq!(kline_mask("Bob").as_deref(), Some("$a:bob"));
        assert_eq!(kline_mask("bob!*@*").as_deref(), Some("bob!*@*"));
        assert_eq!(kline_mask("$~a").as_deref(), Some("$~a"));
        assert_eq!(kline_mask(""), None);
    }
}
