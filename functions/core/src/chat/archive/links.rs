//! Finds the days before and after a new one, nearest first: within the month's folder, then the year's, then the rest.

use protocol::Day;
use storage_adapter::{DocumentPath, FolderPath, TreeError, Version};

use super::day_store::DayStore;

/// A finding that a second look may contradict.
#[derive(Eq, PartialEq)]
pub(super) enum Doubt {
    /// A document that is not an archive, or is truncated, in this version.
    NoArchive(DocumentPath, Version),
    /// A day that is listed but missing.
    Missing(Day),
    /// A folder that exists but lists no year, month or day.
    Empty(Vec<String>),
}

/// In which direction to look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// The last day before it.
    Before,
    /// The first day after it.
    After,
}

/// Returns the nearest day with a document on one side of `day`.
pub(crate) async fn neighbour<P: DayStore>(
    place: &P,
    folder: &[String],
    day: Day,
    side: Side,
    doubts: &mut Vec<Doubt>,
) -> Result<Option<Day>, P::Error> {
    let years = numbers(place, folder, &[], false, doubts).await?;
    for year in ordered(years, side, |year| in_reach(side, year, day.year)) {
        let year_name = format!("{year:04}");
        let months = numbers(place, folder, &[&year_name], false, doubts).await?;
        let near = |month: u16| year != day.year || in_reach(side, month, day.month.into());
        for month in ordered(months, side, near) {
            let month_name = format!("{month:02}");
            let days = numbers(place, folder, &[&year_name, &month_name], true, doubts).await?;
            let same = year == day.year && month == u16::from(day.month);
            let near =
                |d: u16| !same || (d != u16::from(day.day) && in_reach(side, d, day.day.into()));
            for d in ordered(days, side, near) {
                if let Ok(found) = format!("{year:04}/{month:02}/{d:02}").parse() {
                    return Ok(Some(found));
                }
            }
        }
    }
    Ok(None)
}

/// Returns the entries of a folder whose names are numbers; an existing folder without any is a doubt.
async fn numbers<P: DayStore>(
    place: &P,
    folder: &[String],
    below: &[&str],
    documents: bool,
    doubts: &mut Vec<Doubt>,
) -> Result<Vec<u16>, P::Error> {
    let mut segments = folder.to_vec();
    segments.extend(below.iter().map(|&segment| segment.to_owned()));
    let path = FolderPath::from_segments(segments)
        .map_err(|error| TreeError::Format(error.to_string()))?;
    let width = if below.is_empty() { 4 } else { 2 };
    let names = place.names(&path, documents).await?;
    let numbers: Vec<u16> = names
        .iter()
        .map(|name| name.trim_end_matches('/'))
        .filter(|name| name.len() == width)
        .filter_map(|name| name.parse().ok())
        .collect();
    if numbers.is_empty() {
        doubts.push(Doubt::Empty(path.segments().to_vec()));
    }
    Ok(numbers)
}

fn in_reach(side: Side, candidate: u16, own: u16) -> bool {
    match side {
        Side::Before => candidate <= own,
        Side::After => candidate >= own,
    }
}

fn ordered(mut numbers: Vec<u16>, side: Side, near: impl Fn(u16) -> bool) -> Vec<u16> {
    numbers.retain(|&number| near(number));
    protocol::sort(&mut numbers);
    if side == Side::Before {
        numbers.reverse();
    }
    numbers
}
