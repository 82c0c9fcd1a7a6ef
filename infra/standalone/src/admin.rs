//! Commands that work on the data folder, even while the server runs.

use anyhow::bail;
use protocol::{AccountName, Scopes};
use storage_s3::S3Settings;

use crate::data::DataFolder;
use crate::password;
use crate::relocate::{self, Wanted};
use crate::router::Functions;
use crate::serve;
use crate::settings::{self, Flags, Settings};

/// Creates an account with a password from standard input.
///
/// # Errors
/// One sentence: a bad name or password, or a name that is taken.
pub(crate) fn add_account(name: &str, admin: bool, flags: Flags) -> anyhow::Result<()> {
    let settings = settings::read(flags)?;
    // An installation may start with its accounts.
    let folder = DataFolder::open(&settings.options.data)?;
    let password = password::read()?;
    within(&settings, &folder, async |functions| {
        functions
            .identity()
            .create_account(name, &password, admin)
            .await
            .map_err(anyhow::Error::from)
    })?;
    say(&format!("account {name} was created"));
    Ok(())
}

/// Sets an account's password, read from standard input.
///
/// # Errors
/// One sentence: no such account, or a bad password.
pub(crate) fn set_password(name: &str, flags: Flags) -> anyhow::Result<()> {
    let account: AccountName = name.parse()?;
    let (settings, folder) = existing(flags)?;
    let password = password::read()?;
    within(&settings, &folder, async |functions| {
        let changed = functions.identity().set_password(&account, &password).await;
        changed.map_err(anyhow::Error::from)
    })?;
    say(&format!(
        "account {account} has a new password, and its sessions have ended"
    ));
    Ok(())
}

/// Disables an account.
///
/// # Errors
/// One sentence: no such account, or the only admin.
pub(crate) fn disable_account(name: &str, flags: Flags) -> anyhow::Result<()> {
    let account: AccountName = name.parse()?;
    with_functions(flags, async |functions| {
        let closed = functions.identity().disable_account(&account).await;
        closed.map_err(anyhow::Error::from)
    })?;
    say(&format!(
        "account {account} is disabled; `subspace account enable {account}` enables it"
    ));
    Ok(())
}

/// Enables an account that was disabled.
///
/// # Errors
/// One sentence: no such account.
pub(crate) fn enable_account(name: &str, flags: Flags) -> anyhow::Result<()> {
    let account: AccountName = name.parse()?;
    with_functions(flags, async |functions| {
        let opened = functions.identity().enable_account(&account).await;
        opened.map_err(anyhow::Error::from)
    })?;
    say(&format!("account {account} is enabled"));
    Ok(())
}

/// Removes an account and all its data.
///
/// # Errors
/// One sentence: no such account, the only admin, or what could not be removed; repeating it resumes.
pub(crate) fn remove_account(
    name: &str,
    yes: bool,
    leave_bucket: bool,
    flags: Flags,
) -> anyhow::Result<()> {
    let account: AccountName = name.parse()?;
    if !yes {
        bail!(
            "this permanently removes account {account} with all its data; add `--yes` to confirm"
        );
    }
    let removed = with_functions(flags, async |functions| {
        let removed = functions
            .lifecycle()
            .remove_account(&account, leave_bucket)
            .await?;
        let store = functions.storage().store();
        store
            .remove_empty_folders(&format!("accounts/{account}/"))
            .await?;
        Ok(removed)
    })?;
    say(&format!(
        "account {account} was removed: {} objects here, {} in its own buckets. Its name stays taken",
        removed.objects, removed.in_buckets
    ));
    Ok(())
}

/// Prints a token for an account's storage.
///
/// # Errors
/// One sentence: a bad scope, or no such account.
pub(crate) fn print_token(
    name: &str,
    scope: &str,
    client: &str,
    flags: Flags,
) -> anyhow::Result<()> {
    let name: AccountName = name.parse()?;
    let scopes: Scopes = scope.parse()?;
    let token = with_functions(flags, async |functions| {
        functions
            .identity()
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
/// One sentence; repeating the command resumes.
pub(crate) fn move_account(name: &str, wanted: &Wanted, flags: Flags) -> anyhow::Result<()> {
    with_functions(flags, async |functions| {
        relocate::run(functions, name, wanted, say).await
    })
}

fn with_functions<T>(
    flags: Flags,
    act: impl AsyncFnOnce(&Functions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (settings, folder) = existing(flags)?;
    within(&settings, &folder, act)
}

/// The existing accounts; a folder created here would be a separate, empty installation.
fn existing(flags: Flags) -> anyhow::Result<(Settings, DataFolder)> {
    let settings = settings::read(flags)?;
    let folder = DataFolder::existing(&settings.options.data)?;
    Ok((settings, folder))
}

fn within<T>(
    settings: &Settings,
    folder: &DataFolder,
    act: impl AsyncFnOnce(&Functions) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // If the server process decides what may be written, this process must only do so while the server is stopped.
    let alone = settings
        .bucket
        .as_ref()
        .is_some_and(S3Settings::single_writer);
    let _lock = alone.then(|| folder.lock()).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let functions = serve::functions(settings, folder, None).await?;
        act(&functions).await
    })
}

#[allow(clippy::print_stdout, reason = "the command's result")]
fn say(line: &str) {
    println!("{line}");
}
