//! The paths named in a Rust file, as far as they begin with `crate`, `super` or `self`.

/// Returns the paths in a file, starting from the root of its package; `module` is the path of the file's own module.
/// Comments, and the tests at the end, do not count.
pub(super) fn paths(content: &str, module: &[&str]) -> Vec<Vec<String>> {
    let code: String = content
        .split("#[cfg(test)]\nmod tests {")
        .take(1)
        .flat_map(str::lines)
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let start = before.rfind(|c: char| !is_name(c)).map_or(0, |last| {
            last + before[last..].chars().next().map_or(1, char::len_utf8)
        });
        let parent = module.len().saturating_sub(1);
        let base = match &before[start..] {
            _ if before[..start].ends_with("::") => continue,
            "crate" => 0,
            "self" => module.len(),
            "super" => parent,
            _ => continue,
        };
        let base = module[..base].iter().map(|name| (*name).to_owned());
        read(&code[at + 2..], base.collect(), &mut found);
    }
    found
}

/// Parses what follows `::`: a name and its members, or a list; returns the rest.
fn read<'a>(text: &'a str, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut list) = text.strip_prefix('{') {
        loop {
            list = list.trim_start();
            if let Some(rest) = list.strip_prefix('}') {
                return rest;
            }
            let rest = read(list, path.clone(), found);
            let rest = rest.trim_start();
            // `as …`, or something other than a list of imports.
            let next = rest.find([',', '}']);
            let Some(next) = next else {
                return "";
            };
            list = rest[next..].trim_start_matches(',');
        }
    }
    let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    match &text[..end] {
        "" | "self" => {}
        "super" => {
            path.pop();
        }
        name => path.push(name.to_owned()),
    }
    let rest = &text[end..];
    match rest.strip_prefix("::") {
        Some(more) if end > 0 => read(more, path, found),
        _ => {
            found.push(path);
            rest
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(content: &str) -> Vec<String> {
        let found = paths(content, &["a", "b"]);
        found.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_are_read_from_the_root_on() {
        assert_eq!(named("use crate::x::y::Z;"), ["x::y::Z"]);
        assert_eq!(
            named("use super::c::D;\nuse self::e::F;"),
            ["a::c::D", "a::b::e::F"]
        );
        assert_eq!(
            named("use crate::{Functions, x::{self, y::Z as W}, v};"),
            ["Functions", "x", "x::y::Z", "v"]
        );
        assert_eq!(named("use super::super::x;"), ["x"]);
        assert_eq!(
            named("let a = crate::x::f::<u8>(std::mem::take(b));"),
            ["x::f"]
        );
        assert_eq!(
            named("// crate::x\n/// [`crate::y`]\n"),
            Vec::<String>::new()
        );
    }
}
