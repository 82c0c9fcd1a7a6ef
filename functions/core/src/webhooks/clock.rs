//! Quiet hours: a daily period in which nothing is announced.

use protocol::Timestamp;
use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
const DAY: i64 = 24 * 60;
/// The largest offset of a time zone from UTC, in minutes.
const MAX_OFFSET: i64 = 14 * 60;

/// From one time of day to another, which may be on the next day. Messages that arrive in between are dropped; they are
/// in the list of deliveries, from which they can be announced later.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuietHours {
    /// The first minute of it, `22:00`.
    pub(crate) from: String,
    /// The first minute after it, `07:00`.
    pub(crate) to: String,
    /// The clock's offset from UTC in minutes, positive to the east.
    #[serde(default)]
    pub(crate) offset: i64,
}

impl QuietHours {
    /// Returns what is wrong, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (Some(from), Some(to)) = (minute(&self.from), minute(&self.to)) else {
            return Err(
                "quiet_hours is not valid: \"from\" and \"to\" are times like 22:00".to_owned(),
            );
        };
        if from == to {
            return Err("quiet_hours is not valid: they would last the whole day; switch the hook off instead".to_owned());
        }
        if self.offset.abs() > MAX_OFFSET {
            return Err(format!(
                "quiet_hours is not valid: \"offset\" is in minutes, from -{MAX_OFFSET} to {MAX_OFFSET}"
            ));
        }
        Ok(())
    }

    /// Returns whether a time is within the quiet hours.
    pub(crate) fn contain(&self, now: Timestamp) -> bool {
        let (Some(from), Some(to)) = (minute(&self.from), minute(&self.to)) else {
            return false;
        };
        let here = (now.millis().div_euclid(MINUTE_MS) + self.offset).rem_euclid(DAY);
        if from < to {
            (from..to).contains(&here)
        } else {
            here >= from || here < to
        }
    }
}

/// Parses `22:00`.
fn minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str, offset: i64) -> QuietHours {
        QuietHours {
            from: from.to_owned(),
            to: to.to_owned(),
            offset,
        }
    }

    #[test]
    fn they_may_go_over_midnight_and_follow_the_zone() {
        let at = |time: &str| {
            format!("2026-01-15T{time}:00Z")
                .parse::<Timestamp>()
                .unwrap()
        };
        let night = hours("22:00", "07:00", 60);
        assert_eq!(night.check(), Ok(()));
        for (time, quiet) in [
            ("20:59", false),
            ("21:00", true),
            ("05:59", true),
            ("06:00", false),
        ] {
            assert_eq!(night.contain(at(time)), quiet, "{time}");
        }
        let lunch = hours("12:00", "13:00", -330);
        assert!(lunch.contain(at("17:30")) && !lunch.contain(at("18:30")));
        for bad in [
            hours("24:00", "07:00", 0),
            hours("7:00", "08:00", 0),
            hours("07:00", "07:00", 0),
            hours("07:00", "08:00", 841),
            hours("+7:00", "08:00", 0),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
