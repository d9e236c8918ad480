//! `countersign consumers add`

use clap::Args;

use super::place::Place;
use super::settings::Settings;
use super::{ask, outcome};
use crate::cli::failure::Failure;
use crate::consumers::edit::{Draft, Setting};

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
        let mut settings = self.settings.change()?;
        let key = self.key.map_or_else(|| ask::text("Consumer key: ", "--key"), Ok)?;
        if settings.name == Setting::Keep {
            settings.name = Setting::To(ask::text("Name, for people: ", "--name")?);
        }
        if settings.public_keys == Setting::Keep {
            settings.public_keys = Setting::To(vec![ask::public_key("--public-key")?]);
        }
        let draft = Draft { key, settings };
        let written = opened.change("add_consumer", &draft.key, |editor| editor.add(&draft))?;
        outcome::show("added", &written, self.json)
    }
}

const AFTER_HELP: &str = "\
Examples:
  countersign consumers add --key reports --name Reporting --public-key reports.pub
  countersign consumers add --consumers consumers.yaml      (asks for the rest)";
