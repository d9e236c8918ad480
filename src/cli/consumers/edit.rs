//! `countersign consumers edit KEY`

use clap::Args;

use super::keys::KeyReader;
use super::outcome;
use super::place::Place;
use super::settings::{Settings, TakeOut};
use crate::cli::failure::Failure;
use crate::consumers::edit::{Change, Revision};
use crate::observe::Subject;

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
        let mut keys = KeyReader::new(opened.policy().min_key_bits);
        let refused = |why| opened.refused(ACTION, Subject::Consumer(&self.consumer), why);
        let mut change = Change { key: self.key.clone(), ..self.settings.change(&mut keys).map_err(refused)? };
        self.take_out.apply_to(&mut change);
        if change == Change::default() {
            return Err(Failure::new("no option says what to change").hint("countersign consumers edit --help lists them"));
        }
        let written =
            opened.change(ACTION, &self.consumer, |editor| editor.edit(&self.consumer, &change, self.revision.as_ref()))?;
        outcome::show("changed", &written, keys.said(), self.json)
    }
}

/// `--revision`
pub(super) fn parse_revision(text: &str) -> Result<Revision, String> {
    text.parse().map_err(|_| "a revision is 32 hexadecimal digits".to_owned())
}

/// In the audit log.
const ACTION: &str = "edit_consumer";

const AFTER_HELP: &str = "\
Examples:
  countersign consumers edit reports --disabled
  countersign consumers edit reports --public-key old.pub --public-key new.pub
  countersign consumers edit reports --no-callback-url --rate-limit 100/1s";
