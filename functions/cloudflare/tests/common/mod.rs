//! wrangler with the real workerd and a bucket in a folder, on a free port, stopped when it is dropped.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by tests of which none uses everything"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How long starting may take: wrangler is slow on a busy machine.
const START: Duration = Duration::from_secs(120);

/// The configuration of the Worker with the functions.
pub const FUNCTIONS: &str = "wrangler.toml";
/// The configuration of the Worker that tests the bucket.
pub const CONTRACT: &str = "storage-adapter/r2/contract/wrangler.toml";

/// The project's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_path_buf()
}

/// Creates a wrangler command without prompts and telemetry, with all its state in `home`.
pub fn wrangler(home: &Path) -> Command {
    let root = root();
    let program = root.join("node_modules/.bin/wrangler");
    for (needed, how) in [
        (program.clone(), "npm ci"),
        (root.join("static-client/dist"), "cargo xtask client"),
        (
            root.join("functions/cloudflare/build/index.js"),
            "cargo xtask worker --tests",
        ),
        (
            root.join("storage-adapter/r2/contract/build/index.js"),
            "cargo xtask worker --tests",
        ),
    ] {
        assert!(
            needed.exists(),
            "{} is missing; make it with `{how}`",
            needed.display()
        );
    }
    let mut command = Command::new(program);
    // The developer who runs the tests may have an account there and personal settings.
    for (name, _) in std::env::vars() {
        if ["SUBSPACE_", "CLOUDFLARE_", "CF_", "WRANGLER_", "MINIFLARE_"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            command.env_remove(name);
        }
    }
    command
        .current_dir(root)
        .stdin(Stdio::null())
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("XDG_CACHE_HOME", home)
        .env("CI", "true")
        .env("NO_COLOR", "1")
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_SEND_ERROR_REPORTS", "false")
        .env("WRANGLER_LOG_PATH", home.join("logs"))
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("SUBSPACE_WORKER_IS_BUILT", "1");
    command
}

/// A free address on loopback.
pub fn free_address() -> SocketAddr {
    let [port] = free_ports::free_ports().unwrap();
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A Worker that runs until this is dropped.
pub struct Worker {
    child: Child,
    log: Arc<Log>,
    _home: tempfile::TempDir,
}

impl Worker {
    /// Starts the Worker of this configuration, with flags of `wrangler dev`; its bucket is empty.
    pub fn start(
        settings: &str,
        address: SocketAddr,
        variables: &[(&str, String)],
        flags: &[&str],
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("variables");
        let quote = |value: &str| format!("'{value}'");
        let lines: String = variables
            .iter()
            .map(|(name, value)| format!("{name}={}\n", quote(value)))
            .collect();
        std::fs::write(&file, lines).unwrap();
        let port = address.port().to_string();
        let mut command = wrangler(home.path());
        command
            .args([
                "dev",
                "--config",
                settings,
                "--ip",
                "127.0.0.1",
                "--port",
                &port,
            ])
            .args([
                "--inspector-port",
                "0",
                "--show-interactive-dev-session=false",
            ])
            .arg("--persist-to")
            .arg(home.path().join("state"))
            .arg("--env-file")
            .arg(&file)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // workerd is a child of wrangler's: all are stopped together.
            .process_group(0);
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Log::default());
        let (ready, is_ready) = mpsc::channel();
        follow(child.stdout.take().unwrap(), &log, ready.clone());
        follow(child.stderr.take().unwrap(), &log, ready);
        let worker = Self {
            child,
            log,
            _home: home,
        };
        let started = is_ready.recv_timeout(START);
        assert!(started.is_ok(), "no Worker: {}", worker.log());
        worker
    }

    /// The output of wrangler and the Worker so far.
    pub fn log(&self) -> String {
        self.log.text.lock().unwrap().clone()
    }

    /// Waits until a text has been logged.
    pub fn wait_for(&self, text: &str) {
        let said = self.log.text.lock().unwrap();
        let waited = self
            .log
            .more
            .wait_timeout_while(said, START, |said| !said.contains(text));
        let (said, _) = waited.unwrap();
        assert!(said.contains(text), "it did not say {text}: {said}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(20_000);
            let tail = log.get(start..).unwrap_or_default();
            #[allow(clippy::print_stderr, reason = "it explains why a test failed")]
            {
                eprintln!("the Worker said:\n{tail}");
            }
        }
    }
}

/// The output, and a notification when there is more.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    more: Condvar,
}

fn follow(from: impl Read + Send + 'static, log: &Arc<Log>, ready: Sender<()>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if line.contains("Ready on http") {
                let _ = ready.send(());
            }
            let mut text = log.text.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
            drop(text);
            log.more.notify_all();
        }
    });
}
