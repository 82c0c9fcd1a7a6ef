//! Deletions of messages of earlier days: their text leaves the day's document in which it is.

use std::collections::{BTreeMap, HashSet};

use protocol::{ArchiveMessage, Day, MessageType, Timestamp};

use super::{Draft, Plan, existing_day};
use crate::chat::archive::Group;
use crate::chat::archive::day_store::DayStore;

/// The most documents before the day of a deletion in which its message is looked for.
const MAX_LOOKED_BACK: usize = 14;

/// A message was deleted.
pub(in crate::chat::archive) struct Deletion {
    /// The id of the message.
    about: String,
    /// The day on which that happened.
    day: Day,
    /// The day on which the message was sent, if that is known.
    sent: Option<Day>,
}

impl Deletion {
    /// What an entry of a day says, if it is a deletion.
    pub(in crate::chat::archive) fn of(
        message: &ArchiveMessage,
        day: Day,
        sent: Option<Timestamp>,
    ) -> Option<Self> {
        let about = message.about.as_ref()?;
        (message.kind == MessageType::Deletion).then(|| Self {
            about: about.clone(),
            day,
            sent: sent.map(Timestamp::day),
        })
    }
}

/// Empties the entries that are not in the documents of their deletions' own days.
///
/// Documents are looked through from the day of the newest deletion backwards, since whoever quoted the message did so in
/// between; then the days on which the rest is said to have been sent. What is not found there was never archived, or so long
/// ago that nobody knows when.
pub(super) async fn apply<P: DayStore>(
    place: &P,
    group: &Group,
    drafts: &mut BTreeMap<Day, Draft>,
    plan: &mut Plan,
) -> Result<(), P::Error> {
    let mut open: HashSet<String> = group.deletions.iter().map(|d| d.about.clone()).collect();
    for draft in drafts.values_mut() {
        draft.changed |= draft.document.withdraw(&mut open);
    }
    let newest = group.deletions.iter().map(|deletion| deletion.day).max();
    let mut before = newest.and_then(|day| drafts.get(&day)?.document.previous());
    let mut last = newest;
    for _ in 0..MAX_LOOKED_BACK {
        // Whoever writes there may have linked days in a circle.
        let Some(day) =
            before.filter(|day| !open.is_empty() && last.is_some_and(|last| *day < last))
        else {
            break;
        };
        (last, before) = (Some(day), None);
        if let Some(draft) = open_draft(place, group, day, drafts, plan).await? {
            draft.changed |= draft.document.withdraw(&mut open);
            before = draft.document.previous();
        }
    }
    let sent = group.deletions.iter().filter(|d| open.contains(&d.about));
    let sent: HashSet<Day> = sent.filter_map(|deletion| deletion.sent).collect();
    for day in sent.into_iter().take(MAX_LOOKED_BACK) {
        if let Some(draft) = open_draft(place, group, day, drafts, plan).await? {
            draft.changed |= draft.document.withdraw(&mut open);
        }
    }
    Ok(())
}

async fn open_draft<'a, P: DayStore>(
    place: &P,
    group: &Group,
    day: Day,
    drafts: &'a mut BTreeMap<Day, Draft>,
    plan: &mut Plan,
) -> Result<Option<&'a mut Draft>, P::Error> {
    if !drafts.contains_key(&day)
        && let Some(draft) = existing_day(place, group, day, plan).await?
    {
        drafts.insert(day, draft);
    }
    Ok(drafts.get_mut(&day))
}
