//! `countersign consumers`: the list, from the command line; one file per subcommand.

mod add;
pub(super) mod ask;
mod edit;
mod import;
mod keys;
mod list;
mod outcome;
mod place;
mod remove;
mod settings;
mod show;
mod tokens;
mod view;
pub(super) mod words;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Look at the consumers, and change them
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Consumers {
    #[command(subcommand)]
    command: Command,
}

/// One variant per subcommand.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show all consumers, one a line
    List(list::List),
    /// Show everything about a consumer
    Show(show::Show),
    /// Add a consumer; asks on a terminal for what is missing
    Add(Box<add::Add>),
    /// Change a consumer's settings
    Edit(Box<edit::Edit>),
    /// Remove a consumer: its requests are refused from then on
    Remove(remove::Remove),
    /// Add an application that publishes its consumer key and public key, as Jira and Confluence do
    Import(Box<import::Import>),
}

impl Consumers {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Add(command) => command.run(),
            Command::Edit(command) => command.run(),
            Command::Remove(command) => command.run(),
            Command::Import(command) => command.run(),
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  countersign consumers list
  countersign consumers add --key reports --name Reporting --public-key reports.pub
  countersign consumers edit reports --disabled
  countersign consumers remove reports --yes
  countersign consumers import https://jira.example.com

A running gateway goes by the changed list within a second.";
