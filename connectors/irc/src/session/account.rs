//! The account that the network knows us by, in whatever way we signed in.

use irc_codec::Message;

use super::Session;
use super::sasl::Sasl;

impl Session {
    /// RPL_LOGGEDIN: the services know us, in whatever way.
    pub(super) fn logged_in(&mut self, message: &Message) {
        let account = message.param(2);
        let account = if message.params.len() > 3 {
            account
        } else {
            ""
        };
        self.link.account = Some(account.to_owned());
        self.account_came();
    }

    /// ACCOUNT about us (account-notify); networks without it use a mode.
    pub(super) fn account_changed(&mut self, message: &Message) {
        match message.param(0) {
            "" | "*" => self.logged_out(),
            account => {
                self.link.account = Some(account.to_owned());
                self.account_came();
            }
        }
    }

    /// MODE about us: `r` is for those whose nickname is known to the services.
    pub(super) fn own_modes_changed(&mut self, message: &Message) {
        let mut set = true;
        for mode in message.param(1).chars() {
            match mode {
                '+' => set = true,
                '-' => set = false,
                'r' if set => {
                    self.link.account.get_or_insert_default();
                    self.account_came();
                }
                _ => {}
            }
        }
    }

    /// RPL_LOGGEDOUT.
    pub(super) fn logged_out(&mut self) {
        self.link.account = None;
        if self.link.sasl.is_done() {
            self.link.sasl = Sasl::Not;
        }
    }

    /// What waited for the account goes on: channels, and the nickname that services keep for it.
    pub(super) fn account_came(&mut self) {
        self.account_seen();
        self.add_certificate();
        if self.is_online() && (self.link.held || self.regain_ended()) {
            self.join_waiting();
            self.regain_again();
            self.report_online();
        }
    }
}
