//! `countersign consumers edit KEY`

use clap::Args;

use super::outcome;
use super::place::Place;
use super::settings::{Settings, TakeOut};
use crate::cli::failure::Failure;
use crate::consumers::edit::{Change, Editor, Revision};

/// Arguments of `consumers edit`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Edit {
    /// The consumer key
    consumer: String,
    /// Refused: a consumer's key never changes
    #[arg(long, hide = true)]
    key: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    take_out: TakeOut,
    /// Only if the file is still at this revision, as `list --json` shows it
    #[arg(long, value_parser = parse_revision)]
    revision: Option<Revision>,
    /// Print what was done as a JSON object
    #[arg(long)]
    json: bool,
}

impl Edit {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opened = self.place.open()?;
        let mut change = Change { key: self.key.clone(), ..self.settings.change()? };
        self.take_out.apply_to(&mut change);
        if change == Change::default() {
            return Err(Failure::new("no option says what to change").hint("countersign consumers edit --help lists them"));
        }
        let edit = |editor: &Editor| editor.edit(&self.consumer, &change, self.revision.as_ref());
        let written = opened.change("edit_consumer", &self.consumer, edit)?;
        outcome::show("changed", &written, self.json)
    }
}

/// `--revision`
pub(super) fn parse_revision(text: &str) -> Result<Revision, String> {
    text.parse().map_err(|_| "a revision is 32 hexadecimal digits".to_owned())
}

const AFTER_HELP: &str = "\
Examples:
  countersign consumers edit reports --disabled
  countersign consumers edit reports --public-key old.pub --public-key new.pub
  countersign consumers edit reports --no-callback-url --rate-limit 100/1s";
