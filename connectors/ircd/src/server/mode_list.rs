//! Changes and answers of a channel's lists (+b, +e, +I, +q).

use irc_codec::numeric;
use protocol::FoldedName;

use super::client::UserId;
use super::masks::{List, MASK, complete};
use super::reply::Reply;
use super::{ClientId, Server, names};
use crate::record::Ban;

impl Server {
    pub(super) fn send_list(&mut self, id: ClientId, key: &FoldedName, list: List) {
        let Some(channel) = self.channels.get(key) else {
            return;
        };
        let name = channel.record.name.clone();
        let (entry, end, text) = list.numerics();
        // The numerics of quiets name the letter (charybdis).
        let start = match list {
            List::Quiets => vec![name, list.letter().to_string()],
            List::Bans | List::Exceptions | List::Invites => vec![name],
        };
        for ban in list.entries(&channel.record).clone() {
            let seconds = ban.at.millis().div_euclid(1000).to_string();
            let params = start.iter().cloned().chain([ban.mask, ban.by, seconds]);
            self.reply(id, Reply::new(entry, params));
        }
        let params = start.into_iter().chain([text.to_owned()]);
        self.reply(id, Reply::new(end, params));
    }

    /// Adds or removes an entry of a list; returns its mask if that changed anything.
    pub(super) fn set_list(
        &mut self,
        id: ClientId,
        user_id: UserId,
        key: &FoldedName,
        (list, add): (List, bool),
        typed: &str,
    ) -> Option<String> {
        let text = if add && typed.len() > MASK {
            format!("A mask has at most {MASK} bytes")
        } else {
            "Expected nick!user@host with wildcards, or $a:account".to_owned()
        };
        let mask = complete(typed).filter(|_| !add || typed.len() <= MASK);
        let Some(mask) = mask else {
            // What is no mask may be no parameter either.
            let params = [
                self.spelled(key),
                list.letter().to_string(),
                "*".to_owned(),
                text,
            ];
            self.reply(id, Reply::new(numeric::ERR_INVALIDMODEPARAM, params));
            return None;
        };
        let most = self.config.limits.bans;
        let (by, at) = (self.users.get(&user_id)?.nick.clone(), self.now.wall);
        let channel = self.channels.get_mut(key)?;
        let all: usize = List::ALL
            .iter()
            .map(|list| list.entries(&channel.record).len())
            .sum();
        let entries = list.entries(&channel.record);
        let place = entries.iter().position(|ban| names::same(&ban.mask, &mask));
        match (add, place) {
            (true, None) if all >= most => {
                let text = format!("The channel's lists are full: the maximum is {most} in all");
                let letter = list.letter().to_string();
                let params = [self.spelled(key), letter, text];
                self.reply(id, Reply::new(numeric::ERR_BANLISTFULL, params));
                None
            }
            (true, None) => {
                channel.add_entry(
                    list,
                    Ban {
                        mask: mask.clone(),
                        by,
                        at,
                    },
                );
                Some(mask)
            }
            (false, Some(place)) => Some(channel.remove_entry(list, place).mask),
            _ => None,
        }
    }
}
