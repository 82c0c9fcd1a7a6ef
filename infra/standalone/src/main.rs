//! `subspace`: everything in one process, and the admin commands.

mod admin;
mod data;
#[cfg(test)]
mod generated;
mod irc;
mod keys;
mod mail;
mod options;
mod password;
mod relocate;
mod router;
mod serve;
mod settings;
mod shares;
mod statics;
mod turn;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::settings::Flags;

/// Team chat on open protocols: web client, storage, gateway and IRC server in one process.
#[derive(Debug, Parser)]
#[command(name = "subspace", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts everything and serves until SIGTERM or SIGINT.
    Serve(Flags),
    /// Manages accounts; works while the server runs.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Prints one bearer token for an account's storage; works while the server runs.
    Token {
        /// The account's name.
        #[arg(value_name = "NAME")]
        account: String,
        /// The token's scopes, `notes:rw` or `*:rw`; several are separated by blanks.
        #[arg(long)]
        scope: String,
        /// Label in the list of grants.
        #[arg(long, default_value = "command line")]
        label: String,
        #[command(flatten)]
        flags: Flags,
    },
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Creates an account; the password is read from standard input.
    Add {
        /// The account's name.
        #[arg(value_name = "NAME")]
        account: String,
        /// May administer the installation.
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Sets an account's password, read from standard input, and ends all its sessions.
    Password(Named),
    /// Disables an account: nobody can sign in, none of its tokens work, its addresses accept no mail. Its data stays.
    Disable(Named),
    /// Enables a disabled account, with its existing tokens.
    Enable(Named),
    /// Removes an account permanently, with all its data. Its name stays taken, so that nobody inherits its mail.
    Remove {
        #[command(flatten)]
        named: Named,
        /// Confirms the removal, which cannot be undone.
        #[arg(long)]
        yes: bool,
        /// Leaves the content of the account's own buckets.
        #[arg(long)]
        leave_bucket: bool,
    },
    /// Moves an account's documents to a bucket, or back; works while the server runs, and resumes where it was
    /// interrupted. The bucket is named by SUBSPACE_TO_S3_BUCKET, _REGION, _ENDPOINT, _PREFIX, _PATH_STYLE,
    /// _ACCESS_KEY_ID and _SECRET_ACCESS_KEY (or _SECRET_ACCESS_KEY_FILE).
    Move {
        /// The account's name.
        #[arg(value_name = "NAME")]
        account: String,
        #[command(flatten)]
        wanted: relocate::Wanted,
        #[command(flatten)]
        flags: Flags,
    },
}

/// An account, and the data folder's flags.
#[derive(Debug, Args)]
struct Named {
    /// The account's name.
    #[arg(value_name = "NAME")]
    account: String,
    #[command(flatten)]
    flags: Flags,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(flags) => serve::run(flags),
        Command::Account(AccountCommand::Add {
            account,
            admin,
            flags,
        }) => admin::add_account(&account, admin, flags),
        Command::Account(AccountCommand::Password(named)) => {
            admin::set_password(&named.account, named.flags)
        }
        Command::Account(AccountCommand::Disable(named)) => {
            admin::disable_account(&named.account, named.flags)
        }
        Command::Account(AccountCommand::Enable(named)) => {
            admin::enable_account(&named.account, named.flags)
        }
        Command::Account(AccountCommand::Remove {
            named,
            yes,
            leave_bucket,
        }) => admin::remove_account(&named.account, yes, leave_bucket, named.flags),
        Command::Account(AccountCommand::Move {
            account,
            wanted,
            flags,
        }) => admin::move_account(&account, &wanted, flags),
        Command::Token {
            account,
            scope,
            label,
            flags,
        } => admin::print_token(&account, &scope, &label, flags),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints the one sentence about why a command failed.
#[allow(clippy::print_stderr, reason = "a command's own voice")]
fn complain(error: &anyhow::Error) {
    eprintln!("subspace: {}", program::sentence(error));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
