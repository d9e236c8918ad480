//! `countersign admin add-token`

use clap::Args;
use serde_json::json;

use super::place::{Place, parse_name};
use crate::accounts::{ApiToken, TOKEN_PREFIX, UserName};
use crate::cli::{Failure, print};
use crate::observe::Subject;
use crate::secret::Secret;

/// Arguments of `admin add-token`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct AddToken {
    /// What the token is called in lists and in the audit log
    #[arg(value_parser = parse_name)]
    name: UserName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl AddToken {
    pub(super) fn run(self) -> Result<(), Failure> {
        let files = self.place.files()?;
        let random = |error| Failure::new(format!("cannot make a token: {error}"));
        let token = Secret::random_after(TOKEN_PREFIX).map_err(random)?;
        let created = jiff::Timestamp::now().round(jiff::Unit::Second).map_err(|error| Failure::new(error.to_string()))?;
        files.change("add_token", Subject::Token(self.name.as_str()), |users| {
            if users.has(&self.name) {
                return Err(Failure::new(format!("{} is there already", self.name))
                    .hint("take another name, or take that one out first: countersign admin remove"));
            }
            users.tokens.push(ApiToken { name: self.name.clone(), hash: token.hash(), created });
            Ok(())
        })?;
        if self.json {
            let object = json!({ "name": self.name.as_str(), "token": token.reveal(), "created": created.to_string() });
            return print(&format!("{object:#}\n"));
        }
        eprintln!("the token of {} is not kept and not shown again; send it as: Authorization: Bearer TOKEN", self.name);
        print(&format!("{}\n", token.reveal()))
    }
}

const AFTER_HELP: &str = "\
Example:
  countersign admin add-token deploy > deploy.token

The token alone goes to standard output. A running gateway knows it at once.";
