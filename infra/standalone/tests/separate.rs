//! Functions, IRC server and connector as separate processes, which only know of each other what the API returned on a
//! fresh installation: set-up, connectors that register, a message that is archived.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking and says why")]

mod common;

use std::path::Path;
use std::process::Command;

use common::http::request;
use common::programs::{Process, programs, start};
use common::socket::{Socket, act_on};
use common::{PASSWORD, server, until};
use serde_json::{Value, json};

/// Runs a command shown by the API, with programs from `programs`.
fn shown(view: &Value, programs: &Path, folder: &Path, more: &[(&str, &str)]) -> Process {
    let text = view["command"].as_str().unwrap();
    let (variables, program) = text.rsplit_once(' ').unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    // With `exec` the process that the test kills is the program.
    command
        .args(["-c", &format!("export {variables}; exec {program}")])
        .env("PATH", path)
        .envs(more.iter().copied())
        .current_dir(folder);
    start(command)
}

#[test]
fn three_processes_find_each_other() {
    let programs = programs();
    let temp = tempfile::tempdir().unwrap();
    let [web, irc, sockets] = [(); 3].map(|()| server::free_address());
    let mut functions = Command::new(programs.join("subspace-functions"));
    functions
        .env("SUBSPACE_DATA", temp.path().join("data"))
        .env("SUBSPACE_LISTEN", &web)
        .env("SUBSPACE_MASTER_KEY", "07".repeat(32))
        .env("SUBSPACE_SETUP_TOKEN", "the-set-up-token");
    let _functions = start(functions);
    let call = |head: &str, token: &str, body: &Value| -> (u16, Value) {
        let head = format!("{head}\nauthorization: Bearer {token}\ncontent-type: application/json");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, answer) = request(&web, &head, &body).unwrap();
        (status, serde_json::from_str(&answer).unwrap_or_default())
    };
    let account = json!({"name": "alice", "password": PASSWORD, "setup": "the-set-up-token"});
    let (status, session) = call("POST /api/accounts", "none", &account);
    assert_eq!(status, 201, "{session}");
    let token = session["token"].as_str().unwrap();

    let make = |kind: &str, url: String| {
        let (status, made) = call(
            "POST /api/connectors",
            token,
            &json!({"kind": kind, "url": url}),
        );
        assert_eq!(status, 201, "{made}");
        made
    };
    let registered = |id: &str| {
        until("a registration", || {
            let (_, list) = call("GET /api/connectors", token, &Value::Null);
            let all = list["connectors"].as_array().unwrap().clone();
            let found = all.into_iter().find(|c| c["id"] == id).unwrap();
            (found["state"] == "registered").then_some(())
        });
    };
    let ircd = make("ircd", format!("irc://{irc}"));
    let _ircd = shown(
        &ircd,
        &programs,
        temp.path(),
        &[("SUBSPACE_IRCD_LISTEN", &irc)],
    );
    registered("ircd");
    let connector = make("irc", format!("http://{sockets}"));
    let more = [("SUBSPACE_LISTEN", sockets.as_str())];
    let _connector = shown(&connector, &programs, temp.path(), &more);
    registered("irc");

    // Like a browser.
    let (_, tickets) = call("POST /api/tickets", token, &Value::Null);
    let found = &tickets["connectors"][0];
    assert_eq!(found["url"], format!("http://{sockets}"));
    let auth = json!({"ticket": found["ticket"], "mode": "full"});
    let socket = Socket::open(&sockets, &auth).unwrap();
    let (_, connections) = call("GET /api/connections", token, &Value::Null);
    let private = connections["connections"][0]["server"]
        .as_str()
        .unwrap()
        .to_owned();
    socket.done(&act_on(&private, "connect", "alice", json!({})));
    socket.wait("the channel", |value| {
        value["type"] == "join" && value["target"]["name"] == "#general"
    });
    let target = json!({"id": format!("#general@{private}"), "type": "room", "name": "#general"});
    let object = json!({"type": "message", "content": "hello from far away"});
    socket.done(&act_on(
        &private,
        "send",
        "alice",
        json!({"target": target, "object": object}),
    ));

    let grant = json!({"kind": "app", "client": "test", "scopes": "chat-messages:r"});
    let (status, grant) = call("POST /api/grants", token, &grant);
    assert_eq!(status, 201, "{grant}");
    let reader = grant["token"].as_str().unwrap();
    let days = format!("/storage/alice/chat-messages/{private}/channels/general/");
    let list = |path: &str| -> Vec<String> {
        let (_, folder) = call(&format!("GET {path}"), reader, &Value::Null);
        let items = folder["items"].as_object().cloned().unwrap_or_default();
        items.keys().map(|name| format!("{path}{name}")).collect()
    };
    until("the message in the archive", || {
        let mut open = list(&days);
        while let Some(path) = open.pop() {
            if path.ends_with('/') {
                open.extend(list(&path));
            } else {
                let (_, day) = call(&format!("GET {path}"), reader, &Value::Null);
                if day.to_string().contains("hello from far away") {
                    return Some(());
                }
            }
        }
        None
    });
}
