//! A Postfix that takes mail as a provider's smarthost does: with TLS, and from who knows the password.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::postfix::Postfix;

/// The user it knows, and the password.
pub(crate) const USER: &str = "subspace@postfix.example";
pub(crate) const SECRET: &str = "s3cret of the smarthost";

/// Its files, and the process.
#[derive(Debug)]
pub(crate) struct Submission {
    folder: TempDir,
    postfix: Postfix,
}

impl Submission {
    /// Starts it on an address with a certificate for `name`; what it takes goes to `relay`.
    pub(crate) fn start(relay: &str, address: &str, name: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        certificate(folder.path(), name);
        let users = path("users");
        let sasl = format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
            users.display()
        );
        let (user, realm) = USER.split_once('@').unwrap();
        let mut making = Command::new("/usr/sbin/saslpasswd2")
            .args(["-c", "-p", "-u", realm, "-f"])
            .args([users.as_os_str(), user.as_ref()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        making
            .stdin
            .take()
            .unwrap()
            .write_all(SECRET.as_bytes())
            .unwrap();
        assert!(making.wait().unwrap().success());
        let owned = Command::new("chown").arg("postfix").arg(&users).status();
        assert!(owned.unwrap().success());
        let lines = format!(
            "mynetworks =\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\nsmtpd_sasl_auth_enable = yes\n\
             smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\nsmtpd_tls_loglevel = 1\n\
             smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n{more}",
            path("certificate.pem").display(),
            path("key.pem").display(),
        );
        let postfix = Postfix::start_asking(relay, address, &lines, &sasl);
        Self { folder, postfix }
    }

    /// The certificate that it shows, signed by itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        self.postfix.log()
    }
}

/// Writes `certificate.pem` and `key.pem` for a name.
pub(crate) fn certificate(folder: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

/// The TXT record for an RSA key, from what openssl says.
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

/// Makes an RSA key.
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
