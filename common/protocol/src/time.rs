//! Points in time and calendar days, always in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is the string `2026-01-15T10:00:00.000Z`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 date-time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("\"{0}\" is not a date-time; expected a form like 2026-01-15T10:00:00.000Z")]
pub struct InvalidTime(pub String);

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z, in milliseconds.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Timestamp {
    /// Creates a timestamp from milliseconds since the epoch, clamped to the years 0 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(*RANGE.start(), *RANGE.end()))
    }

    /// Returns the milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Returns the time this many milliseconds later (earlier if negative).
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Returns the UTC day of this point in time.
    #[must_use]
    pub fn day(self) -> Day {
        let date = self.date_time().date();
        Day {
            year: u16::try_from(date.year()).unwrap_or(0),
            month: date.month().into(),
            day: date.day(),
        }
    }

    /// Formats as an HTTP-date, RFC 9110 section 5.6.7: `Sat, 02 Jun 2018 15:58:23 GMT`.
    #[must_use]
    pub fn to_http_date(self) -> String {
        let time = self.date_time();
        let (hour, minute, second) = time.to_hms();
        let mut text = String::with_capacity(29);
        let day = usize::from(time.weekday().number_days_from_monday());
        text.push_str(WEEKDAYS.get(day).copied().unwrap_or_default());
        text.push_str(", ");
        push_digits(&mut text, time.day().into(), 2);
        text.push(' ');
        let month = usize::from(u8::from(time.month())) - 1;
        text.push_str(MONTHS.get(month).copied().unwrap_or_default());
        text.push(' ');
        push_digits(&mut text, time.year().unsigned_abs(), 4);
        for (mark, number) in [(' ', hour), (':', minute), (':', second)] {
            text.push(mark);
            push_digits(&mut text, number.into(), 2);
        }
        text.push_str(" GMT");
        text
    }

    /// Parses an HTTP-date in the preferred form (RFC 9110, section 5.6.7), not in the two obsolete ones.
    #[must_use]
    pub fn from_http_date(text: &str) -> Option<Self> {
        let parsed = PrimitiveDateTime::parse(text.trim(), HTTP_DATE).ok()?;
        let seconds = parsed.assume_utc().unix_timestamp();
        Some(Self::from_millis(seconds.saturating_mul(1_000)))
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// Appends a number with leading zeros, to this many digits.
fn push_digits(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.date_time();
        let (hour, minute, second, millis) = time.to_hms_milli();
        let mut text = String::with_capacity(24);
        push_digits(&mut text, time.year().unsigned_abs(), 4);
        for (mark, number) in [
            ('-', u8::from(time.month())),
            ('-', time.day()),
            ('T', hour),
        ] {
            text.push(mark);
            push_digits(&mut text, number.into(), 2);
        }
        for number in [minute, second] {
            text.push(':');
            push_digits(&mut text, number.into(), 2);
        }
        text.push('.');
        push_digits(&mut text, millis.into(), 3);
        text.push('Z');
        f.write_str(&text)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let parsed =
            OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTime(text.to_owned()))?;
        let millis = parsed
            .to_offset(UtcOffset::UTC)
            .unix_timestamp_nanos()
            .div_euclid(1_000_000);
        i64::try_from(millis)
            .map(Self::from_millis)
            .map_err(|_| InvalidTime(text.to_owned()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A calendar day in UTC; written `2026/01/15` as in the paths of chat archives.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Day {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}/{:02}/{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Day {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let invalid = || InvalidTime(text.to_owned());
        let mut parts = text.split('/');
        let mut part = |width: usize| {
            parts
                .next()
                .filter(|p| p.len() == width && p.bytes().all(|b| b.is_ascii_digit()))
        };
        let (year, month, day) = (part(4), part(2), part(2));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else {
            return Err(invalid());
        };
        if parts.next().is_some() {
            return Err(invalid());
        }
        let number = |p: &str| p.parse::<u16>().map_err(|_| invalid());
        let (month, day) = (number(month)? as u8, number(day)? as u8);
        let in_calendar = time::Month::try_from(month).is_ok() && (1..=31).contains(&day);
        if !in_calendar {
            return Err(invalid());
        }
        Ok(Self {
            year: number(year)?,
            month,
            day,
        })
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_iso_with_milliseconds() {
        let time = Timestamp::from_millis(1_433_525_728_454);
        assert_eq!(time.to_string(), "2015-06-05T17:35:28.454Z");
        assert_eq!("2015-06-05T19:35:28.454+02:00".parse(), Ok(time));
        assert_eq!("2015-06-05T17:35:28Z".parse(), Ok(time.plus_millis(-454)));
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn http_date_has_a_two_digit_day() {
        let time: Timestamp = "2018-06-02T15:58:23Z".parse().unwrap();
        assert_eq!(time.to_http_date(), "Sat, 02 Jun 2018 15:58:23 GMT");
        assert_eq!(Timestamp::from_http_date(&time.to_http_date()), Some(time));
    }

    #[test]
    fn times_are_written_as_their_descriptions_say() {
        let iso = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let (first, last) = (*RANGE.start(), *RANGE.end());
        // Some 20,000 of all times, spread so that all their parts vary.
        let some = (first..last).step_by(15_778_476_123_457 / 997);
        for millis in some.chain([first, -1, 0, 1, last]) {
            let time = Timestamp::from_millis(millis);
            let known = time.date_time();
            assert_eq!(time.to_string(), known.format(iso).unwrap());
            assert_eq!(time.to_http_date(), known.format(HTTP_DATE).unwrap());
        }
    }

    #[test]
    fn what_is_no_http_date_is_none() {
        for bad in [
            "",
            "60",
            "Sat, 31 Jun 2018 15:58:23 GMT",
            "Sat, 02 Jun 2018 15:58:23 +0200",
            "Saturday, 02-Jun-18 15:58:23 GMT",
        ] {
            assert_eq!(Timestamp::from_http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_are_utc_and_zero_padded() {
        let time: Timestamp = "2026-01-05T00:30:00+01:00".parse().unwrap();
        assert_eq!(time.day().to_string(), "2026/01/04");
        assert_eq!("2026/01/04".parse(), Ok(time.day()));
        for bad in [
            "2026/1/4",
            "2026/13/01",
            "2026/01/00",
            "2026-01-04",
            "2026/01/04/",
            "+026/01/04",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    #[test]
    fn extremes_do_not_panic() {
        for millis in [i64::MIN, i64::MAX] {
            assert!(Timestamp::from_millis(millis).to_string().ends_with('Z'));
        }
    }
}
