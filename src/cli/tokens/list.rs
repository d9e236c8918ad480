//! `countersign tokens list`

use clap::Args;
use serde_json::json;

use super::place::Place;
use super::table::{moment, table};
use crate::cli::sign::parse_consumer;
use crate::cli::{Failure, print};
use crate::consumers::ConsumerKey;
use crate::tokens::{AccessToken, Selection};

/// Arguments of `tokens list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign tokens list --consumer reports --json")]
pub(super) struct List {
    /// Only those of this consumer
    #[arg(long, value_name = "KEY", value_parser = parse_consumer)]
    consumer: Option<ConsumerKey>,
    /// Only those of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opened = self.place.open()?;
        let which = Selection { id: None, consumer: self.consumer, user: self.user };
        let listed = opened.file.as_ref().map_or(Ok(Vec::new()), |file| file.list(&which));
        let tokens = listed.map_err(|fault| opened.failure(&fault))?;
        if self.json {
            return print(&format!("{:#}\n", json!(tokens.iter().map(as_json).collect::<Vec<_>>())));
        }
        if tokens.is_empty() {
            eprintln!("there are no such tokens");
            return Ok(());
        }
        print(&table(&tokens))
    }
}

fn as_json(token: &AccessToken) -> serde_json::Value {
    json!({
        "id": token.id.0,
        "consumer": token.consumer.as_str(),
        "user": &*token.user,
        "issued": moment(token.issued),
        "expires": moment(token.expires),
        "session_expires": moment(token.session_expires),
    })
}
