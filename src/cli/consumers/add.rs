//! `countersign consumers add`

use clap::Args;

use super::keys::KeyReader;
use super::place::Place;
use super::settings::Settings;
use super::{ask, outcome};
use crate::cli::failure::Failure;
use crate::consumers::edit::{Draft, Setting};
use crate::observe::Subject;

/// Arguments of `consumers add`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Add {
    /// The consumer key, which the client sends as oauth_consumer_key
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    settings: Settings,
    /// Print what was done as a JSON object
    #[arg(long)]
    json: bool,
}

impl Add {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opened = self.place.open()?;
        let mut keys = KeyReader::new(opened.policy().min_key_bits);
        let key = self.key.map_or_else(|| ask::text("Consumer key: ", "--key"), Ok)?;
        let refused = |why| opened.refused(ACTION, Subject::Consumer(&key), why);
        let mut settings = self.settings.change(&mut keys).map_err(refused)?;
        if settings.name == Setting::Keep {
            settings.name = Setting::To(ask::text("Name, for people: ", "--name")?);
        }
        if settings.public_keys == Setting::Keep {
            let pasted = ask::public_key("--public-key")?;
            settings.public_keys = Setting::To(vec![keys.check(&pasted, "what was pasted").map_err(refused)?]);
        }
        let draft = Draft { key: key.clone(), settings };
        let written = opened.change(ACTION, &key, |editor| editor.add(&draft))?;
        outcome::show("added", &written, keys.said(), self.json)
    }
}

/// In the audit log.
const ACTION: &str = "add_consumer";

const AFTER_HELP: &str = "\
Examples:
  countersign consumers add --key reports --name Reporting --public-key reports.pub
  countersign consumers add --consumers consumers.yaml      (asks for the rest)";
