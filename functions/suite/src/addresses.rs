//! What `SECURITY.md` and `functions/API.md` state about addresses, parsed from them: the suite tests these statements.

use reqwest::Method;

/// The page on which response each caller gets.
const SECURITY: &str = include_str!("../../../SECURITY.md");
/// The page on every address.
const API: &str = include_str!("../../API.md");

/// One line of the table of `SECURITY.md`.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The first cell, verbatim.
    pub(crate) text: String,
    /// Addresses with their methods; no method means all.
    addresses: Vec<(Option<Method>, String)>,
    /// The response without a token.
    pub(crate) without: String,
    /// What opens it.
    pub(crate) opens: Opens,
}

/// Which token opens an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opens {
    /// None is needed, or the response has more for a caller with one.
    Nothing,
    /// A session.
    Session,
    /// A session of an admin.
    Admin,
    /// A token of an app.
    App,
    /// A signature of a connector.
    Signature,
}

impl Line {
    /// Returns whether a request without a token is refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.without.starts_with("401")
    }

    /// Returns how well the line matches an address; the best match counts.
    fn fits(&self, method: &Method, path: &str) -> Option<usize> {
        let fit = |(of, pattern): &(Option<Method>, String)| {
            if of.as_ref().is_some_and(|of| of != method) {
                return None;
            }
            let literal = literals(pattern, path, of.is_none())?;
            // A line with methods is more specific than one without.
            Some(literal * 2 + usize::from(of.is_some()))
        };
        self.addresses.iter().filter_map(fit).max()
    }
}

/// Returns how many segments of a path are literal in a pattern that matches it; `…` matches any further ones, and so
/// does the end, if `open`.
fn literals(pattern: &str, path: &str, open: bool) -> Option<usize> {
    let mut count = 0;
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        if wanted == "…" {
            return Some(count);
        }
        let segment = segments.next()?;
        if wanted == segment {
            count += 1;
        } else if !wanted.starts_with('<') {
            return None;
        }
    }
    (open || segments.next().is_none()).then_some(count)
}

/// Parses the table of the web port.
pub(crate) fn lines() -> Vec<Line> {
    let table = SECURITY.split("\n## Web port").nth(1).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("| ---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [address, without, with] = cells[..] else {
            panic!("not three cells: {row}");
        };
        let opens = match with {
            _ if !without.starts_with("401") => Opens::Nothing,
            with if with.starts_with("`session` of an admin") => Opens::Admin,
            with if with.starts_with("`session`") => Opens::Session,
            with if with.starts_with("`app`") => Opens::App,
            with if with.starts_with("signature") => Opens::Signature,
            _ => panic!("what opens it? {row}"),
        };
        Line {
            text: address.to_owned(),
            addresses: addresses(address),
            without: without.to_owned(),
            opens,
        }
    })
    .collect()
}

/// Parses every documented address, with an example in place of each name.
pub(crate) fn documented() -> Vec<(Method, String)> {
    let rows = API.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.trim_start_matches('|').split('|').next());
    let all = cells.flat_map(addresses);
    let mut all: Vec<_> = all
        .filter_map(|(method, path)| Some((method?, example(&path))))
        .collect();
    // An address that is both in the list and described is tried once, in the order of the page.
    let mut seen = Vec::new();
    all.retain(|one| {
        let first = !seen.contains(one);
        seen.push(one.clone());
        first
    });
    all
}

/// Returns the table's line about an address.
pub(crate) fn line_of<'a>(lines: &'a [Line], method: &Method, path: &str) -> &'a Line {
    let fits = |line: &&Line| line.fits(method, path);
    let best = lines.iter().max_by_key(fits).unwrap();
    assert!(
        fits(&best).is_some(),
        "SECURITY.md has no line for {method} {path}"
    );
    best
}

/// Parses the text between backquotes: `GET`, `POST /there` are two methods of one address.
fn addresses(cell: &str) -> Vec<(Option<Method>, String)> {
    let mut found = Vec::new();
    let mut methods: Vec<Method> = Vec::new();
    for span in cell.split('`').skip(1).step_by(2) {
        let (first, rest) = span.split_once(' ').unwrap_or((span, ""));
        let is_method = first.len() > 2 && first.bytes().all(|byte| byte.is_ascii_uppercase());
        let path = if is_method {
            methods.push(first.parse().unwrap());
            rest
        } else {
            span
        };
        if !path.starts_with('/') {
            continue;
        }
        let end = path.find(['?', '[', ' ']).unwrap_or(path.len());
        let path = path[..end].to_owned();
        if methods.is_empty() {
            found.push((None, path.clone()));
        }
        let with = |method: Method| (Some(method), path.clone());
        found.extend(methods.drain(..).map(with));
    }
    found
}

/// Replaces `<…>` and `…` by examples.
fn example(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "<account>" => "alice",
        "…" => "notes/a",
        segment if segment.contains('<') => "0123456789abcdef0123456789abcdef",
        segment => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}
