//! How the process's file descriptors are divided among its ports.

use http_server::Limits;
use program::{Share, share_out};
use smtp_connector::Limits as MailLimits;

use crate::settings::Settings;

/// The most connections between the parts of this process.
const INNER: usize = 256;

/// How many connections each port may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    pub(crate) web: Share,
    /// Where the parts of this process reach each other: strangers on this machine may find it.
    pub(crate) inner: Share,
    pub(crate) irc: Share,
    pub(crate) bouncer: Share,
    pub(crate) smtp: Share,
    /// Connections, and sockets of relays.
    pub(crate) turn: [Share; 2],
}

impl Shares {
    /// Divides the available descriptors.
    pub(crate) fn new(settings: &Settings, descriptors: u64) -> Self {
        let open = |is_open: bool, share| if is_open { share } else { Share::default() };
        let turn = settings.turn_listen().is_some();
        let [connections, relays] = settings.turn.shares().map(|share| open(turn, share));
        let irc = settings.ircd.limits.share();
        let smtp = MailLimits::default().share();
        let bouncer_limits = bouncer::Limits::default();
        let bouncer = Share {
            all: bouncer_limits.clients,
            of_address: bouncer_limits.clients_per_address,
        };
        let bouncer_options = &settings.options.bouncer;
        let is_open = bouncer_options.listen.0.is_some() || bouncer_options.tls_listen.is_some();
        let [web, irc, smtp, connections, relays, bouncer] = share_out(
            descriptors,
            [
                Limits::default().share(),
                open(settings.irc_listen().is_some(), irc),
                open(settings.mail_listen().is_some(), smtp),
                connections,
                relays,
                open(is_open, bouncer),
            ],
        );
        // Both ends of an inner connection are in this process, and count towards the undivided half.
        let inner = usize::try_from(descriptors / 8).map_or(INNER, |most| most.clamp(1, INNER));
        Self {
            web,
            inner: Share {
                all: inner,
                of_address: inner,
            },
            irc,
            bouncer,
            smtp,
            turn: [connections, relays],
        }
    }
}
