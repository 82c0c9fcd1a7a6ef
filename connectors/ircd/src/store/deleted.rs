//! What was deleted leaves the log: its text is overwritten where it is.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::index::Slot;
use super::segment;
use crate::record::Body;

/// Overwrites a message by one of the same length without text, durably. A line that is torn by that is damaged, and left
/// out: nothing is lost that was to be kept.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn empty(path: &Path, slot: Slot) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut line = vec![0; slot.length as usize];
    file.read_exact_at(&mut line, u64::from(slot.offset))?;
    line.pop();
    let Some(mut record) = segment::read_line(&line) else {
        return Ok(());
    };
    let Body::Message(stored) = &mut record.body else {
        return Ok(());
    };
    if stored.text.as_deref().is_none_or(str::is_empty) {
        return Ok(());
    }
    stored.text = Some(String::new());
    let mut emptied = Vec::with_capacity(line.len() + 1);
    segment::write_padded(&record, line.len() + 1, &mut emptied)?;
    if emptied.len() != line.len() + 1 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    file.write_all_at(&emptied, u64::from(slot.offset))?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::History;
    use super::super::tests::{files, limits, message, texts};
    use crate::record::{Body, Record};

    fn deletion(id: i64, about: i64) -> Record {
        let mut record = message(id, "a typo");
        if let Body::Message(stored) = &mut record.body {
            stored.command = "REDACT".to_owned();
            stored.about = Some(about);
        }
        record
    }

    fn log_has(folder: &TempDir, text: &str) -> bool {
        let logs = files(folder);
        logs.iter()
            .any(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text))
    }

    #[test]
    fn the_text_of_a_deleted_message_leaves_the_disk_and_nothing_else_does() {
        let folder = TempDir::new().unwrap();
        let (mut history, _) = History::open(folder.path(), &limits()).unwrap();
        for (id, text) in [(1, "fine"), (2, "the secret äöü"), (3, "later")] {
            history.append(&[message(id, text)]).unwrap();
        }
        assert!(log_has(&folder, "the secret"));
        history.append(&[deletion(4, 2), deletion(5, 77)]).unwrap();
        assert!(!log_has(&folder, "the secret"));
        assert_eq!(texts(&history), ["fine", "later"]);
        drop(history);
        let (history, found) = History::open(folder.path(), &limits()).unwrap();
        assert_eq!((found.damaged, found.last_id), (0, 5));
        assert_eq!(texts(&history), ["fine", "later"]);
    }

    #[test]
    fn what_ended_before_the_text_was_gone_is_done_at_the_next_start() {
        let folder = TempDir::new().unwrap();
        let (mut history, _) = History::open(folder.path(), &limits()).unwrap();
        history.append(&[message(1, "the secret")]).unwrap();
        let before = std::fs::read(&files(&folder)[0]).unwrap();
        history.append(&[deletion(2, 1)]).unwrap();
        drop(history);
        // As it was, but for the deletion.
        let path = &files(&folder)[0];
        let mut bytes = std::fs::read(path).unwrap();
        bytes[..before.len()].copy_from_slice(&before);
        std::fs::write(path, bytes).unwrap();
        assert!(log_has(&folder, "the secret"));
        let (history, found) = History::open(folder.path(), &limits()).unwrap();
        assert_eq!(found.damaged, 0);
        assert!(texts(&history).is_empty() && !log_has(&folder, "the secret"));
    }
}
