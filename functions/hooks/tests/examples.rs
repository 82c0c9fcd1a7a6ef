//! Every payload of `@octokit/webhooks-examples`, from GitHub and GitHub Enterprise Server.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use hooks::{Call, Event, Filter, MAX_LINES, Source, read, say};
use http::HeaderMap;
use serde_json::Value;

/// The examples: the name of the event, and the body. Fetched once for all tests.
static EXAMPLES: LazyLock<Vec<(String, Value)>> = LazyLock::new(examples);

fn examples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/github");
    let package = folder.join("node_modules/@octokit/webhooks-examples");
    if !package.join("package.json").exists() {
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("npm is needed for this test: {error}"));
        assert!(status.success(), "npm ci: {status}");
    }
    let mut found = Vec::new();
    let folders = std::fs::read_dir(package).unwrap();
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let index = folder.join("index.json");
        let Ok(text) = std::fs::read(index) else {
            continue;
        };
        let events: Vec<Value> = serde_json::from_slice(&text).unwrap();
        for event in events {
            let name = event["name"].as_str().unwrap();
            let bodies = event["examples"].as_array().unwrap();
            found.extend(bodies.iter().map(|body| (name.to_owned(), body.clone())));
        }
    }
    found
}

fn event(name: &str, body: &Value) -> Event {
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", name.parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    let body = serde_json::to_vec(body).unwrap();
    let call = Call {
        headers: &headers,
        rest: "",
        query: "",
        body: &body,
    };
    read(Source::GitHub, &call, None).unwrap()
}

#[test]
fn every_example_is_said_or_knowingly_ignored() {
    let examples = &*EXAMPLES;
    assert!(examples.len() > 500, "{} examples", examples.len());
    let (mut said, mut quiet, mut ignored) = (0, 0, BTreeMap::<String, String>::new());
    for (name, body) in examples {
        let event = event(name, body);
        let lines = say(&event.lines, false);
        assert!(lines.len() <= MAX_LINES, "{name}: {lines:?}");
        if lines.is_empty() {
            ignored.insert(name.clone(), event.quiet.unwrap().into_owned());
            continue;
        }
        assert!(lines[0].starts_with('['), "{name}: {lines:?}");
        for line in &lines {
            let holes = ["  ", "##", " : ", "()", "( ", "# ", "#:", "null"];
            let hole = holes.into_iter().find(|hole| line.contains(hole));
            assert_eq!(hole, None, "{name}: {line}");
        }
        if hooks::filter::reason(&Filter::default(), &event).is_some() {
            quiet += 1;
        } else {
            said += 1;
        }
    }
    // Only events about GitHub Apps and servers are never announced.
    let names: Vec<_> = ignored.keys().map(String::as_str).collect();
    let apps = [
        "cache_sync",
        "content_reference",
        "enterprise",
        "github_app_authorization",
        "installation",
        "installation_repositories",
        "secret_scanning_alert_location",
        "user",
    ];
    assert_eq!(names, apps, "{ignored:?}");
    println!("{} examples: {said} said, {quiet} quiet", examples.len());
    assert!(said > 150 && quiet > 100, "{said} said, {quiet} quiet");
}

/// The lines of the first example of each kind, and of all pushes, with every event included.
#[test]
fn the_lines_stay_as_they_are() {
    let mut kinds = BTreeMap::new();
    for (name, body) in &*EXAMPLES {
        let event = event(name, body);
        let lines = say(&event.lines, false);
        let mark = if event.quiet.is_some() {
            "quiet"
        } else {
            "said"
        };
        let kind = match event.kind.as_str() {
            // There are many kinds of pushes.
            "push" => format!("push: {}", lines[0].rsplit(": ").next().unwrap()),
            kind => kind.to_owned(),
        };
        kinds
            .entry(kind)
            .or_insert_with(|| format!("{mark}: {}", lines.join("\n        ")));
    }
    let shown: String = kinds
        .iter()
        .map(|(kind, lines)| format!("{kind}\n  {lines}\n"))
        .collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/github/lines.txt");
    if std::env::var_os("UPDATE_LINES").is_some() {
        std::fs::write(&file, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = shown.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None, "UPDATE_LINES=1 writes them anew");
    assert_eq!(shown.lines().count(), expected.lines().count());
}
