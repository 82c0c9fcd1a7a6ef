//! What is written from the table: the list in `functions/API.md`, and the requests that the web client knows. With
//! `SUBSPACE_GENERATE=write` (`cargo xtask generate`) the files are written, else they are compared.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use http::Method;

use super::table::TABLE;
use super::{Address, Limit, On, Who, find};
use crate::kernel::methods::Verb;

const API_MD: &str = "functions/API.md";
const CLIENT: &str = "static-client/app/lib/routes.ts";
const BEGIN: &str =
    "<!-- Written by `cargo xtask generate` from functions/core/src/routes/table.rs. -->\n";
const END: &str = "<!-- Until here. -->\n";

fn method(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "GET",
        Verb::Post => "POST",
        Verb::Put => "PUT",
        Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
    }
}

fn who(address: &Address, on: &On) -> String {
    match on.who {
        Who::Anyone => "anyone".to_owned(),
        Who::Link => "whoever has the link".to_owned(),
        Who::LinkOrSession => "whoever has the link, or `session`".to_owned(),
        Who::Session => "`session`".to_owned(),
        Who::Admin => "`session` of an admin".to_owned(),
        // A listing is never public.
        Who::App if on.verb == Verb::Get && !address.pattern.ends_with('/') => {
            "`app`; anyone, if it is public".to_owned()
        }
        Who::App => "`app`".to_owned(),
        Who::ConsentPage => "anyone; a password or `consent`".to_owned(),
        Who::Connector(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            format!("connector {}", kinds.join(", "))
        }
    }
}

fn body(on: &On) -> String {
    let bytes = on.limit.bytes();
    match on.limit {
        Limit::Nothing => String::new(),
        Limit::Own => "see below".to_owned(),
        _ if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes >> 10),
    }
}

/// All requests, in the table's order.
fn requests() -> impl Iterator<Item = (&'static Address, &'static On)> {
    let of = |address: &'static Address| address.on.iter().map(move |on| (address, on));
    TABLE.iter().flat_map(of)
}

fn list() -> String {
    let mut text = String::from("| request | who may | body |\n| --- | --- | --- |\n");
    for (address, on) in requests() {
        let (method, path) = (method(on.verb), address.pattern);
        let row = format!(
            "| `{method} {path}` | {} | {} |",
            who(address, on),
            body(on)
        );
        let _ = writeln!(text, "{}", row.replace("|  |", "| |"));
    }
    text
}

fn client() -> String {
    let mut text = String::from(
        "// Written by `cargo xtask generate` from the functions' table of routes; not to be edited.\n\n\
         /** Every request of a browser that the functions take. */\nexport type Route =\n",
    );
    let own = requests().filter(|(address, _)| address.pattern.starts_with("/api"));
    let routes: Vec<String> = own
        .map(|(address, on)| format!("  | '{} {}'", method(on.verb), address.pattern))
        .collect();
    let _ = writeln!(text, "{};", routes.join("\n"));
    text
}

/// Compares a file with what it should be, or writes it.
fn settle(name: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    if std::env::var("SUBSPACE_GENERATE").is_ok_and(|how| how == "write") {
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{name} is not what the table of routes says; run `cargo xtask generate`"
    );
}

fn api_md() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(API_MD);
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn the_list_of_the_documentation_is_that_of_the_table() {
    let text = api_md();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    settle(
        API_MD,
        &format!("{before}{BEGIN}\n{}\n{END}{after}", list()),
    );
}

#[test]
fn the_client_knows_the_requests_of_the_table() {
    settle(CLIENT, &client());
}

/// What a cell such as `` `GET`, `DELETE /there` `` names.
fn described(row: &str) -> Vec<(Method, String)> {
    let cell = row
        .trim_start_matches("| ")
        .split(" | ")
        .next()
        .unwrap_or("");
    let mut methods: Vec<Method> = Vec::new();
    let mut found = Vec::new();
    for span in cell.split('`').skip(1).step_by(2) {
        let (first, rest) = span.split_once(' ').unwrap_or((span, ""));
        if first.len() > 2 && first.bytes().all(|byte| byte.is_ascii_uppercase()) {
            methods.push(first.parse().unwrap());
        }
        if rest.starts_with('/') {
            let end = rest.find(['?', '[', ' ']).unwrap_or(rest.len());
            let path = &rest[..end];
            found.extend(methods.drain(..).map(|method| (method, path.to_owned())));
        }
    }
    found
}

#[test]
fn every_request_is_described_and_nothing_else_is() {
    let text = api_md();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let rows = before.lines().chain(after.lines());
    let rows = rows.filter(|line| line.starts_with("| `"));
    let mut told = BTreeSet::new();
    for (method, path) in rows.flat_map(described) {
        let found = find(&path).and_then(|(address, _)| Some((address, address.on(&method)?)));
        let (address, on) = found.unwrap_or_else(|| panic!("{method} {path} is no request"));
        told.insert((address.pattern, on.verb as u8));
    }
    for (address, on) in requests() {
        // Storage, hooks, pages and so on are described in words.
        let listed = ["/api", "/connector/"];
        if listed
            .iter()
            .any(|start| address.pattern.starts_with(start))
        {
            let (method, path) = (method(on.verb), address.pattern);
            assert!(
                told.contains(&(path, on.verb as u8)),
                "{API_MD} does not describe {method} {path}"
            );
        }
    }
}
