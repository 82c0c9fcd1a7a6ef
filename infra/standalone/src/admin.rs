//! Commands that work on the data folder, also while the server runs.

use std::io::BufRead;

use anyhow::Context as _;
use model::{AccountName, Scopes};
use storage_s3::S3Settings;

use crate::data::DataFolder;
use crate::relocate::{self, Wanted};
use crate::serve;
use crate::settings::Keys;

/// Makes an account with a password from standard input.
///
/// # Errors
/// One sentence: a bad name or password, or a name that is taken.
pub(crate) fn add_account(name: &str, admin: bool, keys: Keys) -> anyhow::Result<()> {
    let mut password = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut password)
        .context("cannot read the password from standard input")?;
    let password = password.trim_end_matches(['\r', '\n']);
    with_functions(keys, async |functions| {
        functions
            .create_account(name, password, admin)
            .await
            .map_err(anyhow::Error::from)
    })?;
    say(&format!("account {name} is made"));
    Ok(())
}

/// Prints a token for an account's storage.
///
/// # Errors
/// One sentence: a bad scope, or no such account.
pub(crate) fn print_token(name: &str, scope: &str, client: &str, keys: Keys) -> anyhow::Result<()> {
    let name: AccountName = name.parse()?;
    let scopes: Scopes = scope.parse()?;
    let token = with_functions(keys, async |functions| {
        functions
            .create_grant(&name, client, scopes)
            .await
            .map_err(anyhow::Error::from)
    })?;
    say(&token);
    Ok(())
}

/// Moves an account's documents to another store.
///
/// # Errors
/// One sentence; repeating the command goes on.
pub(crate) fn move_account(name: &str, wanted: &Wanted, keys: Keys) -> anyhow::Result<()> {
    with_functions(keys, async |functions| {
        relocate::run(functions, name, wanted, say).await
    })
}

fn with_functions<T>(
    keys: Keys,
    act: impl AsyncFnOnce(&serve::Functions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let settings = keys.resolve()?;
    let folder = DataFolder::open(&settings.data)?;
    // Where one process decides what may be written, this one may only do it while that one does not run.
    let alone = settings
        .bucket
        .as_ref()
        .is_some_and(S3Settings::single_writer);
    let _lock = alone.then(|| folder.lock()).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let functions = serve::functions(&settings, &folder, None).await?;
        act(&functions).await
    })
}

#[allow(clippy::print_stdout, reason = "the command's result")]
fn say(line: &str) {
    println!("{line}");
}
