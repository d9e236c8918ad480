//! `countersign tokens revoke`

use std::fmt::Write;

use clap::{ArgGroup, Args};
use serde_json::json;

use super::place::Place;
use super::table::table;
use crate::cli::consumers::ask;
use crate::cli::sign::parse_consumer;
use crate::cli::{Failure, print};
use crate::consumers::ConsumerKey;
use crate::harmless::harmless;
use crate::tokens::{Revoked, Selection, TokenId};

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
    /// Print how many were revoked as a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Revoke {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut opened = self.place.open()?;
        let which = Selection { id: self.id.map(TokenId), consumer: self.consumer, user: self.user };
        opened.check_audit()?;
        let Some(mut file) = opened.file.take() else { return told(&Revoked::default(), self.json) };
        if !self.yes {
            let found = file.list(&which).and_then(|tokens| Ok((tokens, file.waiting(&which)?)));
            let (tokens, request_tokens) = found.map_err(|fault| opened.failure(&fault))?;
            let found = Revoked { tokens, request_tokens };
            if found.is_empty() {
                return told(&found, self.json);
            }
            if !ask::confirmed(&question(&found))? {
                return Err(Failure::new("no token was revoked"));
            }
        }
        let revoked = file.revoke(&which).map_err(|fault| opened.failure(&fault))?;
        opened.record(&which, &revoked);
        told(&revoked, self.json)
    }
}

/// What was done. Nothing is a failure to scripts, too, and they are told the numbers beside it.
fn told(revoked: &Revoked, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let done = json!({ "revoked": revoked.tokens.len(), "request_tokens": revoked.request_tokens });
        print(&format!("{done}\n"))?;
    } else {
        print(&in_words(revoked))?;
    }
    if revoked.is_empty() { Err(none()) } else { Ok(()) }
}

fn question(found: &Revoked) -> String {
    let Revoked { tokens, request_tokens } = found;
    let shown = &tokens[..tokens.len().min(SHOWN)];
    let more = if tokens.len() > shown.len() { format!("and {} more\n", tokens.len() - shown.len()) } else { String::new() };
    let rows = if shown.is_empty() { String::new() } else { table(shown) };
    let these = match (tokens.len(), request_tokens) {
        (0, _) => begun(*request_tokens),
        (1, 0) => "this token".to_owned(),
        (1, _) => format!("this token and {}", begun(*request_tokens)),
        (number, 0) => format!("these {number} tokens"),
        (number, _) => format!("these {number} tokens and {}", begun(*request_tokens)),
    };
    format!("{rows}{more}Revoke {these}?")
}

fn in_words(revoked: &Revoked) -> String {
    let mut told = String::new();
    for token in &revoked.tokens {
        let (consumer, user) = (harmless(token.consumer.as_str()), harmless(&token.user));
        // Writing into a text cannot fail.
        let _ = writeln!(told, "revoked token {} of consumer {consumer} for user {user}", token.id);
    }
    if revoked.request_tokens > 0 {
        let _ = writeln!(told, "revoked {}", begun(revoked.request_tokens));
    }
    told
}

/// What could have become access tokens, in words.
fn begun(request_tokens: usize) -> String {
    let plural = if request_tokens == 1 { "" } else { "s" };
    format!("{request_tokens} request token{plural} that could still have become an access token")
}

fn none() -> Failure {
    Failure::new("there is no such token").hint("countersign tokens list shows all that can be used or renewed")
}

/// A screenful.
const SHOWN: usize = 20;

const AFTER_HELP: &str = "\
Examples:
  countersign tokens revoke 17
  countersign tokens revoke --consumer reports --user ada --yes --json

All that is given has to hold for a token. A running gateway refuses what is revoked within a second. With a consumer or a user
instead of a number, request tokens end too: those that the user has allowed, and all of the consumer's. With --json standard
output has one line: {\"request_tokens\":0,\"revoked\":2}.";
