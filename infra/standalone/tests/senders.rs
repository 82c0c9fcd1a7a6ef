//! Webhooks with their real senders: the services' libraries, from npm and PyPI, create, sign and send them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::hooks::{Channel, Hook};
use serde_json::{Value, json};

/// What `cargo xtask setup` puts into the cache.
fn cached(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
    let cache = cache.map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let path = cache.join("subspace/tools").join(name);
    assert!(
        path.exists(),
        "{} is not there; `cargo xtask setup` installs it",
        path.display()
    );
    path
}

/// Runs a command with a text on standard input; returns its output.
fn run(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{errors}");
    said.trim().to_owned()
}

/// Sends a message with a service's library from npm; returns the response.
fn send(kind: &str, hook: &Hook<'_>, secret: &str, message: &Value) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/senders");
    let modules = folder.join("node_modules");
    assert!(
        modules.is_dir(),
        "`cargo xtask setup` installs npm packages"
    );
    let mut node = Command::new("node");
    node.arg(folder.join("send.mjs"))
        .args([kind, &hook.url, secret])
        .env("NODE_PATH", modules);
    if kind == "uptimekuma" {
        node.env("UPTIME_KUMA", cached("uptime-kuma-2.0.0-dev.0/package"));
    }
    run(&mut node, &message.to_string())
}

/// Sends with Apprise's command to one of its address types.
fn apprise(address: &str, title: &str, body: &str) {
    let mut command = Command::new(cached("apprise-2.3.0/bin/apprise"));
    command.args(["-vv", "--title", title, "--body", body, address]);
    // Without the developer's configuration.
    command.env("HOME", "/nonexistent");
    run(&mut command, "");
}

#[test]
fn slack_s_library() {
    let channel = Channel::start();
    let hook = channel.hook("slack", None);
    let blocks = json!([
        {"type": "header", "text": {"type": "plain_text", "text": "Release &amp; deploy", "emoji": true}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "<https://ci.example/7|Build 7> by <@U1|ann> &gt; 90 %"},
         "fields": [{"type": "mrkdwn", "text": "*Env*\nprod"}, {"type": "plain_text", "text": "1 < 2"}]},
        {"type": "divider"},
        {"type": "context", "elements": [
            {"type": "image", "image_url": "https://a.example/i.png", "alt_text": "icon"},
            {"type": "mrkdwn", "text": "took 3 minutes"}]},
    ]);
    let answer = send(
        "slack",
        &hook,
        "",
        &json!({
            "defaults": {"username": "Build Bot", "channel": "#elsewhere"},
            "message": {"text": "only for notifications", "blocks": blocks},
        }),
    );
    assert_eq!(answer, "200 ok");
    hook.says(&[
        "Release & deploy",
        "Build 7 (https://ci.example/7) by @ann > 90 %",
        "Env prod · 1 < 2",
        "took 3 minutes",
    ]);
    let attachment = json!({
        "color": "danger", "fallback": "unused", "title": "Tests", "title_link": "https://ci.example/8",
        "text": "2 failed\r\nQUIT :injected", "footer": "CI", "ts": 1_700_000_000,
        "fields": [{"title": "Branch", "value": "main", "short": true}],
    });
    let message = json!({"text": "<!channel> it broke", "attachments": [attachment]});
    let answer = send("slack", &hook, "", &json!({"message": message}));
    assert_eq!(answer, "200 ok");
    hook.says(&[
        "@ channel it broke",
        "Tests (https://ci.example/8)",
        "2 failed · QUIT :injected",
        "Branch: main · CI",
    ]);
    // Its error messages are for the sender.
    let answer = send(
        "slack",
        &hook,
        "",
        &json!({"message": {"icon_emoji": ":x:"}}),
    );
    assert!(
        answer.starts_with("failed ") && answer.contains("422"),
        "{answer}"
    );
    hook.refuses("the message has no \"text\", \"blocks\" or \"attachments\"");
}

