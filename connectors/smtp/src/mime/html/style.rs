//! What is hidden by its style: the lines that a mail has for the list of mails only.

use std::collections::HashSet;

/// Most classes that are remembered.
const MAX_CLASSES: usize = 200;
/// Longest selector and longest style that are looked at, bytes.
const MAX_STYLE: usize = 4 * 1024;

/// Whether declarations hide an element.
pub(super) fn is_hidden(style: &str) -> bool {
    let style = style.get(..MAX_STYLE).unwrap_or(style);
    let (mut low, mut cut) = (false, false);
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else {
            continue;
        };
        let value = value.to_ascii_lowercase();
        let value = value.split('!').next().unwrap_or_default().trim();
        match property.trim().to_ascii_lowercase().as_str() {
            "display" if value == "none" => return true,
            "visibility" if matches!(value, "hidden" | "collapse") => return true,
            "opacity" if is_zero(value) => return true,
            "max-height" | "height" => low |= is_zero(value),
            "overflow" => cut |= value == "hidden",
            _ => {}
        }
    }
    low && cut
}

/// Whether declarations make letters of no size, or letters of some size again; none if they say nothing about it.
pub(super) fn is_tiny(style: &str) -> Option<bool> {
    let style = style.get(..MAX_STYLE).unwrap_or(style);
    let declarations = style.split(';').filter_map(|one| one.split_once(':'));
    let mut sizes = declarations.filter(|(name, _)| name.trim().eq_ignore_ascii_case("font-size"));
    let (_, value) = sizes.next_back()?;
    Some(is_zero(value.split('!').next().unwrap_or_default().trim()))
}

fn is_zero(value: &str) -> bool {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    number.parse::<f64>().is_ok_and(|number| number == 0.0)
}

/// Classes that a page hides, wherever they are.
#[derive(Debug, Default)]
pub(super) struct Classes(HashSet<String>);

impl Classes {
    /// Reads a style sheet: rules outside of conditions whose selector is a class, with or without an element.
    pub(super) fn learn(&mut self, sheet: &str) {
        let mut depth = 0_usize;
        let mut start = 0;
        let mut selector = "";
        for (at, c) in sheet.char_indices() {
            match c {
                '{' => {
                    depth += 1;
                    selector = if depth == 1 {
                        sheet.get(start..at).unwrap_or_default()
                    } else {
                        ""
                    };
                    start = at + 1;
                }
                '}' => {
                    let rule = sheet.get(start..at).unwrap_or_default();
                    if depth == 1 && !selector.trim_start().starts_with('@') && is_hidden(rule) {
                        self.add(selector);
                    }
                    depth = depth.saturating_sub(1);
                    start = at + 1;
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, selectors: &str) {
        // Comments may stand before the first.
        let selectors = selectors.rsplit("*/").next().unwrap_or_default();
        for selector in selectors.get(..MAX_STYLE).unwrap_or(selectors).split(',') {
            let Some((element, class)) = selector.trim().split_once('.') else {
                continue;
            };
            let simple = |text: &str| {
                text.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            };
            if !class.is_empty() && simple(class) && simple(element) && self.0.len() < MAX_CLASSES {
                self.0.insert(class.to_owned());
            }
        }
    }

    /// Whether an element with these classes is hidden.
    pub(super) fn hide(&self, classes: &str) -> bool {
        !self.0.is_empty()
            && classes
                .split_ascii_whitespace()
                .any(|class| self.0.contains(class))
    }
}
