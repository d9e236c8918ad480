//! How tokens end before their time: taken back by a person, or with their consumer.

use std::collections::HashSet;

use rusqlite::{ToSql, params};

use super::database::{Database, Writing, seconds};
use super::follow::{access_token, consumer};
use super::model::{AccessToken, Selection};
use super::problem::StoreFault;
use crate::consumers::ConsumerKey;
use crate::oauth::timestamp::Timestamp;

/// See [`TokenStore::revoke`](super::TokenStore::revoke).
pub(super) fn revoke(writing: &Writing<'_>, which: &Selection, now: Timestamp) -> Result<Vec<AccessToken>, StoreFault> {
    let (conditions, wanted) = conditions(which);
    let (now, change) = (seconds(now), writing.change()?);
    let mut values: Vec<&dyn ToSql> = vec![&now, &change, &now];
    values.extend(wanted.iter().map(|value| value as &dyn ToSql));
    let update =
        format!("UPDATE access_token SET state = 'revoked', ended = ?, change = ? WHERE {LIVE}{conditions} RETURNING {COLUMNS}");
    let mut statement = writing.prepare(&update)?;
    let mut rows = statement.query(&*values)?;
    let mut revoked = Vec::new();
    while let Some(row) = rows.next()? {
        revoked.push(access_token(row, 0)?);
    }
    revoked.sort_by_key(|token| token.id);
    Ok(revoked)
}

/// Those that can be used or renewed, oldest first; for whoever has not all of them in memory.
pub(super) fn list(database: &Database, which: &Selection, now: Timestamp) -> Result<Vec<AccessToken>, StoreFault> {
    let (conditions, wanted) = conditions(which);
    let now = seconds(now);
    let mut values: Vec<&dyn ToSql> = vec![&now];
    values.extend(wanted.iter().map(|value| value as &dyn ToSql));
    let mut statement = database.prepare(&format!("SELECT {COLUMNS} FROM access_token WHERE {LIVE}{conditions} ORDER BY id"))?;
    let mut rows = statement.query(&*values)?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        listed.push(access_token(row, 0)?);
    }
    Ok(listed)
}

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

/// What of a selection is to be added to a WHERE clause, and its values.
fn conditions(which: &Selection) -> (String, Vec<rusqlite::types::Value>) {
    let mut conditions = String::new();
    let mut values: Vec<rusqlite::types::Value> = Vec::new();
    if let Some(id) = which.id {
        conditions.push_str(" AND id = ?");
        values.push(id.0.into());
    }
    if let Some(consumer) = &which.consumer {
        conditions.push_str(" AND consumer = ?");
        values.push(consumer.as_str().to_owned().into());
    }
    if let Some(user) = &which.user {
        conditions.push_str(" AND user = ?");
        values.push(user.clone().into());
    }
    (conditions, values)
}

/// A day: a slip of the hand in the file is found out by then. In seconds.
pub(super) const ABSENT_FOR: i64 = 24 * 60 * 60;

/// Can be used or renewed at a time.
const LIVE: &str = "state = 'live' AND forgotten IS NULL AND session_expires > ?";

const COLUMNS: &str = "id, consumer, user, issued, expires, session_expires";

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
