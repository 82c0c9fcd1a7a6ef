//! Numbers in the text format of Prometheus.

use std::fmt::Write as _;

use crate::server::Statistics;

/// Formats the numbers.
pub(super) fn text(numbers: &Statistics) -> String {
    let gauges = [
        ("ircd_clients", "Connections.", numbers.clients),
        (
            "ircd_users",
            "Users; one may have several connections.",
            numbers.users,
        ),
        ("ircd_channels", "Channels.", numbers.channels),
        (
            "ircd_pending_appends",
            "Appends on their way to the disk.",
            numbers.pending,
        ),
    ];
    let counters = [
        (
            "ircd_messages_total",
            "Messages accepted.",
            numbers.messages,
        ),
        ("ircd_lines_total", "Lines received.", numbers.lines),
        (
            "ircd_wrong_passwords_total",
            "Wrong passwords.",
            numbers.failures,
        ),
        (
            "ircd_not_stored_total",
            "Appends that the disk did not take.",
            numbers.not_stored,
        ),
    ];
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (name, help, value) in gauges {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
        );
    }
    for (name, help, value) in counters {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_help_and_type() {
        let text = text(&Statistics {
            clients: 3,
            messages: 7,
            ..Statistics::default()
        });
        assert!(text.contains("# TYPE ircd_clients gauge\nircd_clients 3\n"));
        assert!(text.contains("# TYPE ircd_messages_total counter\nircd_messages_total 7\n"));
    }
}
