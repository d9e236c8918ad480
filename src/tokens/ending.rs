//! How tokens end before their time: with their consumer.

use std::collections::HashSet;

use rusqlite::params;

use super::database::{Writing, seconds};
use super::follow::consumer;
use super::problem::StoreFault;
use crate::consumers::ConsumerKey;
use crate::oauth::timestamp::Timestamp;

/// See [`TokenStore::purge`](super::TokenStore::purge). Request tokens first, so that none becomes an access token meanwhile.
pub(super) fn purge(writing: &Writing<'_>, consumer: &str, now: Timestamp) -> Result<(), StoreFault> {
    let values = params![seconds(now), writing.change()?, consumer];
    writing
        .execute("UPDATE temporary_credentials SET forgotten = ?, change = ? WHERE consumer = ? AND forgotten IS NULL", values)?;
    writing.execute("UPDATE access_token SET forgotten = ?, change = ? WHERE consumer = ? AND forgotten IS NULL", values)?;
    writing.execute("DELETE FROM absent_consumer WHERE consumer = ?", [consumer])?;
    Ok(())
}

/// See [`TokenStore::note_consumers`](super::TokenStore::note_consumers). Gives those whose tokens were purged.
pub(super) fn note_consumers(
    writing: &Writing<'_>,
    listed: &HashSet<ConsumerKey>,
    now: Timestamp,
) -> Result<Vec<ConsumerKey>, StoreFault> {
    for known in texts(writing, "SELECT consumer FROM absent_consumer")? {
        if listed.contains(known.as_str()) {
            writing.execute("DELETE FROM absent_consumer WHERE consumer = ?", [&known])?;
        }
    }
    for with_tokens in texts(writing, CONSUMERS_WITH_TOKENS)? {
        if !listed.contains(with_tokens.as_str()) {
            let values = params![with_tokens, seconds(now)];
            writing.execute("INSERT OR IGNORE INTO absent_consumer (consumer, since) VALUES (?, ?)", values)?;
        }
    }
    let long_ago = seconds(now).saturating_sub(ABSENT_FOR);
    let gone = texts(writing, &format!("SELECT consumer FROM absent_consumer WHERE since <= {long_ago}"))?;
    gone.iter().try_for_each(|consumer| purge(writing, consumer, now))?;
    gone.into_iter().map(consumer).collect()
}

fn texts(writing: &Writing<'_>, query: &str) -> Result<Vec<String>, StoreFault> {
    let mut statement = writing.prepare(query)?;
    let texts = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(texts)
}

/// A day: a slip of the hand in the file is found out by then. In seconds.
pub(super) const ABSENT_FOR: i64 = 24 * 60 * 60;

/// From one key to the next by the index, so that a million tokens of ten consumers take ten steps.
const CONSUMERS_WITH_TOKENS: &str = "
WITH RECURSIVE
    of_access (consumer) AS (
        SELECT min(consumer) FROM access_token WHERE forgotten IS NULL
        UNION ALL
        SELECT (SELECT min(consumer) FROM access_token WHERE forgotten IS NULL AND consumer > of_access.consumer)
        FROM of_access WHERE of_access.consumer IS NOT NULL
    ),
    of_temporary (consumer) AS (
        SELECT min(consumer) FROM temporary_credentials WHERE forgotten IS NULL
        UNION ALL
        SELECT (SELECT min(consumer) FROM temporary_credentials WHERE forgotten IS NULL AND consumer > of_temporary.consumer)
        FROM of_temporary WHERE of_temporary.consumer IS NOT NULL
    )
SELECT consumer FROM of_access WHERE consumer IS NOT NULL
UNION SELECT consumer FROM of_temporary WHERE consumer IS NOT NULL";

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, key, problem};
    use super::super::problem::TokenProblem;
    use super::*;

    fn note(desk: &mut Desk, listed: &[&str]) -> Vec<ConsumerKey> {
        let listed = listed.iter().map(|text| key(text)).collect();
        problem(desk.operations.write(|writing, now| Ok(note_consumers(writing, &listed, now)?))).unwrap()
    }

    #[test]
    fn a_purged_consumer_has_no_tokens_and_gets_none_back() {
        let mut desk = Desk::new();
        let (given, other, waiting) = (desk.dance("a", "ada"), desk.dance("b", "ada"), desk.begin("a"));
        problem(desk.operations.write(|writing, now| Ok(purge(writing, "a", now)?))).unwrap();
        for desk in [&mut desk.another(), &mut desk] {
            assert_eq!(desk.access(given.issued.token.reveal(), "a").unwrap_err(), TokenProblem::Unknown);
            assert_eq!(desk.access(&waiting, "a").unwrap_err(), TokenProblem::Unknown);
            assert_eq!(desk.exchange(&waiting, "a", None).unwrap_err(), TokenProblem::Unknown);
            let handle = given.session_handle.reveal();
            assert_eq!(desk.renew(given.issued.token.reveal(), "a", Some(handle)).unwrap_err(), TokenProblem::Unknown);
            assert_eq!(desk.access(other.issued.token.reveal(), "b").unwrap(), other.token);
        }
        let new = desk.dance("a", "ada");
        assert!(new.token.id > other.token.id);
    }

    #[test]
    fn a_consumer_that_is_not_listed_for_a_day_loses_its_tokens() {
        let mut desk = Desk::new();
        let (given, waiting) = (desk.dance("a", "ada"), desk.begin("c"));
        assert!(note(&mut desk, &["b"]).is_empty());
        desk.clock.advance(ABSENT_FOR.unsigned_abs() - 1);
        assert!(note(&mut desk, &["b"]).is_empty());
        let again = desk.dance("a", "ada");
        assert_eq!(desk.access(again.issued.token.reveal(), "a").unwrap(), again.token);
        desk.clock.advance(1);
        assert_eq!(note(&mut desk, &["b"]), [key("a"), key("c")]);
        for token in [given.issued.token.reveal(), again.issued.token.reveal(), &waiting] {
            assert_eq!(desk.access(token, "a").unwrap_err(), TokenProblem::Unknown);
        }
        assert!(note(&mut desk, &["a", "b"]).is_empty());
        assert_eq!(desk.access(given.issued.token.reveal(), "a").unwrap_err(), TokenProblem::Unknown);
    }

    #[test]
    fn a_consumer_that_is_listed_again_before_that_keeps_them_and_has_a_whole_day_once_more() {
        let mut desk = Desk::new();
        let given = desk.dance("a", "ada");
        for listed in [&[][..], &["a"], &[]] {
            assert!(note(&mut desk, listed).is_empty());
            desk.clock.advance(ABSENT_FOR.unsigned_abs() - 1);
        }
        assert!(note(&mut desk, &[]).is_empty());
        assert!(desk.index.live(given.token.id).is_some());
        desk.clock.advance(1);
        assert_eq!(note(&mut desk, &[]), [key("a")]);
        assert!(desk.index.live(given.token.id).is_none());
    }
}
