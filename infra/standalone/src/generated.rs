//! The page that lists every key of every program. With `SUBSPACE_GENERATE=write` (`cargo xtask generate`) it is
//! written, otherwise it is compared.

use std::fmt::Write as _;
use std::path::Path;

use clap::Args as _;
use options::{Key, Kind, Options as _};
use settings::{Program, reference};

use crate::options::Options;

const PAGE: &str = "docs/operate/configuration.md";

const HEAD: &str = "\
<!-- Written by `cargo xtask generate` from the options of the programs; not to be edited. -->
# Configuration

Every key of every program. A key has one name: it is a flag with `--` before it, a key of the program's TOML file
(`--config FILE`), and a variable of its environment. Flags win over variables, variables over the file, the file over
defaults. An empty variable counts as not set.

- Keys with a common prefix can be grouped in a table: `turn-relay-ip` is also `relay-ip` below `[turn]`. A list is a TOML
  array, or a text with commas or blanks between its items.
- Secrets cannot be flags, since every user of the machine can list those. A key `…-file` names a file with the secret, and wins
  over the variable.
- A key of the file that is unknown or has the wrong type stops the program with an error that names it.
- Old names of renamed keys still work; the log names the new ones. Giving a key under both names among the flags, in the
  environment or in the file stops the program, since it is ambiguous.
- Without `log`, the variable `RUST_LOG` decides what is logged; without both, everything from `info` up.
";

/// A section for a program.
fn program<P: Program>(text: &mut String, what: &str) {
    let (name, keys) = (P::NAME, reference::<P>());
    // Writing to a String does not fail.
    let _ = write!(text, "\n## `{name}`\n\n{what}\n\n{keys}");
    let mut renamed: Vec<String> = P::RENAMED.iter().map(|old| format!("| {old} |")).collect();
    renamed.dedup();
    if !renamed.is_empty() {
        let renamed = renamed.join("\n");
        let _ = write!(
            text,
            "\nRenamed keys:\n\n| old name | now |\n| --- | --- |\n{renamed}\n"
        );
    }
}

/// A section for hosts that only have variables.
fn variables(text: &mut String, title: &str, what: &str, keys: &[Key]) {
    let _ = write!(
        text,
        "\n## {title}\n\n{what}\n\n| variable | value | default |\n| --- | --- | --- |\n"
    );
    for key in keys {
        let value = match key.kind {
            Kind::Switch => "true or false".to_owned(),
            Kind::Secret => format!("{}, secret", key.value),
            _ => key.value.to_owned(),
        };
        let default = match (key.default, key.otherwise) {
            (Some(default), _) => format!("`{default}`"),
            (None, words) => words.unwrap_or("none").to_owned(),
        };
        let variable = options::variable(&key.name);
        let _ = writeln!(text, "| `{variable}` | {value} | {default} |");
    }
}

fn page() -> String {
    let mut text = HEAD.to_owned();
    program::<Options>(
        &mut text,
        "Everything in one process. The keys of the parts are below their names: `ircd-…`, `mail-…`, `turn-…`, `s3-…`.",
    );
    program::<functions_native::ProgramOptions>(&mut text, "[The functions alone](functions.md).");
    program::<irc_connector::ProgramOptions>(
        &mut text,
        "[The gateway](connectors.md), with its connections to IRC.",
    );
    program::<ircd::ProgramOptions>(
        &mut text,
        "[The private IRC server](connectors.md#the-private-irc-server) alone.",
    );
    program::<smtp_connector::ProgramOptions>(&mut text, "[The mail connector](mail.md) alone.");
    program::<turn_server::ProgramOptions>(&mut text, "[The TURN server](turn.md) alone.");
    variables(
        &mut text,
        "Workers and Spin",
        "[Workers](cloudflare.md) and [the component for Spin](spin.md) have the variables of the functions, with the meaning \
         that they have for `subspace-functions`. Spin's own variables have the same names in lower case.",
        &functions_core::Options::keys(),
    );
    let mut bucket = storage_s3::S3Options::keys();
    for key in &mut bucket {
        key.name = format!("{}{}", storage_s3::S3Options::SECTION, key.name);
    }
    variables(
        &mut text,
        "The bucket of the component for Spin",
        "Workers have theirs bound as `BUCKET`.",
        &bucket,
    );
    text
}

#[test]
fn the_page_has_every_key() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(PAGE);
    let expected = page();
    if std::env::var("SUBSPACE_GENERATE").is_ok_and(|how| how == "write") {
        std::fs::write(&file, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{PAGE} is not what the options say; run `cargo xtask generate`"
    );
}

#[test]
fn no_name_is_there_twice() {
    fn check<P: Program>() {
        let mut names: Vec<String> = P::keys().into_iter().map(|key| key.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{}", P::NAME);
        settings::Given::<P>::augment_args(clap::Command::new(P::NAME)).debug_assert();
    }
    check::<Options>();
    check::<functions_native::ProgramOptions>();
    check::<irc_connector::ProgramOptions>();
    check::<ircd::ProgramOptions>();
    check::<smtp_connector::ProgramOptions>();
    check::<turn_server::ProgramOptions>();
}
