//! Reading the snapshot: a damaged entry affects only itself.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use durable::Disk;
use protocol::AccountName;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{StoreError, at};
use crate::record::State;

/// Reads the snapshot, and returns how many of its entries are damaged; those are left out, and the original file is
/// kept aside.
pub(super) fn read(disk: &Disk, folder: &Path, name: &str) -> Result<(State, usize), StoreError> {
    let path = &folder.join(name);
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((empty(), 0)),
        Err(error) => return Err(at(path)(error)),
    };
    let damaged_name = format!("{name}.damaged");
    let aside = folder.join(&damaged_name);
    let Ok(value) = serde_json::from_slice::<Value>(&bytes) else {
        // The log provides what it can; what is left of this file is not overwritten.
        disk.shift(path, &aside).map_err(at(&aside))?;
        return Ok((empty(), 1));
    };
    let version = value.get("version").and_then(Value::as_u64);
    if version != Some(u64::from(State::VERSION)) {
        let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        return Err(StoreError::State {
            path: path.to_owned(),
            reason: format!("its version is {found}, expected {}", State::VERSION),
        });
    }
    let mut damaged = 0;
    let mut state = empty();
    match value.get("as_of").and_then(Value::as_i64) {
        Some(as_of) => state.as_of = as_of,
        None => damaged += 1,
    }
    state.accounts = list(&value, "accounts", &mut damaged).into_iter().collect();
    state.channels = list(&value, "channels", &mut damaged);
    if value.get("bans").is_some() {
        state.bans = list(&value, "bans", &mut damaged);
    }
    state.seen = by_account(&value, "seen", &mut damaged);
    state.read = by_account(&value, "read", &mut damaged);
    state.metadata = by_account(&value, "metadata", &mut damaged);
    if damaged > 0 {
        let kept = disk.replace(folder, &damaged_name, &bytes);
        kept.map_err(at(&aside))?;
    }
    Ok((state, damaged))
}

fn empty() -> State {
    State {
        version: State::VERSION,
        ..State::default()
    }
}

fn list<T: DeserializeOwned>(value: &Value, key: &str, damaged: &mut usize) -> Vec<T> {
    let Some(entries) = value.get(key).and_then(Value::as_array) else {
        *damaged += 1;
        return Vec::new();
    };
    let read: Vec<T> = entries
        .iter()
        .filter_map(|entry| serde_json::from_value(entry.clone()).ok())
        .collect();
    *damaged += entries.len() - read.len();
    read
}

/// Reads what is noted for accounts; it may be absent.
fn by_account<T: DeserializeOwned>(
    value: &Value,
    key: &str,
    damaged: &mut usize,
) -> BTreeMap<AccountName, T> {
    let mut read = BTreeMap::new();
    let entries = value.get(key).and_then(Value::as_object);
    for (account, entry) in entries.into_iter().flatten() {
        match (account.parse(), serde_json::from_value(entry.clone())) {
            (Ok(account), Ok(entry)) => {
                read.insert(account, entry);
            }
            _ => *damaged += 1,
        }
    }
    read
}
