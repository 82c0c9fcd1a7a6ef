//! Dates and times of a calendar (RFC 5545 sections 3.3.4 to 3.3.6) as people read them, in the zone that they are given in.

use super::super::line;

/// Longest name of a zone, characters.
const MAX_ZONE: usize = 40;
const DAY: i64 = 24 * 60;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The first day of 1970 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A date, or a time on one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct When {
    /// Minutes since the beginning of 1970, by the clocks of the zone.
    minutes: i64,
    /// The zone's name; none for a day.
    zone: Option<String>,
}

impl When {
    /// Reads `20260604`, `20260604T150000` or `20260604T150000Z`.
    pub(super) fn read(value: &str, zone: Option<&str>) -> Option<Self> {
        let number = |from: usize, to: usize| {
            let digits = value.get(from..to)?;
            let all = digits.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| digits.parse::<i64>().ok())?
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        if year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let minutes = days(year, month, day) * DAY;
        let Some(time) = value.get(8..).filter(|time| !time.is_empty()) else {
            return Some(Self {
                minutes,
                zone: None,
            });
        };
        let (hour, minute) = (number(9, 11)?, number(11, 13)?);
        if !time.starts_with(['T', 't']) || hour > 23 || minute > 59 {
            return None;
        }
        let zone = if time.ends_with(['Z', 'z']) {
            "UTC".to_owned()
        } else {
            match zone.map(named).filter(|zone| !zone.is_empty()) {
                Some(zone) => zone,
                None => "no time zone given".to_owned(),
            }
        };
        Some(Self {
            minutes: minutes + hour * 60 + minute,
            zone: Some(zone),
        })
    }

    pub(super) fn later(&self, minutes: i64) -> Option<Self> {
        Some(Self {
            minutes: self.minutes.checked_add(minutes)?,
            zone: self.zone.clone(),
        })
    }

    /// From then until the end, which a day does not reach (section 3.6.1).
    pub(super) fn until(&self, end: Option<&Self>) -> String {
        let Some(zone) = &self.zone else {
            let last = end.filter(|end| end.zone.is_none());
            let last = last.map_or(self.minutes, |end| end.minutes - DAY);
            let last = last.max(self.minutes);
            let first = date(self.minutes);
            return if last == self.minutes {
                format!("{first} (all day)")
            } else {
                format!("{first} – {} (all day)", date(last))
            };
        };
        let begins = format!("{} {}", date(self.minutes), clock(self.minutes));
        match end.filter(|end| *end != self) {
            Some(end) if end.zone.as_ref().is_some_and(|other| other != zone) => {
                let other = end.zone.as_deref().unwrap_or_default();
                let ends = format!("{} {}", date(end.minutes), clock(end.minutes));
                format!("{begins} ({zone}) – {ends} ({other})")
            }
            Some(end) if end.zone.is_some() && end.minutes > self.minutes => {
                let ends = clock(end.minutes);
                if end.minutes.div_euclid(DAY) == self.minutes.div_euclid(DAY) {
                    format!("{begins}–{ends} ({zone})")
                } else {
                    format!("{begins} – {} {ends} ({zone})", date(end.minutes))
                }
            }
            _ => format!("{begins} ({zone})"),
        }
    }
}

/// What a zone is called. Some programs put a registry before the name, `/example.org/Europe/Berlin`.
fn named(zone: &str) -> String {
    let short = match zone.strip_prefix('/') {
        Some(path) => {
            let mut slashes = path.rmatch_indices('/').map(|(at, _)| at);
            slashes
                .nth(1)
                .and_then(|at| path.get(at + 1..))
                .unwrap_or(path)
        }
        None => zone,
    };
    line(short, MAX_ZONE)
}

