//! Quiet hours: a daily period in which nothing is announced.

use protocol::{QuietHours, Timestamp};

const MINUTE_MS: i64 = 60_000;
const DAY: i64 = 24 * 60;
/// The largest offset of a time zone from UTC, in minutes.
const MAX_OFFSET: i64 = 14 * 60;

/// Describes the error, if there is one.
pub(super) fn check(hours: &QuietHours) -> Result<(), String> {
    let (Some(from), Some(to)) = (minute(&hours.from), minute(&hours.to)) else {
        return Err(
            "quiet_hours is not valid: \"from\" and \"to\" are times like 22:00".to_owned(),
        );
    };
    if from == to {
        return Err(
            "quiet_hours is not valid: they would last the whole day; switch the hook off instead"
                .to_owned(),
        );
    }
    if hours.offset.abs() > MAX_OFFSET {
        return Err(format!(
            "quiet_hours is not valid: \"offset\" is in minutes, from -{MAX_OFFSET} to {MAX_OFFSET}"
        ));
    }
    Ok(())
}

/// Returns whether nothing is said at this time.
pub(super) fn contain(hours: &QuietHours, now: Timestamp) -> bool {
    let (Some(from), Some(to)) = (minute(&hours.from), minute(&hours.to)) else {
        return false;
    };
    let here = (now.millis().div_euclid(MINUTE_MS) + hours.offset).rem_euclid(DAY);
    if from < to {
        (from..to).contains(&here)
    } else {
        here >= from || here < to
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
        assert_eq!(check(&night), Ok(()));
        for (time, quiet) in [
            ("20:59", false),
            ("21:00", true),
            ("05:59", true),
            ("06:00", false),
        ] {
            assert_eq!(contain(&night, at(time)), quiet, "{time}");
        }
        let lunch = hours("12:00", "13:00", -330);
        assert!(contain(&lunch, at("17:30")) && !contain(&lunch, at("18:30")));
        for bad in [
            hours("24:00", "07:00", 0),
            hours("7:00", "08:00", 0),
            hours("07:00", "07:00", 0),
            hours("07:00", "08:00", 841),
            hours("+7:00", "08:00", 0),
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
