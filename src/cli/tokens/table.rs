//! Tokens as a person reads them.

use crate::cli::consumers::words::{harmless, width};
use crate::oauth::timestamp::Timestamp;
use crate::tokens::AccessToken;

/// A line for each, below a line of headings.
pub(super) fn table(tokens: &[AccessToken]) -> String {
    let rows: Vec<[String; COLUMNS]> = std::iter::once(HEAD.map(str::to_owned)).chain(tokens.iter().map(row)).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0));
    let cell = |row: &[String; COLUMNS], at: usize| format!("{}{}", row[at], " ".repeat(widths[at] - width(&row[at])));
    let line = |row| (0..COLUMNS).map(|at| cell(row, at)).collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n";
    rows.iter().map(line).collect()
}

/// A moment in UTC.
pub(super) fn moment(time: Timestamp) -> String {
    let known = i64::try_from(time.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    known.map_or_else(|| "never".to_owned(), |moment| moment.to_string())
}

fn row(token: &AccessToken) -> [String; COLUMNS] {
    [
        token.id.to_string(),
        harmless(token.consumer.as_str()),
        harmless(&token.user),
        moment(token.issued),
        moment(token.expires),
        moment(token.session_expires),
    ]
}

const COLUMNS: usize = HEAD.len();
const HEAD: [&str; 6] = ["ID", "CONSUMER", "USER", "ISSUED", "EXPIRES", "RENEWABLE UNTIL"];
