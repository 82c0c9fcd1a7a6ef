//! Settings of connections to IRC networks.

use std::time::Duration;

/// Times, rates and limits of a connection. The defaults suit public networks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The reply to CTCP VERSION.
    pub version: String,
    /// How long the server may take to admit us after the connection is established.
    pub registration_timeout: Duration,
    /// How long a server that has welcomed us must be silent before the welcome counts as complete.
    pub welcome_wait: Duration,
    /// How long the server must be silent before it is pinged.
    pub ping_after: Duration,
    /// How long it may take to respond to the ping.
    pub ping_timeout: Duration,
    /// The delay before the first reconnection attempt; doubled with each failure.
    pub reconnect_min: Duration,
    /// Maximum delay between attempts.
    pub reconnect_max: Duration,
    /// Maximum random addition to each delay, never more than the delay itself.
    pub reconnect_jitter: Duration,
    /// The delay after the server refused the password; doubled with each refusal, up to 8 times.
    pub refused_wait: Duration,
    /// The delay after the server said that there are too many connections; doubled each time, up to `refused_wait`.
    pub throttled_wait: Duration,
    /// How long the server may take to answer a line of the sign-in (SASL).
    pub sign_in_timeout: Duration,
    /// How often a server that offers no sign-in is checked while channels wait for it.
    pub sign_in_wait: Duration,
    /// How long the server may take to respond to a request.
    pub request_timeout: Duration,
    /// The delay before the wanted nickname is first tried again; doubled with each failure.
    pub regain_min: Duration,
    /// Maximum delay between these attempts.
    pub regain_max: Duration,
    /// Maximum random addition to each.
    pub regain_jitter: Duration,
    /// How long after the last socket closed the account is marked as away.
    pub away_delay: Duration,
    /// Lines that may be sent at once.
    pub burst: u32,
    /// The interval at which further lines may be sent.
    pub interval: Duration,
    /// Lines that may be queued for sending.
    pub queue: usize,
    /// Maximum lines for one client message.
    pub message_lines: usize,
    /// Messages requested at once from a server's history.
    pub history_page: usize,
    /// Pages requested to fill one gap.
    pub history_pages: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            version: concat!("Subspace ", env!("CARGO_PKG_VERSION")).to_owned(),
            registration_timeout: seconds(60),
            welcome_wait: seconds(5),
            ping_after: seconds(90),
            ping_timeout: seconds(30),
            reconnect_min: seconds(5),
            reconnect_max: seconds(600),
            reconnect_jitter: seconds(60),
            refused_wait: seconds(900),
            throttled_wait: seconds(120),
            sign_in_timeout: seconds(15),
            sign_in_wait: seconds(60),
            request_timeout: seconds(30),
            regain_min: seconds(15),
            regain_max: seconds(600),
            regain_jitter: seconds(10),
            away_delay: seconds(10),
            burst: 10,
            interval: seconds(2),
            queue: 500,
            message_lines: 50,
            history_page: 100,
            history_pages: 50,
        }
    }
}
