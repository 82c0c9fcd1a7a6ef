//! How every program refuses wrong settings, also those that are found after the options were read: in one sentence that
//! begins with the key, ends with its place, and repeats no secret.

use std::path::Path;
use std::process::{Command, Stdio};

/// A secret in settings, which is never repeated.
pub const SECRET: &str = "hunter2";

/// Starts a program with a file of settings that it must refuse.
///
/// # Panics
///
/// If it starts, or if its sentence does not begin with `said` and end with that line of the file.
pub fn refuses(executable: &str, folder: &Path, settings: &str, said: &str, line: usize) {
    let file = folder.join("settings.toml");
    std::fs::write(&file, settings).unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(executable);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUBSPACE_")) {
        command.env_remove(name);
    }
    let output = command
        .current_dir(folder)
        .arg("--config")
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{executable}: {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it starts: {text}");
    let last = text.lines().last().unwrap_or_default();
    let name = Path::new(executable).file_name().unwrap_or_default();
    let sentence = last.strip_prefix(&format!("{}: ", name.display()));
    let sentence = sentence.unwrap_or_else(|| panic!("{last} does not say whose it is"));
    assert!(sentence.starts_with(said), "{sentence}");
    let place = format!("settings.toml, line {line})");
    assert!(sentence.ends_with(&place), "{sentence}");
    assert!(!text.contains(SECRET), "{text}");
}
