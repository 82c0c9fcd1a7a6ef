//! When another server wants to be contacted again: `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date.

use http::{HeaderMap, header};
use protocol::Timestamp;

/// The longest wait that is honoured, in seconds.
const MAX: i64 = 3_600;
/// What a date in an unknown format stands for, in seconds.
const UNKNOWN: i64 = 60;

/// Returns the seconds; `None` if the server does not send it. A date counts from the server's own `Date`, so that its
/// clock need not be right.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = |name| headers.get(name)?.to_str().ok();
    let value = text(header::RETRY_AFTER)?.trim();
    let seconds = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().unwrap_or(MAX)
    } else if let Some(until) = Timestamp::from_http_date(value) {
        let from = text(header::DATE).and_then(Timestamp::from_http_date);
        let left = until.millis() - from.unwrap_or(now).millis();
        // Not a moment too early.
        left.saturating_add(999).div_euclid(1_000)
    } else {
        UNKNOWN
    };
    Some(seconds.clamp(1, MAX).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(after: &'static str, date: Option<&'static str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(after));
        if let Some(date) = date {
            headers.insert(header::DATE, HeaderValue::from_static(date));
        }
        let now = "2026-01-15T10:00:00.500Z".parse().unwrap();
        retry_after(&headers, now)
    }

    #[test]
    fn seconds_and_dates() {
        for (after, seconds) in [
            ("7", 7),
            (" 120 ", 120),
            ("0", 1),
            ("86400", 3_600),
            ("99999999999999999999", 3_600),
            ("soon", 60),
            ("-1", 60),
            ("", 60),
            ("Thu, 15 Jan 2026 10:00:07 GMT", 7),
            ("Thu, 15 Jan 2026 09:00:00 GMT", 1),
            ("Fri, 16 Jan 2026 10:00:00 GMT", 3_600),
            ("Thursday, 15-Jan-26 10:00:07 GMT", 60),
        ] {
            assert_eq!(read(after, None), Some(seconds), "{after}");
        }
        // A clock that is an hour fast.
        let ahead = "Thu, 15 Jan 2026 11:00:00 GMT";
        assert_eq!(read("Thu, 15 Jan 2026 11:00:09 GMT", Some(ahead)), Some(9));
        assert_eq!(read("9", Some(ahead)), Some(9));
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::default()), None);
    }
}
