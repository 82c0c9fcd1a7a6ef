//! Two third-party IRC clients, irssi and WeeChat, talk with each other and with a plain socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use common::{Client, LIMIT, config, start};
use tempfile::TempDir;

/// A client in a terminal of its own, killed when the test ends; its output is kept.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Starts a command line under `script`, which provides the terminal.
    fn start(command: &str) -> Self {
        let mut child = Command::new("script")
            .args([
                "--quiet",
                "--flush",
                "--return",
                "--command",
                command,
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
                shared
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self {
            child,
            keys,
            screen,
        }
    }

    fn enter(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn irssi(home: &Path, address: SocketAddr) -> Terminal {
    let settings = r#"settings = {
  core = { real_name = "Bob"; user_name = "bob"; nick = "bob"; };
  "irc/core" = { cmd_queue_speed = "10msec"; cmds_max_at_once = "50"; };
  "fe-common/core" = { autocreate_query_level = "NONE"; };
  "fe-text" = { term_force_colors = "no"; };
};
"#;
    fs::write(home.join("config"), settings).unwrap();
    Terminal::start(&format!(
        "irssi --home={} -c {} -p {} -n bob -w bob:pw-bob",
        home.display(),
        address.ip(),
        address.port()
    ))
}

/// WeeChat without a screen, driven through its fifo; it logs what it shows.
struct Weechat {
    child: Child,
    home: TempDir,
}

impl Weechat {
    fn start(address: SocketAddr) -> Self {
        let home = TempDir::new().unwrap();
        let fifo = home.path().join("fifo");
        let commands = [
            format!("/set fifo.file.path {}", fifo.display()),
            "/fifo enable".to_owned(),
            "/set logger.file.flush_delay 0".to_owned(),
            format!("/set logger.file.path {}/logs", home.path().display()),
            format!("/server add team {}/{}", address.ip(), address.port()),
            "/set irc.server.team.ssl off".to_owned(),
            "/set irc.server.team.nicks alice".to_owned(),
            "/set irc.server.team.sasl_mechanism plain".to_owned(),
            "/set irc.server.team.sasl_username alice".to_owned(),
            "/set irc.server.team.sasl_password pw-alice".to_owned(),
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
    fn enter(&self, buffer: &str, line: &str) {
        let mut fifo = fs::OpenOptions::new()
            .append(true)
            .open(self.home.path().join("fifo"))
            .unwrap();
        fifo.write_all(format!("{buffer} *{line}\n").as_bytes())
            .unwrap();
    }

    fn log(&self, buffer: &str) -> String {
        fs::read_to_string(self.home.path().join(format!("logs/{buffer}.weechatlog")))
            .unwrap_or_default()
    }
}

impl Drop for Weechat {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds; on failure, says what was there instead.
async fn wait_for(what: &str, mut seen: impl FnMut() -> String, found: impl Fn(&str) -> bool) {
    let begin = Instant::now();
    loop {
        let now = seen();
        if found(&now) {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "no {what} in: {now}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn irssi_and_weechat_talk() {
    let data = TempDir::new().unwrap();
    let server = start(config(data.path())).await;
    let address = server.address();
    let mut plain = Client::register(address, "carol", None, "account-tag extended-join").await;
    plain.say("JOIN #tea").await;
    plain.expect(" 366 ").await;

    // WeeChat signs in with SASL PLAIN.
    let weechat = Weechat::start(address);
    plain.expect(":alice!").await;
    plain.say("WHOIS alice").await;
    plain.expect(" 330 carol alice alice ").await;
    plain.expect(" 318 ").await;

    // irssi signs in with PASS.
    let home = TempDir::new().unwrap();
    let mut irssi = irssi(home.path(), address);
    let screen = Arc::clone(&irssi.screen);
    let screen = move || screen.lock().unwrap().clone();
    wait_for("welcome in irssi", &screen, |screen| {
        screen.contains("Welcome to Subspace")
    })
    .await;
    irssi.enter("/join #tea");
    let joined = plain.expect("JOIN #tea").await;
    assert!(
        joined.ends_with(" JOIN #tea bob Bob") || joined.ends_with(" JOIN #tea bob :Bob"),
        "{joined}"
    );

    weechat.enter("irc.team.#tea", "greetings from weechat: äöü");
    plain
        .expect("PRIVMSG #tea :greetings from weechat: äöü")
        .await;
    wait_for("weechat's words in irssi", &screen, |screen| {
        screen.contains("greetings from weechat: äöü")
    })
    .await;
    irssi.enter("greetings from irssi");
    plain.expect(" PRIVMSG #tea :greetings from irssi").await;
    let log = || weechat.log("irc.team.#tea");
    wait_for("irssi's words in weechat", log, |log| {
        log.contains("bob\tgreetings from irssi")
    })
    .await;

    irssi.enter("/me waves");
    plain.expect("PRIVMSG #tea :\u{1}ACTION waves\u{1}").await;
    wait_for("the wave in weechat", log, |log| log.contains("bob waves")).await;
    plain.say("MODE #tea -t").await;
    weechat.enter("irc.team.#tea", "/topic Darjeeling");
    plain.expect(" TOPIC #tea :Darjeeling").await;
    wait_for("the topic in irssi", &screen, |screen| {
        screen.contains("Darjeeling")
    })
    .await;
    irssi.enter("/msg alice between us");
    wait_for(
        "the query in weechat",
        || weechat.log("irc.team.bob"),
        |log| log.contains("between us"),
    )
    .await;
    irssi.enter("/nick bobby");
    plain.expect(" NICK bobby").await;
    wait_for("the new nick in weechat", log, |log| log.contains("bobby")).await;
    irssi.enter("/quit good night");
    plain.expect(" QUIT :Quit: good night").await;
    weechat.enter("irc.team.#tea", "/part see you");
    plain.expect(" PART #tea :see you").await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn irssi_and_weechat_are_shown_what_they_missed() {
    let data = TempDir::new().unwrap();
    let server = start(config(data.path())).await;
    let mut carol = Client::register(server.address(), "carol", None, "batch").await;
    carol.say("JOIN #tea").await;
    carol.expect(" 366 ").await;
    let home = TempDir::new().unwrap();
    let mut bob = irssi(home.path(), server.address());
    let screen = Arc::clone(&bob.screen);
    wait_for(
        "welcome in irssi",
        move || screen.lock().unwrap().clone(),
        |screen| screen.contains("Welcome to Subspace"),
    )
    .await;
    bob.enter("/join #tea");
    carol.expect(":bob!").await;
    let alice = Weechat::start(server.address());
    carol.expect(":alice!").await;
    carol.say("PRIVMSG #tea :seen by both").await;
    wait_for(
        "a line",
        || alice.log("irc.team.#tea"),
        |log| log.contains("seen by both"),
    )
    .await;
    bob.enter("/quit");
    carol.expect(":bob!bob@user/bob QUIT").await;
    // With an unread line, it would count as one that may have read nothing.
    wait_for(
        "the end of bob",
        || alice.log("irc.team.#tea"),
        |log| log.contains("has quit"),
    )
    .await;
    drop(alice);
    carol.expect(":alice!").await;
    carol.say("PRIVMSG #tea :while you were away").await;
    for nick in ["bob", "alice"] {
        carol
            .say(&format!("PRIVMSG {nick} :for {nick} alone"))
            .await;
        carol.expect(&format!(" 301 carol {nick} :")).await;
    }
    server.shutdown().await;

    // It is on disk: another process of the server has it too.
    let server = start(config(data.path())).await;
    let home = TempDir::new().unwrap();
    let mut bob = irssi(home.path(), server.address());
    let screen = Arc::clone(&bob.screen);
    let screen = move || screen.lock().unwrap().clone();
    wait_for("the direct message in irssi", &screen, |screen| {
        screen.contains("for bob alone")
    })
    .await;
    bob.enter("/join #tea");
    wait_for("the channel's line in irssi", &screen, |screen| {
        screen.contains("while you were away")
    })
    .await;
    assert!(!screen().contains("seen by both"));
    let alice = Weechat::start(server.address());
    let log = || alice.log("irc.team.#tea");
    wait_for("the channel's line in weechat", log, |log| {
        log.contains("while you were away")
    })
    .await;
    assert!(!log().contains("seen by both"));
    wait_for(
        "the direct message in weechat",
        || alice.log("irc.team.carol"),
        |log| log.contains("for alice alone"),
    )
    .await;
    server.shutdown().await;
}
