//! LIST with the filters of ELIST=MNU: masks, negated masks, numbers of users (RFC 2812, section 3.2.6).

use irc_codec::{Message, numeric};

use super::channel::Channel;
use super::client::UserId;
use super::names::Mask;
use super::reply::Reply;
use super::{ClientId, Server};

/// Maximum conditions per LIST: each is evaluated for every channel.
const MAX_FILTERS: usize = 20;

/// A condition of LIST.
#[derive(Debug)]
enum Filter {
    MoreThan(usize),
    FewerThan(usize),
    Not(Mask),
    Mask(Mask),
}

impl Filter {
    fn parse(text: &str) -> Self {
        let number = |rest: &str| rest.parse().ok();
        let users = text
            .strip_prefix('>')
            .and_then(number)
            .map(Self::MoreThan)
            .or_else(|| text.strip_prefix('<').and_then(number).map(Self::FewerThan));
        match (users, text.strip_prefix('!')) {
            (Some(users), _) => users,
            (None, Some(mask)) => Self::Not(Mask::new(mask)),
            (None, None) => Self::Mask(Mask::new(text)),
        }
    }
}

impl Server {
    pub(super) fn on_list(&mut self, id: ClientId, user_id: UserId, message: &Message) {
        let texts = || message.param(0).split(',').filter(|text| !text.is_empty());
        if texts().nth(MAX_FILTERS).is_some() {
            let text = format!("Too many conditions: LIST accepts {MAX_FILTERS} at once");
            return self.reply(
                id,
                Reply::new(numeric::ERR_TOOMANYTARGETS, [message.param(0), &text]),
            );
        }
        let filters: Vec<Filter> = texts().map(Filter::parse).collect();
        let replies: Vec<Reply> = self
            .channels
            .values()
            .filter(|channel| channel.is_visible(user_id) && passes(channel, &filters))
            .map(|channel| {
                let topic = channel
                    .record
                    .topic
                    .as_ref()
                    .map_or("", |topic| &topic.text);
                let members = channel.members.len().to_string();
                Reply::new(
                    numeric::RPL_LIST,
                    [channel.record.name.as_str(), &members, topic],
                )
            })
            .collect();
        self.reply(
            id,
            Reply::new(numeric::RPL_LISTSTART, ["Channel", "Users  Topic"]),
        );
        for reply in replies {
            self.reply(id, reply);
        }
        self.reply(id, Reply::new(numeric::RPL_LISTEND, ["End of LIST"]));
    }
}

/// Numbers and negated masks must all match; of the masks, one must.
fn passes(channel: &Channel, filters: &[Filter]) -> bool {
    let count = channel.members.len();
    let name = &channel.record.name;
    let mut masks = filters.iter().filter_map(|filter| match filter {
        Filter::Mask(mask) => Some(mask.matches(name)),
        _ => None,
    });
    let all = filters.iter().all(|filter| match filter {
        Filter::MoreThan(least) => count > *least,
        Filter::FewerThan(most) => count < *most,
        Filter::Not(mask) => !mask.matches(name),
        Filter::Mask(_) => true,
    });
    let any_mask = masks
        .next()
        .is_none_or(|first| first || masks.any(|matched| matched));
    all && any_mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let channel = Channel::new(Channel::fresh("#General", protocol::Timestamp::default()));
        let check = |text: &str| {
            let filters: Vec<_> = text
                .split(',')
                .filter(|t| !t.is_empty())
                .map(Filter::parse)
                .collect();
            passes(&channel, &filters)
        };
        for yes in ["", "#gen*", "#x,#general", "<1", "!#x*"] {
            assert!(check(yes), "{yes}");
        }
        for no in ["#x", ">0", "!#gen*", "#gen*,>0"] {
            assert!(!check(no), "{no}");
        }
    }
}
