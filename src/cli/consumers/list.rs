//! `countersign consumers list`

use clap::Args;

use super::place::{Place, failure};
use super::view;
use super::words::harmless;
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::consumers::edit::Entry;

/// Arguments of `consumers list`.
#[derive(Debug, Args)]
#[command(after_help = "Example: countersign consumers list --consumers consumers.yaml")]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let listing = self.place.open()?.editor().list().map_err(failure)?;
        if self.json {
            let entries: Vec<_> = listing.entries.iter().map(view::json).collect();
            return print(&format!("{:#}\n", serde_json::json!(entries)));
        }
        listing.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        if listing.entries.is_empty() {
            eprintln!("there are no consumers");
            return Ok(());
        }
        print(&table(&listing.entries))
    }
}

fn table(entries: &[Entry]) -> String {
    let rows: Vec<[String; COLUMNS]> = std::iter::once(HEAD.map(str::to_owned)).chain(entries.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(entry: &Entry) -> [String; COLUMNS] {
    let consumer = &entry.consumer;
    let expires = view::expires(entry);
    let fingerprints: Vec<String> = view::fingerprints(consumer).iter().map(|text| text[..SHORT].to_owned()).collect();
    [
        harmless(&entry.key),
        harmless(&consumer.name),
        view::state(consumer).to_owned(),
        view::bits(consumer),
        view::methods(consumer),
        fingerprints.join(","),
        if expires.is_empty() { "never".to_owned() } else { expires.to_owned() },
        view::place(entry),
    ]
}

const COLUMNS: usize = HEAD.len();
const HEAD: [&str; 8] = ["KEY", "NAME", "STATE", "BITS", "METHODS", "FINGERPRINT", "EXPIRES", "WHERE"];
/// Sixteen digits of a fingerprint tell keys apart; `show` has all of them.
const SHORT: usize = 16;