/// Reads a duration, `PT1H30M`, `P1D`, in minutes; seconds are left out.
pub(super) fn duration(value: &str) -> Option<i64> {
    let rest = value.strip_prefix('+').unwrap_or(value);
    let rest = rest.strip_prefix(['P', 'p'])?;
    let (mut minutes, mut number) = (0_i64, 0_i64);
    for c in rest.chars() {
        let unit = match c.to_ascii_uppercase() {
            c @ '0'..='9' => {
                let digit = i64::from(c.to_digit(10)?);
                number = number.checked_mul(10)?.checked_add(digit)?;
                continue;
            }
            'W' => 7 * DAY,
            'D' => DAY,
            'H' => 60,
            'M' => 1,
            'S' | 'T' => 0,
            _ => return None,
        };
        minutes = minutes.checked_add(number.checked_mul(unit)?)?;
        number = 0;
    }
    // Longer than a year is no duration of a meeting, and dates stay in what they can be.
    (minutes <= 366 * DAY).then_some(minutes)
}

/// `Thu 4 Jun 2026`.
fn date(minutes: i64) -> String {
    let days = minutes.div_euclid(DAY);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at).copied())
            .unwrap_or_default()
    };
    let (year, month, day) = civil(days);
    let weekday = name(&WEEKDAYS, days.rem_euclid(7));
    format!("{weekday} {day} {} {year}", name(&MONTHS, month - 1))
}

/// `15:00`.
fn clock(minutes: i64) -> String {
    let minutes = minutes.rem_euclid(DAY);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The days from 1970 to a date of the Gregorian calendar; years begin in March, so that a leap day is the last of one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(start: &str, zone: Option<&str>, end: &str) -> String {
        let end = When::read(end, zone);
        When::read(start, zone).unwrap().until(end.as_ref())
    }

    #[test]
    fn dates_and_times_are_said_with_their_zone() {
        let berlin = Some("Europe/Berlin");
        for (start, zone, end, expected) in [
            (
                "20260604T150000",
                berlin,
                "20260604T160000",
                "Thu 4 Jun 2026 15:00–16:00 (Europe/Berlin)",
            ),
            (
                "20260604T233000Z",
                None,
                "20260605T003000Z",
                "Thu 4 Jun 2026 23:30 – Fri 5 Jun 2026 00:30 (UTC)",
            ),
            (
                "20260604T150000",
                None,
                "",
                "Thu 4 Jun 2026 15:00 (no time zone given)",
            ),
            (
                "20240229T000000",
                Some("/example.org/20210210_1/Europe/Berlin"),
                "20240229T000000",
                "Thu 29 Feb 2024 00:00 (Europe/Berlin)",
            ),
            ("20260604", None, "20260605", "Thu 4 Jun 2026 (all day)"),
            ("20260604", None, "", "Thu 4 Jun 2026 (all day)"),
            (
                "20251231",
                None,
                "20260103",
                "Wed 31 Dec 2025 – Fri 2 Jan 2026 (all day)",
            ),
            (
                "19700101T000000Z",
                None,
                "19691231T000000Z",
                "Thu 1 Jan 1970 00:00 (UTC)",
            ),
        ] {
            assert_eq!(said(start, zone, end), expected);
        }
        let flight = When::read("20260604T150000", berlin).unwrap();
        let landed = When::read("20260604T170000", Some("America/New_York"));
        assert_eq!(
            flight.until(landed.as_ref()),
            "Thu 4 Jun 2026 15:00 (Europe/Berlin) – Thu 4 Jun 2026 17:00 (America/New_York)"
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for bad in [
            "",
            "2026",
            "20261301",
            "20260600",
            "20260604T2500",
            "20260604X150000",
            "+2260604",
            "2026060é",
            "20260604T15",
        ] {
            assert_eq!(When::read(bad, None), None, "{bad}");
        }
        for (text, minutes) in [
            ("PT1H30M", Some(90)),
            ("P1D", Some(1_440)),
            ("P1W", Some(10_080)),
            ("PT90S", Some(0)),
            ("-PT1H", None),
            ("1H", None),
            ("PT99999999999999999999H", None),
            ("P9999W", None),
        ] {
            assert_eq!(duration(text), minutes, "{text}");
        }
    }

    #[test]
    fn every_day_of_some_centuries_is_itself() {
        for day in -200_000..200_000 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }
}
