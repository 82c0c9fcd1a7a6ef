//! Monitors: Uptime Kuma and UptimeRobot.

use serde_json::Value;

use crate::forge::{COMMENT, join};
use crate::json::{at, first, scalar_at, text};
use crate::text::{summary, unescape_html};
use crate::{Event, Unreadable};

/// Uptime Kuma: `{"heartbeat":{"status":0},"monitor":{"name":…},"msg":…}`; a test lacks the first two, and so does a
/// warning about expiring certificates.
pub(crate) fn kuma(body: &Value) -> Event {
    let message = summary(first(body, &["heartbeat.msg", "msg"]), COMMENT);
    // Uptime Kuma's placeholder for a missing message.
    let message = if message == "N/A" {
        String::new()
    } else {
        message
    };
    let name = first(body, &["monitor.name", "monitorJSON.name"]);
    if name.is_empty() {
        if message.is_empty() {
            return Event::ignored("test", "there is neither a monitor nor a message in it");
        }
        let kind = if message.ends_with(" Testing") {
            "test"
        } else {
            "message"
        };
        return Event::new(kind, format!("[Uptime Kuma] {message}"));
    }
    let (kind, state) = match at(body, "heartbeat.status").as_i64() {
        Some(0) => ("down", "is down"),
        Some(1) => ("up", "is up"),
        Some(2) => ("pending", "is pending"),
        Some(3) => ("maintenance", "is under maintenance"),
        _ => ("message", ""),
    };
    let url = match text(body, "monitor.url") {
        // Uptime Kuma's placeholder for a missing address.
        "" | "https://" => text(body, "monitor.hostname"),
        url => url,
    };
    let reason = if message.is_empty() {
        String::new()
    } else {
        format!("({message})")
    };
    Event::new(kind, join(&["[Uptime Kuma]", name, state, &reason, url]))
}

/// UptimeRobot, by query, form or JSON; the line is the same as that of Kosmos' bot.
pub(crate) fn robot(fields: &Value) -> Result<Event, Unreadable> {
    let name = unescape_html(text(fields, "monitorFriendlyName"));
    if name.trim().is_empty() {
        return Err(Unreadable::Field(
            "\"monitorFriendlyName\" is missing: choose \"send as query string\" or as POST value in UptimeRobot"
                .to_owned(),
        ));
    }
    let kind = match text(fields, "alertTypeFriendlyName") {
        "" => match scalar_at(fields, "alertType").as_str() {
            "1" => "down".to_owned(),
            "2" => "up".to_owned(),
            "3" => "about to lose its certificate".to_owned(),
            _ => "checked".to_owned(),
        },
        name => name.to_lowercase(),
    };
    let id = scalar_at(fields, "monitorID");
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    let line =
        format!("[UptimeRobot] {name} is {kind} - https://uptimerobot.com/dashboard.php#{id}");
    Ok(Event::new(kind, line))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn monitors() {
        let down = json!({"heartbeat": {"status": 0, "msg": "timeout of 48s"}, "monitor": {"name": "Site", "url": "https://a.example"}, "msg": "x"});
        assert_eq!(
            kuma(&down).lines,
            ["[Uptime Kuma] Site is down (timeout of 48s) https://a.example"]
        );
        let test = json!({"heartbeat": null, "monitor": null, "msg": "Testing"});
        assert_eq!(kuma(&test).lines, ["[Uptime Kuma] Testing"]);
        assert!(kuma(&json!(null)).lines.is_empty());
        let fields = json!({"monitorFriendlyName": "A &amp; B", "monitorID": "77", "alertTypeFriendlyName": "Down"});
        assert_eq!(
            robot(&fields).unwrap().lines,
            ["[UptimeRobot] A & B is down - https://uptimerobot.com/dashboard.php#77"]
        );
        let fields = json!({"monitorFriendlyName": "A", "monitorID": 77, "alertType": 2});
        assert_eq!(
            robot(&fields).unwrap().lines,
            ["[UptimeRobot] A is up - https://uptimerobot.com/dashboard.php#77"]
        );
        assert!(robot(&json!({})).is_err());
    }
}