#[test]
fn apprise_to_what_takes_slack_s_and_to_json() {
    let channel = Channel::start();
    let hook = channel.hook("slack", None);
    let place = |hook: &Hook<'_>| hook.url.strip_prefix("http://").unwrap().to_owned();
    // It puts `hooks` before the token, which is the last part of its URL.
    let whole = place(&hook).replace("/hooks/", "/");
    let (mattermost, _name) = whole.rsplit_once('/').unwrap();
    apprise(
        &format!("mmost://{mattermost}?image=no"),
        "Backup",
        "db1 is done & safe\nin 3 s",
    );
    hook.says(&["Backup", "db1 is done & safe", "in 3 s"]);

    // Its code for Slack itself, except the address.
    let script = "import sys\n\
        from apprise import Apprise\n\
        from apprise.plugins.slack import NotifySlack\n\
        NotifySlack.webhook_url = sys.argv[1]\n\
        notifier = Apprise()\n\
        assert notifier.add('slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7/?image=no&' + sys.argv[2])\n\
        assert notifier.notify(title='Disk <db1> & more', body='95 % ' + sys.argv[2], notify_type='warning')\n";
    for (flags, footer) in [
        ("footer=no&blocks=no", &[][..]),
        ("footer=yes&blocks=yes", &["Apprise"]),
    ] {
        let mut python = Command::new(cached("apprise-2.3.0/bin/python3"));
        python.args(["-c", script, &hook.url, flags]);
        run(&mut python, "");
        let body = format!("95 % {flags}");
        hook.says(&[&["Disk <db1> & more", &body][..], footer].concat());
    }

    let secret = "a-secret-of-the-test";
    let hook = channel.hook("json", Some(secret));
    for kind in ["json", "form"] {
        let address = format!("{kind}://{}?+Authorization=Bearer%20{secret}", place(&hook));
        apprise(
            &address,
            "Update",
            &format!("three packages by {kind}\nreboot"),
        );
        hook.says(&[&format!("Update: three packages by {kind}"), "reboot"]);
    }
}

#[test]
fn signatures_of_their_own_libraries() {
    let channel = Channel::start();
    let secret = "a-secret-of-the-test";
    let forbidden = |answer: &str| assert!(answer.starts_with("403 "), "{answer}");

    let hook = channel.hook("github", Some(secret));
    let ping = json!({
        "event": "issues", "id": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "body": {"action": "opened", "issue": {"number": 7, "title": "Grüße, it's 100 %", "html_url": "https://g.example/7"},
                 "repository": {"full_name": "o/r", "name": "r"}, "sender": {"login": "ann"}},
    });
    let answer = send("github", &hook, secret, &ping);
    assert!(answer.starts_with("200 "), "{answer}");
    let said = hook.deliveries()[0]["lines"][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains("Grüße, it's 100 %"), "{said}");
    hook.says(&[&said]);
    // A repeat is recognised.
    let answer = send("github", &hook, secret, &ping);
    assert!(answer.contains("\"repeated\":true"), "{answer}");
    forbidden(&send("github", &hook, "another-secret", &ping));
    hook.refuses("X-Hub-Signature-256");

    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let hook = channel.hook("json", Some(secret));
    let message = |id: &str, seconds: i64| {
        json!({
            "id": id, "seconds": seconds,
            "body": {"type": "invoice.paid", "text": format!("Paid: €5 ({id})")},
        })
    };
    for seconds in [0, -290, 290] {
        let id = format!("msg_{seconds}");
        let answer = send("standard", &hook, secret, &message(&id, seconds));
        assert!(answer.starts_with("200 "), "{answer}");
        hook.says(&[&format!("Paid: €5 ({id}) (invoice.paid)")]);
    }
    let answer = send("standard", &hook, secret, &message("msg_0", 0));
    assert!(answer.contains("\"repeated\":true"), "{answer}");
    for seconds in [-310, 310] {
        forbidden(&send(
            "standard",
            &hook,
            secret,
            &message("msg_late", seconds),
        ));
        hook.refuses("webhook-timestamp");
    }
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    forbidden(&send("standard", &hook, other, &message("msg_forged", 0)));
    hook.refuses("webhook-signature");
}

