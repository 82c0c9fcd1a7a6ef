//! Generates from the route table: parts of `functions/API.md`, which has a section for each request, and the requests
//! that the web client knows. With `SUBSPACE_GENERATE=write` (`cargo xtask generate`) the files are written, otherwise
//! they are compared.

use std::fmt::Write as _;
use std::path::Path;

use super::table::TABLE;
use super::{Address, Limit, On, Who};
use crate::kernel::methods::Verb;

const API_MD: &str = "functions/API.md";
const CLIENT: &str = "static-client/app/lib/routes.ts";
const BEGIN: &str =
    "<!-- Written by `cargo xtask generate` from functions/core/src/routes/table.rs. -->\n";
const END: &str = "<!-- Until here. -->\n";

/// The prefix of a section's generated line.
const ACCESS: &str = "Access: ";

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
        Who::Link => "anyone with the link".to_owned(),
        Who::LinkOrSession => "anyone with the link, or `session`".to_owned(),
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

/// A request as it appears in titles, `GET /there`.
fn name((address, on): (&Address, &On)) -> String {
    format!("{} {}", method(on.verb), address.pattern)
}

fn list() -> String {
    let mut text = String::from("| request | who may | body |\n| --- | --- | --- |\n");
    for (address, on) in requests() {
        let row = format!(
            "| `{}` | {} | {} |",
            name((address, on)),
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
         /** Every request of a browser that the functions accept. */\nexport type Route =\n",
    );
    let own = requests().filter(|(address, _)| address.pattern.starts_with("/api"));
    let routes: Vec<String> = own
        .map(|request| format!("  | '{}'", name(request)))
        .collect();
    let _ = writeln!(text, "{};", routes.join("\n"));
    text
}

/// Compares a file with its expected content, or writes it.
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

#[test]
fn the_client_knows_the_requests_of_the_table() {
    settle(CLIENT, &client());
}

fn api_md() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(API_MD);
    std::fs::read_to_string(file).unwrap()
}

/// Returns the text between the backquotes of a section's title, `GET /there`; `None` if the line is not the title of a
/// request.
fn title(line: &str) -> Option<&str> {
    line.strip_prefix("### `")?.strip_suffix('`')
}

/// What the table contains about a request, in one line.
fn access(address: &Address, on: &On) -> String {
    let body = match body(on) {
        text if text.is_empty() => "none".to_owned(),
        text if on.limit == Limit::Own => text,
        text => format!("at most {text}"),
    };
    format!("{ACCESS}{}. Request body: {body}.", who(address, on))
}

/// Inserts the generated parts into the documentation.
///
/// # Panics
/// If a section describes no existing request.
fn documentation(text: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let text = format!("{before}{BEGIN}\n{}\n{END}{after}", list());
    let mut section = None;
    let mut written = String::new();
    for line in text.lines() {
        if let Some(title) = title(line) {
            let found = requests().find(|request| name(*request) == title);
            section = Some(found.unwrap_or_else(|| panic!("{API_MD}: {title} is no request")));
        }
        match section {
            Some((address, on)) if line.starts_with(ACCESS) => {
                section = None;
                let _ = writeln!(written, "{}", access(address, on));
            }
            _ => {
                let _ = writeln!(written, "{line}");
            }
        }
    }
    written
}

#[test]
fn the_documentation_says_what_the_table_says() {
    settle(API_MD, &documentation(&api_md()));
}

#[test]
fn every_request_has_one_section_and_every_section_a_request() {
    let text = api_md();
    let lines: Vec<&str> = text.lines().collect();
    let mut described = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(title) = title(line) else { continue };
        described.push(title.to_owned());
        let access = lines.get(number + 2);
        assert!(
            access.is_some_and(|line| line.starts_with(ACCESS)),
            "{API_MD}: the section of {title} does not begin with {ACCESS:?}"
        );
    }
    let mut expected: Vec<String> = requests().map(name).collect();
    described.sort_unstable();
    expected.sort_unstable();
    let missing: Vec<_> = expected
        .iter()
        .filter(|one| !described.contains(one))
        .collect();
    assert!(
        missing.is_empty(),
        "{API_MD} has no section for {missing:?}"
    );
    assert_eq!(described, expected, "{API_MD} has a section too many");
}

/// The prefixes of the table's paths: the first segment, and the second of a well-known address (RFC 8615).
fn prefixes() -> Vec<String> {
    let mut prefixes: Vec<String> = TABLE
        .iter()
        .map(|address| {
            let segments = address.pattern.split('/').skip(1);
            let most = if address.pattern.starts_with("/.well-known/") {
                2
            } else {
                1
            };
            let first: Vec<&str> = segments.take(most).collect();
            format!("/{}", first.join("/"))
        })
        .collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// The path prefixes that a web server's configuration passes to the functions: quoted one by one, or as the
/// alternatives of a regular expression.
fn given(text: &str) -> Vec<String> {
    let alternatives = text
        .lines()
        .filter_map(|line| line.split_once("/(")?.1.split_once(")("))
        .flat_map(|(alternatives, _)| alternatives.split('|'));
    let quoted = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"/")?.split('"').next());
    alternatives
        .chain(quoted)
        .filter_map(|address| address.split('/').next())
        .map(|segment| segment.replace('\\', ""))
        .collect()
}

#[test]
fn hosts_and_web_servers_give_the_functions_every_address_of_the_table() {
    let prefixes = prefixes();
    assert_eq!(super::PREFIXES, prefixes);
    for name in [
        "wrangler.toml",
        "docs/operate/functions.md",
        "infra/e2e/harness/front.mjs",
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(name);
        let given = given(&std::fs::read_to_string(file).unwrap());
        for prefix in &prefixes {
            let first = prefix.split('/').nth(1).unwrap();
            assert!(
                given.iter().any(|segment| segment == first),
                "{name} does not give {prefix} to the functions, only {given:?}"
            );
        }
    }
}
