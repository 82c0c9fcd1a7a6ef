//! A space with a gateway, an IRC server and a bouncer, and clients for it.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bouncer::{Bouncer, BouncerConfig};
use gateway::{Gateway, GatewayConfig};
use gateway_contract::functions::{Functions, ID, KEY, assignment};
use irc_connector::{AddressPolicy, Irc, IrcConfig, Settings};
use ircd::{Ircd, IrcdConfig, NoAccounts};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Maximum time for a test to wait for one thing.
const LIMIT: Duration = Duration::from_secs(40);

/// Everything that a space has, with the account alice on our IRC server.
pub(crate) struct Space {
    pub(crate) irc: SocketAddr,
    pub(crate) bouncer: SocketAddr,
    functions: Functions,
    ircd: Ircd,
    gateway: Gateway,
    running: Bouncer,
    _folder: TempDir,
}

impl Space {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut BouncerConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = IrcdConfig {
            data: folder.path().join("ircd"),
            ..IrcdConfig::default()
        };
        let ircd = ircd::start(config, listener, Arc::new(NoAccounts))
            .await
            .unwrap();
        let irc = ircd.address();
        let functions = Functions::start().await;
        add(&functions, irc, "alice", "Test");
        let mut config =
            GatewayConfig::new(ID, KEY, &functions.origin, folder.path().join("spool"));
        config.limits.sessions = Duration::from_millis(200);
        // Nothing here may depend on the list that is fetched now and then.
        config.limits.refresh = Duration::from_secs(3_600);
        let platform = Irc::new(IrcConfig {
            settings: Settings {
                reconnect_min: Duration::from_millis(200),
                burst: 100,
                ..Settings::default()
            },
            addresses: AddressPolicy::Any,
            ..IrcConfig::default()
        });
        let gateway = Gateway::start(config, vec![Arc::new(platform)]).unwrap();
        let mut config = BouncerConfig {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            ..BouncerConfig::default()
        };
        change(&mut config);
        let running = bouncer::start(config, gateway.entrance()).await.unwrap();
        let space = Self {
            irc,
            bouncer: running.address().unwrap(),
            functions,
            ircd,
            gateway,
            running,
            _folder: folder,
        };
        // The always-on connection is there first.
        let mut carol = Plain::connect(irc).await;
        carol.register("carol", "CAP END").await;
        let begin = Instant::now();
        loop {
            carol.say("ISON alice").await;
            if carol.expect(" 303 ").await.contains("alice") {
                return space;
            }
            assert!(begin.elapsed() < LIMIT, "alice does not come");
        }
    }

    /// Creates a connection, as the functions do that cannot reach the gateway.
    pub(crate) fn add(&self, account: &str, name: &str) {
        add(&self.functions, self.irc, account, name);
    }

    /// Revokes a grant, as the functions do.
    pub(crate) fn revoke(&self, grant: &str) {
        let mut state = self.functions.state.lock().unwrap();
        state.ended.push(grant.to_owned());
        state.version = "another".to_owned();
    }

    pub(crate) async fn stop(self) {
        self.running.shutdown().await;
        self.gateway.shutdown().await;
        self.ircd.shutdown().await;
    }
}

fn add(functions: &Functions, irc: SocketAddr, account: &str, name: &str) {
    let mut one = assignment(account, account, &["#tea"]);
    let record = &mut one.connection;
    record.id = format!("{account}-{name}").to_lowercase();
    name.clone_into(&mut record.name);
    for (field, value) in [
        ("host", json!("127.0.0.1")),
        ("port", json!(irc.port())),
        ("secure", json!(false)),
        ("sasl", json!(false)),
    ] {
        record.fields.insert(field.to_owned(), value);
    }
    functions.state.lock().unwrap().assignments.push(one);
}

/// Sends lines, reads lines.
pub(crate) struct Plain {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    lines: Vec<String>,
}

