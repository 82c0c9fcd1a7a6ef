//! Keys that sign mail.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The TXT record for an RSA key, from openssl's output.
pub(crate) fn record(key: &Path) -> String {
    let public = Command::new("openssl")
        .args(["rsa", "-pubout", "-in"])
        .arg(key)
        .output()
        .unwrap();
    let public = String::from_utf8(public.stdout).unwrap();
    let lines = public.lines().filter(|line| !line.starts_with('-'));
    format!("v=DKIM1; k=rsa; p={}", lines.collect::<String>())
}

/// Creates an RSA key.
pub(crate) fn signing_key(folder: &Path) -> PathBuf {
    let key = folder.join("dkim.pem");
    let made = Command::new("openssl")
        .args(["genrsa", "-out"])
        .args([key.as_os_str(), "2048".as_ref()])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    key
}
