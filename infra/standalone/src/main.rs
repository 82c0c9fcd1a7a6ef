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
        /// What the token opens, `notes:rw` or `*:rw`; several are separated by blanks.
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
    /// Makes an account; the password is read from standard input.
    Add {
        /// The account's name.
        #[arg(value_name = "NAME")]
        account: String,
        /// May manage the installation.
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Gives an account another password, read from standard input, and ends all its sessions.
    Password(Named),
    /// Closes an account: nobody signs in, no token opens anything, no mail is taken. What it stored stays.
    Disable(Named),
    /// Opens an account that was disabled, with the tokens that it had.
    Enable(Named),
    /// Removes an account for good, with all that it stored. Its name stays taken, so that nobody inherits its mail.
    Remove {
        #[command(flatten)]
        named: Named,
        /// Says that you mean it: there is no way back.
        #[arg(long)]
        yes: bool,
        /// Leaves what is in a bucket of the account's own.
        #[arg(long)]
        leave_bucket: bool,
    },
    /// Moves an account's documents to a bucket, or back; works while the server runs, and goes on where it was
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

/// An account, and where it is.
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

/// Prints the one sentence that says why a command did not work.
#[allow(clippy::print_stderr, reason = "a command's own voice")]
fn complain(error: &anyhow::Error) {
    eprintln!("subspace: {error:#}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
