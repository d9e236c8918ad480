//! `countersign admin list`

use clap::Args;
use serde_json::json;

use super::place::Place;
use crate::accounts::Users;
use crate::cli::{Failure, print};

/// Arguments of `admin list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign admin list --json")]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let users = self.place.files()?.load()?;
        print(&if self.json { as_json(&users) } else { as_table(&users) })
    }
}

fn as_table(users: &Users) -> String {
    let people = users.users.iter().map(|user| ("user", user.name.as_str(), String::new()));
    let programs = users.tokens.iter().map(|token| ("token", token.name.as_str(), format!("made {}", token.created)));
    let rows: Vec<_> = people.chain(programs).collect();
    if rows.is_empty() {
        return "nobody may sign in; a gateway that starts now says by which link the first user comes in\n".to_owned();
    }
    let width = rows.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0);
    let line =
        |(kind, name, more): &(&str, &str, String)| format!("{kind:<5}  {name:<width$}  {more}").trim_end().to_owned() + "\n";
    rows.iter().map(line).collect()
}

fn as_json(users: &Users) -> String {
    let people: Vec<_> = users.users.iter().map(|user| json!({ "name": user.name.as_str() })).collect();
    let programs: Vec<_> =
        users.tokens.iter().map(|token| json!({ "name": token.name.as_str(), "created": token.created.to_string() })).collect();
    format!("{:#}\n", json!({ "users": people, "tokens": programs }))
}
