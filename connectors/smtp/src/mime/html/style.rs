//! Content that is hidden by its style, such as the preview text for a list of mails.

use std::collections::HashSet;

/// Maximum number of classes remembered.
const MAX_CLASSES: usize = 200;
/// Maximum length of a selector or a style that is examined, in bytes.
const MAX_STYLE: usize = 4 * 1024;

/// Returns whether declarations hide an element.
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

/// Returns whether declarations set the letters' size to zero, or to something else; `None` if they do not set it.
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

/// Classes that a page hides, wherever they are used.
#[derive(Debug, Default)]
pub(super) struct Classes(HashSet<String>);

impl Classes {
    /// Parses a style sheet: unconditional rules whose selector is a class, with or without an element.
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
        // Comments may precede the first.
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

    /// Returns whether an element with these classes is hidden.
    pub(super) fn hide(&self, classes: &str) -> bool {
        !self.0.is_empty()
            && classes
                .split_ascii_whitespace()
                .any(|class| self.0.contains(class))
    }
}
