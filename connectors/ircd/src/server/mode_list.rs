//! A channel's list of bans (+b).

use irc_codec::numeric;
use protocol::FoldedName;

use super::client::UserId;
use super::reply::Reply;
use super::{ClientId, Server, names};
use crate::record::Ban;

/// Maximum length of a mask, in bytes.
const MASK: usize = 120;

impl Server {
    pub(super) fn send_bans(&mut self, id: ClientId, key: &FoldedName) {
        let Some(channel) = self.channels.get(key) else {
            return;
        };
        let name = channel.record.name.clone();
        for ban in channel.record.bans.clone() {
            let seconds = ban.at.millis().div_euclid(1000).to_string();
            self.reply(
                id,
                Reply::new(
                    numeric::RPL_BANLIST,
                    [name.clone(), ban.mask, ban.by, seconds],
                ),
            );
        }
        self.reply(
            id,
            Reply::new(
                numeric::RPL_ENDOFBANLIST,
                [name.as_str(), "End of the channel's bans"],
            ),
        );
    }

    /// Adds or removes a ban; returns its mask if that changed anything.
    pub(super) fn set_ban(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        add: bool,
        mask: &str,
    ) -> Option<String> {
        let mask = names::complete_mask(names::clip(mask, MASK));
        if mask.starts_with(':') || mask.contains(|c: char| c == ' ' || c.is_control()) {
            return None;
        }
        let most = self.config.limits.bans;
        let (by, at) = (self.users.get(&user_id)?.nick.clone(), self.now.wall);
        let record = self.channel_record(key)?;
        let place = record
            .bans
            .iter()
            .position(|ban| names::same(&ban.mask, &mask));
        let changed = match (add, place) {
            (true, None) if record.bans.len() >= most => {
                let text = format!("The list of bans is full: the maximum is {most}");
                self.reply(
                    id,
                    Reply::new(
                        numeric::ERR_BANLISTFULL,
                        [self.spelled(key).as_str(), "b", &text],
                    ),
                );
                None
            }
            (true, None) => {
                record.bans.push(Ban {
                    mask: mask.clone(),
                    by,
                    at,
                });
                Some(mask)
            }
            (false, Some(place)) => Some(record.bans.remove(place).mask),
            _ => None,
        };
        if changed.is_some()
            && let Some(channel) = self.channels.get_mut(key)
        {
            channel.prepare_bans();
        }
        changed
    }
}
