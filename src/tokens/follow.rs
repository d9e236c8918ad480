//! From the database into memory: what was changed since it was last looked at, by us or by another process, in one way.

use rusqlite::Row;

use super::database::{Database, timestamp};
use super::index::Index;
use super::model::{AccessToken, TokenId};
use super::problem::{StoreFault, TokenProblem};
use crate::consumers::ConsumerKey;
use crate::secret::SecretHash;

/// How far the memory has followed the database.
#[derive(Debug, Default)]
pub(super) struct Followed {
    change: i64,
}

impl Followed {
    /// Takes in everything that was changed since.
    ///
    /// # Errors
    /// If it can't be read; what was not taken in is the next time.
    pub(super) fn catch_up(&mut self, database: &Database, index: &Index) -> Result<(), StoreFault> {
        // One snapshot, so that no change is between its number and its rows.
        let snapshot = database.unchecked_transaction()?;
        let now: i64 = snapshot.query_row("SELECT number FROM change", [], |row| row.get(0))?;
        if now == self.change {
            return Ok(());
        }
        let mut changed = snapshot.prepare(CHANGED_TEMPORARY)?;
        let mut rows = changed.query([self.change])?;
        while let Some(row) = rows.next()? {
            take_temporary(row, index)?;
        }
        let mut changed = snapshot.prepare(if self.change == 0 { ALL_ACCESS } else { CHANGED_ACCESS })?;
        let mut rows = changed.query([self.change])?;
        while let Some(row) = rows.next()? {
            take_access(row, index)?;
        }
        self.change = now;
        Ok(())
    }
}

fn take_temporary(row: &Row<'_>, index: &Index) -> Result<(), StoreFault> {
    let hash = SecretHash::from_bytes(row.get(0)?);
    if row.get(1)? {
        index.forget(&hash);
    } else {
        index.put_temporary(hash, consumer(row.get(2)?)?);
    }
    Ok(())
}

fn take_access(row: &Row<'_>, index: &Index) -> Result<(), StoreFault> {
    let hash = SecretHash::from_bytes(row.get(0)?);
    if row.get(1)? {
        index.forget(&hash);
        return Ok(());
    }
    let problem = match row.get_ref(2)?.as_str().unwrap_or_default() {
        "live" => None,
        "revoked" => Some(TokenProblem::Revoked),
        "renewed" => Some(TokenProblem::Renewed),
        _ => Some(TokenProblem::Expired),
    };
    index.put_access(hash, access_token(row, 3)?, problem);
    Ok(())
}

/// A token out of a row's columns `id, consumer, user, issued, expires, session_expires`, the first of which is number `at`.
pub(super) fn access_token(row: &Row<'_>, at: usize) -> Result<AccessToken, StoreFault> {
    let user: String = row.get(at + 2)?;
    Ok(AccessToken {
        id: TokenId(row.get(at)?),
        consumer: consumer(row.get(at + 1)?)?,
        user: user.into(),
        issued: timestamp(row.get(at + 3)?),
        expires: timestamp(row.get(at + 4)?),
        session_expires: timestamp(row.get(at + 5)?),
    })
}

/// A consumer's key out of the database.
pub(super) fn consumer(text: String) -> Result<ConsumerKey, StoreFault> {
    ConsumerKey::new(&text).ok_or_else(|| StoreFault::Database("a consumer's key in it is none".to_owned()))
}

const CHANGED_TEMPORARY: &str =
    "SELECT token, forgotten IS NOT NULL, consumer FROM temporary_credentials INDEXED BY temporary_by_change WHERE change > ?";

/// By the index: the choice must not fall on a look at all rows, which are a million.
const CHANGED_ACCESS: &str = "\
SELECT token, forgotten IS NOT NULL, state, id, consumer, user, issued, expires, session_expires
FROM access_token INDEXED BY access_by_change WHERE change > ?";

/// At the start, in the order in which they lie there.
const ALL_ACCESS: &str = "\
SELECT token, forgotten IS NOT NULL, state, id, consumer, user, issued, expires, session_expires
FROM access_token NOT INDEXED WHERE change > ? ORDER BY id";
