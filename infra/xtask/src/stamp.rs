//! Fingerprints that reveal whether something has to be rebuilt.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Returns a fingerprint of `files` (names and contents) and of `extra`.
///
/// It need not resist attacks: anyone who can change the files can change the build anyway.
///
/// # Errors
///
/// If a file cannot be read.
pub(crate) fn fingerprint(files: &[PathBuf], extra: &str) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    extra.hash(&mut hasher);
    for file in files {
        file.hash(&mut hasher);
        std::fs::read(file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Returns all files below `folder`, sorted, without folders named in `skip`.
///
/// # Errors
///
/// If a folder cannot be read.
pub(crate) fn files_below(folder: &Path, skip: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if kind.is_file() {
                files.push(entry.path());
            } else if kind.is_dir() && !skip.iter().any(|skip| name == *skip) {
                folders.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns whether `stamp` contains `fingerprint`.
pub(crate) fn is_current(stamp: &Path, fingerprint: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|text| text.trim() == fingerprint)
}

/// Writes `fingerprint` to `stamp`.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn write(stamp: &Path, fingerprint: &str) -> Result<()> {
    std::fs::write(stamp, format!("{fingerprint}\n"))
        .with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_follow_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir_all(path.join("node_modules/x")).unwrap();
        std::fs::write(path.join("node_modules/x/index.js"), "x").unwrap();
        std::fs::write(path.join("a.ts"), "one").unwrap();
        let files = files_below(path, &["node_modules"]).unwrap();
        assert_eq!(files, [path.join("a.ts")]);
        let first = fingerprint(&files, "").unwrap();
        let stamp = path.join("node_modules/stamp");
        assert!(!is_current(&stamp, &first));
        write(&stamp, &first).unwrap();
        assert!(is_current(&stamp, &first));
        std::fs::write(path.join("a.ts"), "two").unwrap();
        assert_ne!(fingerprint(&files, "").unwrap(), first);
        assert_ne!(
            fingerprint(&files, "v20").unwrap(),
            fingerprint(&files, "").unwrap()
        );
    }
}
