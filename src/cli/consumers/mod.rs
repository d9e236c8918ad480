//! `countersign consumers`: the list, from the command line; one file per subcommand.

mod import;
mod place;
mod words;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::print;

/// Look at the consumers, and change them
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign consumers import https://jira.example.com")]
pub(super) struct Consumers {
    #[command(subcommand)]
    command: Command,
}

/// One variant per subcommand.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show the consumer that an application publishes, as Jira and Confluence do
    Import(Box<import::Import>),
}

impl Consumers {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Import(command) => command.run(),
        }
    }
}
