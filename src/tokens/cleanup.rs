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

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, LIFETIMES, problem};
    use super::super::problem::TokenProblem;
    use super::super::{model::Selection, revocation};
    use super::*;

    /// Rows of both kinds of tokens, forgotten or not.
    fn rows(desk: &mut Desk) -> (i64, i64) {
        let count = "SELECT (SELECT count(*) FROM temporary_credentials), (SELECT count(*) FROM access_token)";
        problem(desk.operations.write(|writing, _| Ok(writing.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))?)))
            .unwrap()
    }

    fn pass(desk: &mut Desk, seconds: i64) {
        desk.clock.advance(seconds.unsigned_abs());
        desk.clean_up();
    }

    #[test]
    fn a_request_token_is_remembered_for_a_day_after_its_end_then_forgotten_then_deleted() {
        let mut desk = Desk::new();
        let token = desk.begin("a");
        pass(&mut desk, 600 + TEMPORARY_KEPT_FOR - 1);
        assert_eq!(desk.exchange(&token, "a", None).unwrap_err(), TokenProblem::Expired);
        pass(&mut desk, 1);
        assert_eq!(desk.exchange(&token, "a", None).unwrap_err(), TokenProblem::Unknown);
        assert_eq!(desk.access(&token, "a").unwrap_err(), TokenProblem::Unknown);
        assert_eq!((desk.index.known(), rows(&mut desk)), (0, (1, 0)));
        pass(&mut desk, FORGOTTEN_KEPT_FOR);
        assert_eq!(rows(&mut desk), (0, 0));
    }

    #[test]
    fn how_a_token_ended_is_remembered_for_thirty_days() {
        let mut desk = Desk::new();
        let (over, revoked, renewed) = (desk.dance("a", "ada"), desk.dance("a", "bob"), desk.dance("a", "eve"));
        desk.clock.advance(LIFETIMES.session.as_secs() - 1);
        desk.clean_up();
        assert_eq!(desk.index.len(), 3);
        let bob = Selection { user: Some("bob".to_owned()), ..Selection::default() };
        problem(desk.operations.write(|writing, now| Ok(revocation::revoke(writing, &bob, now)?))).unwrap();
        let new = desk.renew(renewed.issued.token.reveal(), "a", Some(renewed.session_handle.reveal())).unwrap();
        pass(&mut desk, 1);
        assert_eq!(desk.index.len(), 1);
        let says =
            |desk: &Desk, given: &super::super::TokenCredentials| desk.access(given.issued.token.reveal(), "a").unwrap_err();
        pass(&mut desk, ENDED_KEPT_FOR - 2);
        let ends = [(&over, TokenProblem::Expired), (&revoked, TokenProblem::Revoked), (&renewed, TokenProblem::Renewed)];
        for (given, problem) in &ends {
            assert_eq!(says(&desk, given), *problem);
        }
        pass(&mut desk, 2);
        for (given, _) in &ends {
            assert_eq!(says(&desk, given), TokenProblem::Unknown);
        }
        assert_eq!(says(&desk, &new), TokenProblem::Expired);
        pass(&mut desk, FORGOTTEN_KEPT_FOR);
        assert_eq!(rows(&mut desk).1, 1);
    }

    #[test]
    fn much_is_cleaned_up_piece_by_piece() {
        let mut desk = Desk::new();
        let many = i64::try_from(PIECE).unwrap() * 2 + 1;
        let filled = desk.operations.write(|writing, now| {
            let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                INSERT INTO temporary_credentials (token, consumer, revision, expires, state, change)
                SELECT randomblob(32), 'a', '1.0a', ?2, 'undecided', ?3 FROM n";
            Ok(writing.execute(fill, rusqlite::params![many, seconds(now), writing.change()?])?)
        });
        problem(filled).unwrap();
        assert!(!desk.operations.clean_up().unwrap(), "not yet");
        desk.clock.advance(TEMPORARY_KEPT_FOR.unsigned_abs());
        let pieces: Vec<_> = (0..3).map(|_| (desk.operations.clean_up().unwrap(), desk.index.known())).collect();
        assert_eq!(pieces, [(true, PIECE + 1), (true, 1), (false, 0)]);
        assert_eq!(desk.another().index.known(), 0);
    }
}
