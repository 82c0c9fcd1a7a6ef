//! Messages to one person, who may use another nickname or not be connected.

use irc_codec::{Numeric, numeric};

use protocol::AccountName;

use super::client::{User, UserId};
use super::messages::{NewMessage, is_lasting, stored};
use super::reply::Reply;
use super::{ClientId, Server, names};
use crate::record::conversation;

impl Server {
    pub(super) fn message_user(
        &mut self,
        id: ClientId,
        user_id: UserId,
        target: &str,
        new: NewMessage<'_>,
    ) -> Result<(), (Numeric, String)> {
        let folded = names::fold(target);
        let holder = self.nicks.get(&folded).copied();
        let Some(other_id) = holder.or_else(|| self.user_of(folded.as_str())) else {
            let absent = self.accounts.get(folded.as_str()).cloned();
            let absent = absent.ok_or_else(|| {
                (
                    numeric::ERR_NOSUCHNICK,
                    "No such nick or channel".to_owned(),
                )
            })?;
            return self.message_absent(id, user_id, &absent, new);
        };
        let user = self
            .users
            .get(&user_id)
            .ok_or_else(|| (numeric::ERR_NOSUCHNICK, String::new()))?;
        let other = self
            .users
            .get(&other_id)
            .ok_or_else(|| (numeric::ERR_NOSUCHNICK, String::new()))?;
        let nick = other.nick.clone();
        let away = other
            .away
            .clone()
            .filter(|_| new.command == "PRIVMSG" && other_id != user_id);
        // Two guests have no history, since neither could ever request it.
        let key = (user.account.is_some() || other.account.is_some())
            .then(|| conversation(&user.identity(), &other.identity()));
        let event = self.make_message(user_id, &nick, new)?;
        let stored = key
            .filter(|_| is_lasting(new.command, new.tags))
            .map(|key| stored(&event, key, &nick, new));
        let mut audience = self.sessions(other_id);
        if other_id != user_id {
            audience.extend(self.sessions(user_id));
        }
        let Some((event, when)) = self.store_and_send(id, event, stored, audience, &nick) else {
            return Ok(());
        };
        if other_id == user_id {
            self.deliver_to_sender(id, &event, when);
        }
        if let Some(away) = away {
            self.reply(id, Reply::new(numeric::RPL_AWAY, [nick.as_str(), &away]));
        }
        Ok(())
    }

    /// Finds a member by account, whose name may differ from the nickname.
    fn user_of(&self, account: &str) -> Option<UserId> {
        let mut users = self.users.iter();
        let is = |user: &User| {
            user.account
                .as_ref()
                .is_some_and(|own| own.as_str() == account)
        };
        users.find(|(_, user)| is(user)).map(|(&id, _)| id)
    }

    /// A message to a member who is not connected is stored, and shown when they return.
    fn message_absent(
        &mut self,
        id: ClientId,
        user_id: UserId,
        account: &AccountName,
        new: NewMessage<'_>,
    ) -> Result<(), (Numeric, String)> {
        if !is_lasting(new.command, new.tags) {
            return Ok(());
        }
        let user = self.users.get(&user_id);
        let key = user
            .map(|user| conversation(&user.identity(), account.as_str()))
            .ok_or_else(|| (numeric::ERR_NOSUCHNICK, String::new()))?;
        let event = self.make_message(user_id, account.as_str(), new)?;
        let stored = Some(stored(&event, key, account.as_str(), new));
        let audience = self.sessions(user_id);
        let Some((_, when)) = self.store_and_send(id, event, stored, audience, account.as_str())
        else {
            return Ok(());
        };
        if new.command == "PRIVMSG" {
            let text = "is not connected now; your message is kept and shown on return";
            self.reply_when(
                id,
                Reply::new(numeric::RPL_AWAY, [account.as_str(), text]),
                when,
            );
        }
        Ok(())
    }
}
