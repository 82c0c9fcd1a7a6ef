//! Finding the days before and after a new one, nearest first: the month's folder, the year's, the rest.

use crate::Host;
use model::{AccountName, Day};
use storage_adapter::{FolderPath, FolderRead, Item, ObjectStore, TreeError};

use crate::Functions;

/// Where to look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// The last day before.
    Before,
    /// The first day after.
    After,
}

impl<S: ObjectStore, H: Host> Functions<S, H> {
    /// Returns the nearest day with a document on one side of `day`.
    pub(super) async fn neighbour(
        &self,
        account: &AccountName,
        folder: &[String],
        day: Day,
        side: Side,
    ) -> Result<Option<Day>, TreeError> {
        let years = self.numbers(account, folder, &[], false).await?;
        for year in ordered(years, side, |year| in_reach(side, year, day.year)) {
            let year_name = format!("{year:04}");
            let months = self.numbers(account, folder, &[&year_name], false).await?;
            let near = |month: u16| year != day.year || in_reach(side, month, day.month.into());
            for month in ordered(months, side, near) {
                let month_name = format!("{month:02}");
                let days = self
                    .numbers(account, folder, &[&year_name, &month_name], true)
                    .await?;
                let same = year == day.year && month == u16::from(day.month);
                let near = |d: u16| {
                    !same || (d != u16::from(day.day) && in_reach(side, d, day.day.into()))
                };
                for d in ordered(days, side, near) {
                    if let Ok(found) = format!("{year:04}/{month:02}/{d:02}").parse() {
                        return Ok(Some(found));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Returns the items of a folder whose names are numbers.
    async fn numbers(
        &self,
        account: &AccountName,
        folder: &[String],
        below: &[&str],
        documents: bool,
    ) -> Result<Vec<u16>, TreeError> {
        let mut segments = folder.to_vec();
        segments.extend(below.iter().map(|&segment| segment.to_owned()));
        let path = FolderPath::from_segments(segments)
            .map_err(|error| TreeError::Format(error.to_string()))?;
        let FolderRead::Found(folder) = self.storage.read_folder(account, &path, &[]).await? else {
            return Ok(Vec::new());
        };
        let width = if below.is_empty() { 4 } else { 2 };
        Ok(folder
            .items
            .iter()
            .filter(|(_, item)| matches!(item, Item::Document(_)) == documents)
            .filter(|(name, _)| name.trim_end_matches('/').len() == width)
            .filter_map(|(name, _)| name.trim_end_matches('/').parse().ok())
            .collect())
    }
}

fn in_reach(side: Side, candidate: u16, own: u16) -> bool {
    match side {
        Side::Before => candidate <= own,
        Side::After => candidate >= own,
    }
}

fn ordered(mut numbers: Vec<u16>, side: Side, near: impl Fn(u16) -> bool) -> Vec<u16> {
    numbers.retain(|&number| near(number));
    numbers.sort_unstable();
    if side == Side::Before {
        numbers.reverse();
    }
    numbers
}
