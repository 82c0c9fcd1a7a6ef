//! A separate Postfix: its configuration, queue and port are in a folder that is removed with it. Like Postfix itself,
//! it needs root.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::certificate;
use super::mail::wait_for;

/// The user that it knows if it requires one, and the password.
pub(crate) const USER: &str = "subspace@postfix.example";
pub(crate) const SECRET: &str = "s3cret of the smarthost";

/// What a Postfix does besides relaying everything from this machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup<'a> {
    /// It offers TLS, with a certificate for this name.
    pub(crate) name: Option<&'a str>,
    /// It accepts mail like a provider's smarthost: over TLS, from [`USER`], authenticated by one of these mechanisms.
    pub(crate) mechanisms: Option<&'a str>,
    /// Further lines of configuration.
    pub(crate) more: &'a str,
}

impl Setup<'static> {
    /// A smarthost with a certificate for `localhost`.
    pub(crate) const SMARTHOST: Self = Self {
        name: Some("localhost"),
        mechanisms: Some("PLAIN LOGIN"),
        more: "",
    };
}

/// A Postfix that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Postfix {
    folder: TempDir,
    pub(crate) address: String,
}

impl Postfix {
    /// Starts it on an address; everything it accepts is relayed to `relay`.
    pub(crate) fn start(relay: &str, address: &str, setup: Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let postfix = Self {
            folder,
            address: address.to_owned(),
        };
        let (config, queue, state) = (
            postfix.path("etc"),
            postfix.path("spool"),
            postfix.path("state"),
        );
        for path in [&config, &queue, &state] {
            std::fs::create_dir(path).unwrap();
        }
        let (host, port) = relay.rsplit_once(':').unwrap();
        let log = postfix.path("log");
        let mut main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmyhostname = postfix.example\n\
             mydestination =\nlocal_recipient_maps =\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nrelayhost = [{host}]:{port}\n\
             alias_maps =\nalias_database =\nsmtp_tls_security_level = may\nmaillog_file = {}\n\
             maillog_file_prefixes = {}\nmessage_size_limit = 40960000\nminimal_backoff_time = 1s\n\
             queue_run_delay = 1s\nsmtputf8_enable = yes\nbiff = no\n",
            queue.display(),
            state.display(),
            log.display(),
            postfix.folder.path().display(),
        );
        if let Some(name) = setup.name {
            let [certificate, key] = certificate(postfix.folder.path(), name);
            main.push_str(&format!(
                "smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\nsmtpd_tls_cert_file = {certificate}\n\
                 smtpd_tls_key_file = {key}\n"
            ));
        }
        if let Some(mechanisms) = setup.mechanisms {
            postfix.ask_for_passwords(&config, mechanisms);
            main.push_str(
                "mynetworks =\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
                 smtpd_sasl_auth_enable = yes\nsmtpd_tls_auth_only = yes\n",
            );
        } else {
            main.push_str(
                "mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks, reject\n",
            );
        }
        main.push_str(setup.more);
        main.push('\n');
        std::fs::write(config.join("main.cf"), main).unwrap();
        let mut master = String::new();
        let port = address.rsplit_once(':').unwrap().1;
        for service in [
            &format!("127.0.0.1:{port} inet n - n - - smtpd"),
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 1 1 qmgr",
            "tlsmgr unix - - n 1000? 1 tlsmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "verify unix - - n - 1 verify",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "smtp unix - - n - - smtp",
            "relay unix - - n - - smtp",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "discard unix - - n - - discard",
            "anvil unix - - n - 1 anvil",
            "scache unix - - n - 1 scache",
            "postlog unix-dgram n - n - 1 postlogd",
        ] {
            master.push_str(service);
            master.push('\n');
        }
        std::fs::write(config.join("master.cf"), master).unwrap();
        give_to_postfix(&state);
        let started = postfix.command("start");
        assert!(started.status.success(), "{started:?} {}", postfix.log());
        wait_for(|| TcpStream::connect(address).ok());
        postfix
    }

    /// Creates the user, and the configuration of SASL, which Debian's Postfix expects next to its own.
    fn ask_for_passwords(&self, config: &Path, mechanisms: &str) {
        let users = self.path("users");
        std::fs::create_dir(config.join("sasl")).unwrap();
        std::fs::write(
            config.join("sasl/smtpd.conf"),
            format!(
                "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: {mechanisms}\n",
                users.display()
            ),
        )
        .unwrap();
        let (user, realm) = USER.split_once('@').unwrap();
        let mut making = Command::new("/usr/sbin/saslpasswd2")
            .args(["-c", "-p", "-u", realm, "-f"])
            .args([users.as_os_str(), user.as_ref()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = making.stdin.take().unwrap();
        input.write_all(SECRET.as_bytes()).unwrap();
        drop(input);
        assert!(making.wait().unwrap().success());
        give_to_postfix(&users);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, what: &str) -> Output {
        Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(self.path("etc"))
            .arg(what)
            .output()
            .unwrap()
    }

    /// Its self-signed certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

fn give_to_postfix(path: &Path) {
    let owned = Command::new("chown").arg("postfix").arg(path).output();
    let owned = owned.unwrap();
    assert!(owned.status.success(), "{owned:?}");
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("postfix's log:\n{}", self.log());
        }
        self.command("abort");
        // Its master process removes its pid file last.
        let pid = self.path("spool/pid/master.pid");
        let begun = std::time::Instant::now();
        while pid.exists() && begun.elapsed() < super::LIMIT {
            let text = std::fs::read_to_string(&pid).unwrap_or_default();
            let alive = Path::new("/proc").join(text.trim()).exists();
            if text.trim().is_empty() || !alive {
                break;
            }
            std::thread::yield_now();
        }
    }
}
