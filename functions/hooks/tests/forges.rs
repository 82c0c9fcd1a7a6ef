//! Payloads of GitLab, Gitea and Forgejo.
//!
//! GitLab's are the payloads in Debian's `golang-github-xanzy-go-gitlab-dev`, taken from GitLab's documentation. There
//! is no published set for Gitea and Forgejo, nor for GitLab's newer events: `*/events.json` has payloads in the form
//! given by their documentation, shortened to the relevant fields, with made-up values.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hooks::{Call, Event, MAX_LINES, Source, read, say};
use http::HeaderMap;
use serde_json::Value;

/// The package's folder; `SUBSPACE_GITLAB_EXAMPLES` overrides it.
const GITLAB: &str = "/usr/share/gocode/src/github.com/xanzy/go-gitlab/testdata";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn event(source: Source, name: &str, body: &Value) -> Event {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    if source == Source::Gitea {
        headers.insert("x-gitea-event", name.parse().unwrap());
    }
    let body = serde_json::to_vec(body).unwrap();
    let call = Call {
        headers: &headers,
        rest: "",
        query: "",
        body: &body,
    };
    read(source, &call, None).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The payloads in a folder of the package, by file name.
fn published(what: &str) -> BTreeMap<String, Value> {
    let root = std::env::var_os("SUBSPACE_GITLAB_EXAMPLES");
    let root = root.map_or_else(|| PathBuf::from(GITLAB), PathBuf::from);
    let files = std::fs::read_dir(root.join(what)).unwrap_or_else(|error| {
        panic!("install Debian's golang-github-xanzy-go-gitlab-dev (cargo xtask setup): {error}")
    });
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "json"))
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let body = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            (format!("{what}/{name}"), body)
        })
        .collect()
}

/// Our own payloads: the name of the event, as in the header, and a distinguishing word after a blank.
fn own(service: &str) -> BTreeMap<String, Value> {
    let file = folder().join(service).join("events.json");
    let all: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (common, events) = (&all["common"], all["events"].as_object().unwrap());
    let whole = |(name, body): (&String, &Value)| {
        let mut whole = common.as_object().unwrap().clone();
        whole.extend(body.as_object().unwrap().clone());
        whole.retain(|_, value| !value.is_null());
        (name.clone(), Value::Object(whole))
    };
    events.iter().map(whole).collect()
}

/// Compares the lines with `lines.txt`, and returns the events that are never announced.
fn check(source: Source, service: &str, all: &BTreeMap<String, Value>) -> Vec<String> {
    let (mut ignored, mut shown, mut holes) = (Vec::new(), String::new(), Vec::new());
    for (name, body) in all {
        let event = event(source, name.split(' ').next().unwrap(), body);
        let lines = say(&event.lines, false);
        assert!(lines.len() <= MAX_LINES, "{name}: {lines:?}");
        if lines.is_empty() {
            assert!(event.quiet.is_some(), "{name} is neither said nor ignored");
            ignored.push(name.clone());
            continue;
        }
        for line in &lines {
            let signs = [
                "  ", "##", " : ", "()", "( ", "# ", "#:", "null", "[]", "!:",
            ];
            if signs.into_iter().any(|sign| line.contains(sign)) {
                holes.push(format!("{name}: {line}"));
            }
        }
        let mark = event.quiet.as_ref().map_or("said", |_| "quiet");
        let kind = &event.kind;
        shown.push_str(&format!("{name} ({kind}, {mark})\n"));
        for line in lines {
            shown.push_str(&format!("  {line}\n"));
        }
    }
    let file = folder().join(service).join("lines.txt");
    if std::env::var_os("UPDATE_LINES").is_some() {
        std::fs::write(&file, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(holes.is_empty(), "{holes:#?}");
    let differs = shown.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None, "UPDATE_LINES=1 writes them anew");
    assert_eq!(shown.lines().count(), expected.lines().count());
    ignored
}

#[test]
fn everything_of_gitlab_is_said_or_knowingly_ignored() {
    let mut all = published("webhooks");
    assert!(all.len() >= 16, "{:?}", all.keys());
    let system = published("systemhooks");
    assert!(system.len() >= 20, "{:?}", system.keys());
    all.extend(system);
    all.extend(own("gitlab"));
    let expected = [
        "systemhooks/key_create",
        "systemhooks/key_destroy",
        "systemhooks/repository_update",
        "systemhooks/user_failed_login",
    ];
    assert_eq!(check(Source::GitLab, "gitlab", &all), expected);
}

#[test]
fn everything_of_gitea_is_said_or_knowingly_ignored() {
    let all = own("gitea");
    assert!(all.len() >= 30, "{:?}", all.keys());
    let ignored = check(Source::Gitea, "gitea", &all);
    assert_eq!(ignored, [] as [&str; 0]);
}
