//! A platform describes itself: everything above it uses its descriptor, and never depends on which one it is.

/// Folders that are above platforms.
const ABOVE: &[&str] = &[
    "common/protocol/src/",
    "connectors/gateway/src/",
    "connectors/kit/src/",
    "functions/core/src/",
    "static-client/app/",
];

/// Marks of a single platform: its id, and the prefix of its channels.
const SIGNS: &[&str] = &[
    "\"irc\"",
    "'irc'",
    "['#'",
    "[#&",
    "#&+!",
    "starts_with('#')",
    "startsWith('#')",
    "startsWith(\"#\")",
    "strip_prefix('#')",
    "`#${",
];

/// Files in which they are allowed, by the end of their names, and why.
const MAY: &[(&str, &str)] = &[
    // The default where no platform was described.
    ("protocol/src/platform.rs", "the default"),
    ("app/lib/protocol.ts", "written from it"),
    // The format of archives has its own rules for names of folders.
    ("protocol/src/archive.rs", "chat-messages"),
    ("app/lib/archive.ts", "chat-messages"),
    // Kinds of grants, and servers, with the same name.
    ("connectors/manage.rs", "schemes of addresses"),
    ("settings/irc-access.gts", "a kind of grant"),
    ("settings/page.gts", "a page of the settings"),
    ("app/lib/oauth-return.ts", "the fragment of an address"),
    // Plain text contains channels.
    ("text/linkify.ts", "links in messages"),
];

/// Returns one line for each place that depends on a platform.
pub(super) fn check(name: &str, content: &str) -> Vec<String> {
    let above = ABOVE.iter().any(|folder| name.starts_with(folder));
    let is_code = [".rs", ".ts", ".gts"].iter().any(|end| name.ends_with(end));
    let is_test = name.contains("/tests/") || name.contains("tests.rs") || name.contains("testing");
    if !above || !is_code || is_test || MAY.iter().any(|(end, _)| name.ends_with(end)) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for (number, line) in (1..).zip(content.lines()) {
        if line == "#[cfg(test)]" {
            break;
        }
        let code = line.trim_start();
        let is_comment = ["//", "*", "/*"]
            .iter()
            .any(|start| code.starts_with(start));
        let sign = SIGNS
            .iter()
            .find(|sign| !is_comment && line.contains(**sign));
        if let Some(sign) = sign {
            broken.push(format!(
                "{name}:{number}: {sign} is one platform's; ask its descriptor (protocol::PlatformDescriptor)"
            ));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_knows_a_platform_is_found_above_them_only() {
        let line = "    if name.starts_with('#') {\n";
        assert_eq!(check("connectors/gateway/src/a.rs", line).len(), 1);
        assert!(check("connectors/irc/src/a.rs", line).is_empty());
        assert!(check("common/protocol/src/archive.rs", line).is_empty());
        let told = "/// The platform, `\"irc\"`.\n#[cfg(test)]\nconst A: &str = \"irc\";\n";
        assert!(check("functions/core/src/a.rs", told).is_empty());
        assert_eq!(check("static-client/app/a.ts", "if (x === 'irc')").len(), 1);
    }
}
