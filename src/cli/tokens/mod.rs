//! `countersign tokens`: the access tokens that users have given to consumers, with and without a running gateway.

mod list;
mod place;
mod revoke;
mod table;

use clap::{Args, Subcommand};

use super::Failure;

/// Show which consumers act for which users, and take that back
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Tokens {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the access tokens that can be used or renewed
    List(list::List),
    /// Take access tokens back; a running gateway refuses them within a second
    Revoke(revoke::Revoke),
}

impl Tokens {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List(command) => command.run(),
            Command::Revoke(command) => command.run(),
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  countersign tokens list --user ada
  countersign tokens revoke --consumer reports --user ada";
