//! The page that lists every key.

use std::fmt::Write as _;

use options::Kind;

use crate::Program;
use crate::known::keys;

/// Describes every key of a program in a Markdown table.
#[must_use]
pub fn reference<P: Program>() -> String {
    let mut text = String::from(
        "| key | variable | value | default | what it does |\n| --- | --- | --- | --- | --- |\n",
    );
    for known in keys::<P>() {
        let key = &known.key;
        let default = match (key.default, key.otherwise) {
            (Some(""), _) => "empty".to_owned(),
            (Some(default), _) => format!("`{default}`"),
            (None, Some(words)) => words.to_owned(),
            (None, None) => "none".to_owned(),
        };
        let flag = if known.is_flag() { "" } else { " (no flag)" };
        let value = match key.kind {
            Kind::Switch => "true or false".to_owned(),
            Kind::List => format!("list of {}", key.value),
            Kind::Json => "JSON, a table in the file".to_owned(),
            Kind::Secret => format!("{}, secret", key.value),
            Kind::Text | Kind::Number => key.value.to_owned(),
        };
        let cells = [
            format!("`{}`{flag}", known.shown()),
            format!("`{}`", known.variable()),
            value,
            default,
            key.help.replace('|', "\\|"),
        ];
        // Writing to a String does not fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}
