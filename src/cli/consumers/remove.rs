//! `countersign consumers remove KEY`

use clap::Args;

use super::edit::parse_revision;
use super::place::{Place, failure};
use super::words::harmless;
use super::{ask, outcome, view};
use crate::cli::failure::Failure;
use crate::consumers::edit::{Entry, Revision};

/// Arguments of `consumers remove`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: countersign consumers remove reports --yes\n\nThe tokens that users gave it end with it, for good."
)]
pub(super) struct Remove {
    /// The consumer key
    consumer: String,
    #[command(flatten)]
    place: Place,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Only if the file is still at this revision, as `list --json` shows it
    #[arg(long, value_parser = parse_revision)]
    revision: Option<Revision>,
    /// Print what was done as a JSON object
    #[arg(long)]
    json: bool,
}

impl Remove {
    pub(super) fn run(self) -> Result<(), Failure> {
        let opened = self.place.open()?;
        let mut revision = self.revision;
        if !self.yes {
            let entry = opened.editor().find(&self.consumer).map_err(failure)?;
            if !ask::confirmed(&question(&entry))? {
                return Err(Failure::new("nothing was removed"));
            }
            // What was shown is what is removed.
            revision = revision.or(Some(entry.revision));
        }
        let (written, tokens) = opened.remove(&self.consumer, revision.as_ref())?;
        if let Some(sentence) = tokens.sentence() {
            eprintln!("note: {sentence}");
        }
        outcome::show("removed", &written, &[], self.json)
    }
}

fn question(entry: &Entry) -> String {
    format!(
        "Remove consumer {} ({}) in {}, SHA-256 fingerprint {}?",
        harmless(&entry.key),
        harmless(&entry.consumer.name),
        view::place(entry),
        view::fingerprints(&entry.consumer).join(" and "),
    )
}
