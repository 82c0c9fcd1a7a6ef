//! Checks that links between pages of the documentation lead somewhere.

use std::path::Path;

/// Returns the relative links of a page that lead to no file or folder below `root`.
pub(super) fn check(root: &Path, name: &str, content: &str) -> Vec<String> {
    if !name.ends_with(".md") {
        return Vec::new();
    }
    let folder = root.join(name).parent().map(Path::to_path_buf);
    let Some(folder) = folder else {
        return Vec::new();
    };
    links(content)
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .filter_map(|link| {
            let path = link.split('#').next().unwrap_or_default();
            let missing = !path.is_empty() && !folder.join(path).exists();
            missing.then(|| format!("{name}: links to {path}, which is not there"))
        })
        .collect()
}

/// The targets of `[text](target)`.
fn links(content: &str) -> impl Iterator<Item = &str> {
    content.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?;
        (!target.contains(char::is_whitespace)).then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = "see [a](Cargo.toml), [b](src/main.rs#top), [c](https://x.test/y), [d](#here) \
                    and [e](gone.md)";
        assert_eq!(
            check(root, "page.md", page),
            ["page.md: links to gone.md, which is not there"]
        );
        assert!(check(root, "page.rs", page).is_empty());
    }
}
