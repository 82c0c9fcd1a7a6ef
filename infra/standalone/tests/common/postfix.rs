//! A Postfix of its own: its configuration, queue and port in a folder that goes away with it. It takes root, as
//! Postfix does.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::mail::wait_for;

/// A Postfix that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Postfix {
    folder: TempDir,
    pub(crate) address: String,
}

impl Postfix {
    /// Starts it on an address; everything it takes goes on to `relay`.
    pub(crate) fn start(relay: &str, address: &str) -> Self {
        Self::start_with(relay, address, "")
    }

    /// As [`Postfix::start`], with further lines of configuration.
    pub(crate) fn start_with(relay: &str, address: &str, more: &str) -> Self {
        Self::start_asking(relay, address, more, "")
    }

    /// As [`Postfix::start_with`], with the configuration of SASL, which Debian's Postfix looks for beside its own.
    pub(crate) fn start_asking(relay: &str, address: &str, more: &str, sasl: &str) -> Self {
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
        std::fs::create_dir(config.join("sasl")).unwrap();
        std::fs::write(config.join("sasl/smtpd.conf"), sasl).unwrap();
        let (host, port) = relay.rsplit_once(':').unwrap();
        let log = postfix.path("log");
        std::fs::write(
            config.join("main.cf"),
            format!(
                "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmyhostname = postfix.example\n\
                 mydestination =\nlocal_recipient_maps =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\n\
                 inet_protocols = ipv4\nrelayhost = [{host}]:{port}\nsmtpd_relay_restrictions = permit_mynetworks, reject\n\
                 alias_maps =\nalias_database =\nsmtp_tls_security_level = may\nmaillog_file = {}\n\
                 maillog_file_prefixes = {}\nmessage_size_limit = 40960000\nminimal_backoff_time = 1s\n\
                 queue_run_delay = 1s\nsmtputf8_enable = yes\nbiff = no\n{more}\n",
                queue.display(),
                state.display(),
                log.display(),
                postfix.folder.path().display(),
            ),
        )
        .unwrap();
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
        let owned = Command::new("chown")
            .arg("postfix")
            .arg(&state)
            .output()
            .unwrap();
        assert!(owned.status.success(), "{owned:?}");
        let started = postfix.command("start");
        assert!(started.status.success(), "{started:?} {}", postfix.log());
        wait_for(|| TcpStream::connect(address).ok());
        postfix
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

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("postfix's log:\n{}", self.log());
        }
        self.command("abort");
        // Its master removes its pid file last.
        let pid = self.path("spool/pid/master.pid");
        let begun = std::time::Instant::now();
        while pid.exists() && begun.elapsed() < super::LIMIT {
            let text = std::fs::read_to_string(&pid).unwrap_or_default();
            let alive = std::path::Path::new("/proc").join(text.trim()).exists();
            if text.trim().is_empty() || !alive {
                break;
            }
            std::thread::yield_now();
        }
    }
}