#[test]
fn twilio_s_library() {
    let channel = Channel::start();
    let secret = "12345678901234567890123456789012";
    let hook = channel.hook("sms", Some(secret));
    let port = hook
        .url
        .split('/')
        .nth(2)
        .unwrap()
        .rsplit_once(':')
        .unwrap()
        .1;
    let port = format!(":{port}/");
    let sms = |sid: &str, text: &str| {
        json!({
            "MessageSid": sid, "From": "+15551234567", "To": "+15557654321", "Body": text,
            "NumMedia": "0", "Tag": ["b", "a", "b"],
        })
    };
    let empty = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>";
    let ways = [
        ("SM1", port.as_str(), Value::Null),
        // Twilio may or may not leave out the port.
        ("SM2", "/", json!("HMAC_SHA1")),
        ("SM3", &port, json!("HMAC_SHA256")),
    ];
    for (sid, port, algorithm) in &ways {
        let text = format!("Grüße & 'more'* ~(x) {sid}");
        let message = json!({"fields": sms(sid, &text), "port": port, "algorithm": algorithm});
        let answer = send("twilio", &hook, secret, &message);
        assert_eq!(answer, format!("200 {empty}"));
        hook.says(&[&format!("[SMS from +15551234567] {text}")]);
    }
    let body = json!({"From": "+15551234567", "Body": "as JSON", "MessageSid": "SM4"}).to_string();
    let answer = send(
        "twilio",
        &hook,
        secret,
        &json!({"body": body, "port": port}),
    );
    assert_eq!(answer, format!("200 {empty}"));
    hook.says(&["[SMS from +15551234567] as JSON"]);

    let message = json!({"fields": sms("SM5", "forged"), "port": port});
    let answer = send("twilio", &hook, "another-secret", &message);
    assert!(answer.starts_with("403 "), "{answer}");
    hook.refuses("X-Twilio-Signature");
    assert!(
        !channel
            .guest
            .lines
            .all()
            .iter()
            .any(|line| line.contains("forged"))
    );
}

#[test]
fn uptime_kuma_s_code() {
    let channel = Channel::start();
    let secret = "a-secret-of-the-test";
    let hook = channel.hook("uptimekuma", Some(secret));
    let headers = json!({"Authorization": format!("Bearer {secret}")}).to_string();
    let tell = |kind: &str, name: &str, heartbeat: Value| {
        let message = json!({
            "settings": {"webhookContentType": kind, "webhookAdditionalHeaders": headers},
            "text": format!("[{name}] [🔴 Down] connect ECONNREFUSED"),
            "monitor": {"id": 1, "name": name, "url": "https://", "hostname": "db1.example", "type": "port"},
            "heartbeat": heartbeat,
        });
        let answer = send("uptimekuma", &hook, "", &message);
        assert_eq!(answer, "200 Sent Successfully.");
    };
    let beat = |status: u8, msg: &str| {
        json!({
            "monitorID": 1, "status": status, "time": "2026-01-02 03:04:05.678", "msg": msg, "ping": null,
            "important": true, "duration": 60, "timezone": "Europe/Berlin", "timezoneOffset": "+01:00",
            "localDateTime": "2026-01-02 04:04:05",
        })
    };
    tell("json", "Database", beat(0, "connect ECONNREFUSED"));
    hook.says(&["[Uptime Kuma] Database is down (connect ECONNREFUSED) db1.example"]);
    tell("form-data", "Database", beat(1, "N/A"));
    hook.says(&["[Uptime Kuma] Database is up db1.example"]);
    let message = json!({
        "settings": {"webhookContentType": "json", "webhookAdditionalHeaders": headers},
        "text": "[Site][https://a.example] server certificate a.example will be expired in 7 days",
    });
    let answer = send("uptimekuma", &hook, "", &message);
    assert_eq!(answer, "200 Sent Successfully.");
    hook.says(&["[Uptime Kuma] [Site][https://a.example] server certificate a.example will be expired in 7 days"]);
    let wrong = json!({"settings": {"webhookContentType": "json"}, "text": "forged"});
    let answer = send("uptimekuma", &hook, "", &wrong);
    assert!(
        answer.starts_with("failed ") && answer.contains("403"),
        "{answer}"
    );
    hook.refuses("Authorization");
}
