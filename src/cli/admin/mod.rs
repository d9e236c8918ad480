//! `countersign admin`: who may sign in to the administrator's pages, and which programs may use their API.

mod add_token;
mod add_user;
mod list;
mod place;
mod remove;
mod terminal;

use clap::{Args, Subcommand};

use super::Failure;

/// Say who may sign in to the administrator's pages, and which programs may use their API
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Admin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let a person sign in with a password, or give one a new password
    AddUser(add_user::AddUser),
    /// Make a token by which a program uses the API; it is shown once
    AddToken(add_token::AddToken),
    /// Show who may sign in, and which tokens there are
    List(list::List),
    /// Take out a user or a token; it is out at once
    Remove(remove::Remove),
}

impl Admin {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::AddUser(command) => command.run(),
            Command::AddToken(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Remove(command) => command.run(),
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  countersign admin add-user ada
  countersign admin add-token deploy
  countersign admin list";
