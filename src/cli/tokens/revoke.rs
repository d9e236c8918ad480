//! `countersign tokens revoke`

use std::fmt::Write;

use clap::{ArgGroup, Args};

use super::place::Place;
use super::table::table;
use crate::cli::consumers::ask;
use crate::cli::sign::parse_consumer;
use crate::cli::{Failure, print};
use crate::consumers::ConsumerKey;
use crate::harmless::harmless;
use crate::tokens::{AccessToken, Selection, TokenId};

/// Arguments of `tokens revoke`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, group(ArgGroup::new("which").args(["id", "consumer", "user"]).required(true).multiple(true)))]
pub(super) struct Revoke {
    /// The number of a token, as `list` shows it
    id: Option<i64>,
    /// Those of this consumer
    #[arg(long, value_name = "KEY", value_parser = parse_consumer)]
    consumer: Option<ConsumerKey>,
    /// Those of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

impl Revoke {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut opened = self.place.open()?;
        let which = Selection { id: self.id.map(TokenId), consumer: self.consumer, user: self.user };
        let Some(mut file) = opened.file.take() else { return Err(none()) };
        if !self.yes {
            let found = file.list(&which).map_err(|fault| opened.failure(&fault))?;
            if found.is_empty() {
                return Err(none());
            }
            if !ask::confirmed(&question(&found))? {
                return Err(Failure::new("no token was revoked"));
            }
        }
        let revoked = file.revoke(&which).map_err(|fault| opened.failure(&fault))?;
        opened.record(&revoked);
        if revoked.is_empty() { Err(none()) } else { print(&told(&revoked)) }
    }
}

fn question(found: &[AccessToken]) -> String {
    let shown = &found[..found.len().min(SHOWN)];
    let more = if found.len() > shown.len() { format!("and {} more\n", found.len() - shown.len()) } else { String::new() };
    format!(
        "{}{more}Revoke {}?",
        table(shown),
        if found.len() == 1 { "this token".to_owned() } else { format!("these {} tokens", found.len()) }
    )
}

fn told(revoked: &[AccessToken]) -> String {
    revoked.iter().fold(String::new(), |mut told, token| {
        let (consumer, user) = (harmless(token.consumer.as_str()), harmless(&token.user));
        // Writing into a text cannot fail.
        let _ = writeln!(told, "revoked token {} of consumer {consumer} for user {user}", token.id);
        told
    })
}

fn none() -> Failure {
    Failure::new("there is no such token").hint("countersign tokens list shows all that can be used or renewed")
}

/// A screenful.
const SHOWN: usize = 20;

const AFTER_HELP: &str = "\
Examples:
  countersign tokens revoke 17
  countersign tokens revoke --consumer reports --user ada --yes

All that is given has to hold for a token. A running gateway refuses what is revoked within a second.";
