//! `countersign consumers list`

use clap::Args;

use super::place::{Place, failure};
use super::view;
use super::words::{harmless, width};
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::consumers::edit::Entry;

/// Arguments of `consumers list`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
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
        print(&table(&listing.entries, terminal_width()))
    }
}

/// Where it does not fit the terminal, columns are left out that `show` has too.
fn table(entries: &[Entry], room: Option<usize>) -> String {
    let rows: Vec<[String; COLUMNS]> = std::iter::once(HEAD.map(str::to_owned)).chain(entries.iter().map(row)).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0));
    let shown = that_fit(&widths, room.unwrap_or(usize::MAX));
    let cell = |row: &[String; COLUMNS], at: usize| format!("{}{}", row[at], " ".repeat(widths[at] - width(&row[at])));
    let line = |row| shown.iter().map(|at| cell(row, *at)).collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n";
    rows.iter().map(line).collect()
}

fn that_fit(widths: &[usize; COLUMNS], room: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..COLUMNS).collect();
    let total = |shown: &[usize]| shown.iter().map(|at| widths[*at] + GAP.len()).sum::<usize>() - GAP.len();
    for less in LEFT_OUT {
        if total(&shown) > room {
            shown.retain(|at| *at != less);
        }
    }
    shown
}

/// `None`: a file or a pipe, which has room for everything.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
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

const AFTER_HELP: &str = "\
Example: countersign consumers list --consumers consumers.yaml

Columns for which a terminal has no room are left out; --json and show have everything.";
const COLUMNS: usize = HEAD.len();
const HEAD: [&str; 8] = ["KEY", "NAME", "STATE", "BITS", "METHODS", "FINGERPRINT", "EXPIRES", "WHERE"];
/// The first to go first: where it stands, fingerprint, methods, bits.
const LEFT_OUT: [usize; 4] = [7, 5, 4, 3];
const GAP: &str = "  ";
/// Sixteen digits of a fingerprint tell keys apart; `show` has all of them.
const SHORT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_a_terminal_is_left_out_from_the_least_needed_on() {
        let widths = [20, 10, 8, 4, 8, 16, 10, 20];
        for (room, shown) in [
            (usize::MAX, &[0, 1, 2, 3, 4, 5, 6, 7][..]),
            (110, &[0, 1, 2, 3, 4, 5, 6, 7]),
            (109, &[0, 1, 2, 3, 4, 5, 6]),
            (80, &[0, 1, 2, 3, 4, 6]),
            (20, &[0, 1, 2, 6]),
        ] {
            assert_eq!(that_fit(&widths, room), shown, "{room}");
        }
    }
}
