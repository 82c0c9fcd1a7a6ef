//! Statistics in Prometheus's text format.

use metrics::Exposition;

use crate::server::Statistics;

/// Formats the statistics; `damaged` is the number of log lines that could not be read at startup.
pub(super) fn text(numbers: &Statistics, damaged: usize) -> String {
    let mut text = Exposition::new("ircd_");
    text.gauge("clients", "Connections.", numbers.clients);
    text.gauge(
        "users",
        "Users; one may have several connections.",
        numbers.users,
    );
    text.gauge("channels", "Channels.", numbers.channels);
    text.gauge("pending_appends", "Appends in progress.", numbers.pending);
    text.counter("messages_total", "Messages accepted.", numbers.messages);
    text.counter("lines_total", "Lines received.", numbers.lines);
    text.counter(
        "wrong_passwords_total",
        "Wrong passwords and malformed AUTHENTICATE.",
        numbers.failures,
    );
    text.counter(
        "not_stored_total",
        "Appends that failed.",
        numbers.not_stored,
    );
    text.gauge(
        "damaged_lines",
        "Log lines and snapshot entries that could not be read at startup.",
        damaged,
    );
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_help_are_those_that_dashboards_know() {
        let numbers = Statistics {
            clients: 1,
            users: 2,
            channels: 3,
            pending: 4,
            messages: 5,
            lines: 6,
            failures: 7,
            not_stored: 8,
        };
        assert_eq!(text(&numbers, 9), include_str!("../../tests/metrics.txt"));
    }
}
