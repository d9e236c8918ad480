//! What is over is forgotten after some time, and deleted when everybody has noticed; in pieces, so that nobody waits for it long.

use rusqlite::named_params;

use super::database::{Writing, seconds};
use super::problem::StoreFault;
use crate::oauth::timestamp::Timestamp;

/// One piece of the work; gives whether there may be more of it.
pub(super) fn piece(writing: &Writing<'_>, now: Timestamp) -> Result<bool, StoreFault> {
    let now = seconds(now);
    let mut is_more = false;
    for (statement, kept_for) in STEPS {
        // A step that finds nothing writes nothing.
        let until = now.saturating_sub(kept_for);
        let is_due = format!("SELECT EXISTS ({})", statement.due);
        if !writing.query_row(&is_due, named_params! { ":until": until }, |row| row.get(0))? {
            continue;
        }
        let then = format!("{} IN ({} LIMIT {PIECE})", statement.then, statement.due);
        let mut prepared = writing.prepare(&then)?;
        let values = [(":until", until), (":now", now), (":change", writing.change()?)];
        for (name, value) in values {
            if let Some(at) = prepared.parameter_index(name)? {
                prepared.raw_bind_parameter(at, value)?;
            }
        }
        is_more |= prepared.raw_execute()? == PIECE;
    }
    Ok(is_more)
}

/// Which rows are due, by their key, and what becomes of them.
struct Step {
    due: &'static str,
    then: &'static str,
}

/// Rows in a transaction: some milliseconds.
const PIECE: usize = 1000;

/// A refusal says for a day that a request token was used or has expired: clients that are looked into are looked into soon.
pub(super) const TEMPORARY_KEPT_FOR: i64 = 24 * 60 * 60;

/// A refusal says for thirty days that a token was revoked, renewed or expired: the applications that use one once a month are told.
pub(super) const ENDED_KEPT_FOR: i64 = 30 * 24 * 60 * 60;

/// Other processes look for changes several times a second; one that stood still for an hour starts anew.
pub(super) const FORGOTTEN_KEPT_FOR: i64 = 60 * 60;

/// With how long ago, in seconds, what makes them due has to be.
const STEPS: [(Step, i64); 5] = [
    (
        Step {
            due: "SELECT id FROM access_token WHERE state = 'live' AND forgotten IS NULL AND session_expires <= :until",
            then: "UPDATE access_token SET state = 'over', ended = session_expires, change = :change WHERE id",
        },
        0,
    ),
    (
        Step {
            due: "SELECT id FROM access_token WHERE ended IS NOT NULL AND forgotten IS NULL AND ended <= :until",
            then: "UPDATE access_token SET forgotten = :now, change = :change WHERE id",
        },
        ENDED_KEPT_FOR,
    ),
    (
        Step {
            due: "SELECT token FROM temporary_credentials WHERE forgotten IS NULL AND expires <= :until",
            then: "UPDATE temporary_credentials SET forgotten = :now, change = :change WHERE token",
        },
        TEMPORARY_KEPT_FOR,
    ),
    (
        Step {
            due: "SELECT id FROM access_token WHERE forgotten IS NOT NULL AND forgotten <= :until",
            then: "DELETE FROM access_token WHERE id",
        },
        FORGOTTEN_KEPT_FOR,
    ),
    (
        Step {
            due: "SELECT token FROM temporary_credentials WHERE forgotten IS NOT NULL AND forgotten <= :until",
            then: "DELETE FROM temporary_credentials WHERE token",
        },
        FORGOTTEN_KEPT_FOR,
    ),
];
