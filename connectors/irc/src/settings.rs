//! What may be adjusted about connections to IRC networks.

use std::time::Duration;

/// Times, rates and limits of a connection. The defaults suit public networks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The answer to CTCP VERSION.
    pub version: String,
    /// How long the server may take to let us in after the connection is made.
    pub registration_timeout: Duration,
    /// After how long a silence of a server that has welcomed us the welcome counts as complete.
    pub welcome_wait: Duration,
    /// After how long a silence of the server it is asked whether it is there.
    pub ping_after: Duration,
    /// How long it may take to answer that.
    pub ping_timeout: Duration,
    /// The wait before the first new attempt; doubled with each that fails.
    pub reconnect_min: Duration,
    /// The longest wait between attempts.
    pub reconnect_max: Duration,
    /// Up to that much is added to each wait, never more than the wait itself.
    pub reconnect_jitter: Duration,
    /// The wait after the server refused the password; doubled, up to 8 times, with each refusal.
    pub refused_wait: Duration,
    /// How often a server that offers no sign-in is looked at while channels wait for it.
    pub sign_in_wait: Duration,
    /// How long the server may take to answer a request.
    pub request_timeout: Duration,
    /// The first wait before the wanted nickname is tried again; doubled with each failure.
    pub regain_min: Duration,
    /// The longest wait between these tries.
    pub regain_max: Duration,
    /// Up to that much is added to each.
    pub regain_jitter: Duration,
    /// How long after the last socket went the account is marked away.
    pub away_delay: Duration,
    /// Lines that may be sent at once.
    pub burst: u32,
    /// The time in which one more line may be sent after that.
    pub interval: Duration,
    /// Lines that may wait to be sent.
    pub queue: usize,
    /// Lines that one message of a client may become.
    pub message_lines: usize,
    /// Messages asked for at once from the history of a server.
    pub history_page: usize,
    /// Pages asked for to fill one gap.
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
