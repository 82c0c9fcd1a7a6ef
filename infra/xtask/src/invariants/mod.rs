//! Automatic checks of the promises in ARCHITECTURE.md.

mod arrows;
mod dependencies;
mod irc;
mod links;
mod logs;
mod may_use;
mod paths;
mod platforms;
mod text;
mod words;

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::places::Places;
use crate::process;
use crate::report::say;

/// Checks dependencies, source files and lock files.
///
/// # Errors
///
/// How many rules are broken; each has been printed with its place.
pub(crate) fn check(places: &Places) -> Result<()> {
    let mut broken = dependencies::check(places)?;
    let mut git = process::command("git");
    git.current_dir(&places.root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let list = process::output(&mut git)?;
    let mut files = BTreeMap::new();
    for name in list.lines() {
        // A file that is not text (or was deleted but not yet committed) has no lines to check.
        if let Ok(content) = std::fs::read_to_string(places.root.join(name)) {
            broken.extend(text::check(name, &content));
            broken.extend(platforms::check(name, &content));
            broken.extend(irc::check(name, &content));
            broken.extend(logs::check(name, &content));
            broken.extend(links::check(&places.root, name, &content));
            files.insert(name.to_owned(), content);
        }
    }
    if files.is_empty() {
        bail!("git lists no files, so nothing was checked");
    }
    broken.extend(arrows::check(&files));
    broken.extend(logs::missing(&files));
    for line in &broken {
        say(format_args!("    {line}"));
    }
    if !broken.is_empty() {
        bail!("{} invariants are broken", broken.len());
    }
    say(format_args!("    {} files follow the rules", files.len()));
    Ok(())
}