impl Plain {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            lines: Vec::new(),
        }
    }

    pub(crate) async fn register(&mut self, nick: &str, first: &str) {
        self.say(first).await;
        self.say(&format!("NICK {nick}")).await;
        self.say(&format!("USER {nick} 0 * :{nick}")).await;
        self.say("CAP END").await;
        self.expect(" 422 ").await;
    }

    pub(crate) async fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        // It may have been closed.
        let _ = self.writer.write_all(line.as_bytes()).await;
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(LIMIT, self.reader.read_line(&mut line)).await;
        match read.unwrap_or_else(|_| panic!("no line in time after {:#?}", self.lines)) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }

    /// Reads up to a line with a text.
    pub(crate) async fn expect(&mut self, text: &str) -> String {
        loop {
            let line = self.line().await;
            let line =
                line.unwrap_or_else(|| panic!("it ended before {text:?}: {:#?}", self.lines));
            self.lines.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn seen(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    pub(crate) async fn ends(&mut self) {
        while self.line().await.is_some() {}
    }
}

/// A client in a terminal of its own, killed when the test ends; its output is kept.
pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    pub(crate) fn irssi(home: &Path, address: SocketAddr, password: &str) -> Self {
        let settings = r#"settings = {
  core = { real_name = "Alice"; user_name = "alice"; nick = "alice"; };
  "irc/core" = { cmd_queue_speed = "10msec"; cmds_max_at_once = "50"; };
  "fe-text" = { term_force_colors = "no"; };
};
"#;
        fs::write(home.join("config"), settings).unwrap();
        let command = format!(
            "irssi --home={} -c {} -p {} -n alice -w {password}",
            home.display(),
            address.ip(),
            address.port()
        );
        // `script` provides the terminal.
        let mut child = Command::new("script")
            .args([
                "--quiet",
                "--flush",
                "--return",
                "--command",
                &command,
                "/dev/null",
            ])
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                shared.lock().unwrap().push_str(&text);
            }
        });
        Self {
            child,
            keys,
            screen,
        }
    }

    pub(crate) fn enter(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub(crate) fn screen(&self) -> impl Fn() -> String + use<> {
        let screen = Arc::clone(&self.screen);
        move || screen.lock().unwrap().clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// WeeChat without a screen, driven through its fifo; it logs what it shows.
pub(crate) struct Weechat {
    child: Child,
    home: TempDir,
}

impl Weechat {
    pub(crate) fn start(address: SocketAddr, user: &str, password: &str) -> Self {
        let home = TempDir::new().unwrap();
        let path = home.path().display();
        let commands = [
            format!("/set fifo.file.path {path}/fifo"),
            "/fifo enable".to_owned(),
            "/set logger.file.flush_delay 0".to_owned(),
            format!("/set logger.file.path {path}/logs"),
            format!("/server add team {}/{}", address.ip(), address.port()),
            "/set irc.server.team.ssl off".to_owned(),
            "/set irc.server.team.nicks alice".to_owned(),
            "/set irc.server.team.sasl_mechanism plain".to_owned(),
            format!("/set irc.server.team.sasl_username {user}"),
            format!("/set irc.server.team.sasl_password {password}"),
            "/set irc.server.team.autojoin #tea".to_owned(),
            "/connect team".to_owned(),
        ];
        let mut command = Command::new("weechat-headless");
        command.arg("--dir").arg(home.path());
        for line in commands {
            command.arg("-r").arg(line);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, home }
    }

    /// Enters a line in a buffer: `irc.team.#tea`.
    pub(crate) fn enter(&self, buffer: &str, line: &str) {
        let path = self.home.path().join("fifo");
        let mut fifo = fs::OpenOptions::new().append(true).open(path).unwrap();
        fifo.write_all(format!("{buffer} *{line}\n").as_bytes())
            .unwrap();
    }

    pub(crate) fn log(&self, buffer: &str) -> String {
        let path = self.home.path().join(format!("logs/{buffer}.weechatlog"));
        fs::read_to_string(path).unwrap_or_default()
    }
}

impl Drop for Weechat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds; on failure, says what was there instead.
pub(crate) async fn wait_for(what: &str, seen: impl Fn() -> String, found: impl Fn(&str) -> bool) {
    let begin = Instant::now();
    loop {
        let now = seen();
        if found(&now) {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "no {what} in: {now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
