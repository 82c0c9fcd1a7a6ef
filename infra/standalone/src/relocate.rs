//! `subspace account move`: moves an account's documents to another store.

use anyhow::{Context as _, bail};
use clap::Args;
use functions_core::{BucketSettings, NewStoreLocation};
use protocol::AccountName;

use crate::router::Functions;

/// The prefix of a destination's variables.
const VARIABLES: &str = "SUBSPACE_TO_S3_";
/// How often it reports progress, in milliseconds.
const STEP_MS: u64 = 10_000;

/// The destination, or what else to do.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Wanted {
    /// To `bucket` or back to `installation`; an interrupted move resumes.
    #[arg(long, value_name = "WHERE")]
    to: Option<String>,
    /// Resumes a move that was started.
    #[arg(long)]
    resume: bool,
    /// Cancels an unfinished move; the account stays where it is.
    #[arg(long)]
    cancel: bool,
    /// Permanently removes what an earlier move left in the old location.
    #[arg(long)]
    remove_old: bool,
}

/// Runs the command.
///
/// # Errors
/// One sentence; repeating the command resumes.
pub(crate) async fn run(
    functions: &Functions,
    name: &str,
    wanted: &Wanted,
    say: fn(&str),
) -> anyhow::Result<()> {
    let account: AccountName = name.parse()?;
    if wanted.cancel {
        functions.files().cancel_move(&account).await?;
        say(&format!("account {account} stays where it is"));
        return Ok(());
    }
    if wanted.remove_old {
        let removed = functions.files().remove_left(&account).await?;
        say(&format!(
            "{removed} objects of account {account} are removed at the old place"
        ));
        return Ok(());
    }
    if let Some(to) = &wanted.to
        && !functions.files().is_being_moved(&account).await?
    {
        let to = match to.as_str() {
            "installation" => NewStoreLocation::Installation,
            "bucket" => NewStoreLocation::Bucket(destination(|name| std::env::var(name).ok())?),
            other => bail!("--to: found \"{other}\", expected bucket or installation"),
        };
        functions.files().begin_move(&account, to).await?;
    }
    loop {
        let report = functions.files().move_on(&account, Some(STEP_MS)).await?;
        if report.done {
            say(&format!(
                "account {account} was moved: {} documents compared, {} objects of {} bytes copied and read back. The data in \
                 the old location is still there; `subspace account move {account} --remove-old` removes it",
                report.documents, report.objects, report.bytes
            ));
            return Ok(());
        }
        say(&format!(
            "{} objects, {} bytes so far",
            report.objects, report.bytes
        ));
    }
}

/// Reads the destination; a secret can also be in a file named by the variable with the suffix `_FILE`.
fn destination(get: impl Fn(&str) -> Option<String>) -> anyhow::Result<BucketSettings> {
    let secret = format!("{VARIABLES}SECRET_ACCESS_KEY");
    let file = get(&format!("{secret}_FILE")).filter(|path| !path.is_empty());
    let text = match file {
        Some(path) => {
            let text = std::fs::read_to_string(&path);
            Some(text.with_context(|| format!("{secret}_FILE: {path} cannot be read"))?)
        }
        None => None,
    };
    let settings = BucketSettings::from_variables(VARIABLES, |name| {
        let from_file = text.as_ref().filter(|_| name == secret);
        from_file
            .map(|text| text.trim().to_owned())
            .or_else(|| get(name))
    })?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_comes_from_variables_and_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "from-a-file\n").unwrap();
        let get = |name: &str| match name.strip_prefix(VARIABLES)? {
            "BUCKET" => Some("mine".to_owned()),
            "ENDPOINT" => Some("http://127.0.0.1:1".to_owned()),
            "ACCESS_KEY_ID" => Some("AKID".to_owned()),
            "SECRET_ACCESS_KEY_FILE" => Some(path.display().to_string()),
            _ => None,
        };
        let settings = destination(get).unwrap();
        assert_eq!(settings.secret_access_key, "from-a-file");
        assert!(settings.trusted);
        let said = destination(|_| None).unwrap_err().to_string();
        assert_eq!(said, "SUBSPACE_TO_S3_BUCKET is not set");
    }
}
