//! Each operation as a transaction, after which the memory is what the database is.

use std::sync::Arc;

use super::cleanup;
use super::database::{Database, Writing};
use super::follow::Followed;
use super::index::Index;
use super::problem::{DanceError, StoreFault};
use crate::clock::Clock;
use crate::oauth::timestamp::Timestamp;
use crate::secret::{Secret, SecretHash};

/// The database, and the memory that follows it.
#[derive(Debug)]
pub(super) struct Operations {
    database: Database,
    index: Arc<Index>,
    followed: Followed,
    clock: Clock,
    data_version: i64,
}

impl Operations {
    /// Reads everything that is known into memory.
    pub(super) fn new(database: Database, index: Arc<Index>, clock: Clock) -> Result<Self, StoreFault> {
        let mut operations = Self { database, index, followed: Followed::default(), clock, data_version: UNSEEN };
        operations.notice()?;
        Ok(operations)
    }

    /// One operation: in the database, then in memory, then it is answered.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Writing<'_>, Timestamp) -> Result<T, DanceError>,
    ) -> Result<T, DanceError> {
        let now = self.clock.wall();
        let made = self.database.write(|writing| work(writing, now));
        if let Err(fault) = self.followed.catch_up(&self.database, &self.index) {
            // SQLite gives our own changes no number: what is stored and not in memory yet is looked for as if another had made it.
            self.data_version = UNSEEN;
            return Err(fault.into());
        }
        made
    }

    /// Takes in what another process has changed, if it has.
    pub(super) fn notice(&mut self) -> Result<(), StoreFault> {
        self.database.check_in_place()?;
        let version = self.database.data_version()?;
        if version != self.data_version {
            self.followed.catch_up(&self.database, &self.index)?;
            self.data_version = version;
        }
        Ok(())
    }

    /// A piece of the cleanup; gives whether there may be more of it.
    pub(super) fn clean_up(&mut self) -> Result<bool, StoreFault> {
        self.write(|writing, now| Ok(cleanup::piece(writing, now)?)).map_err(only_fault)
    }
}

/// What SQLite gives no version.
const UNSEEN: i64 = -1;

/// Of an operation that finds no fault with tokens.
pub(super) fn only_fault(error: DanceError) -> StoreFault {
    match error {
        DanceError::Store(fault) => fault,
        DanceError::Problem(problem) => StoreFault::Database(problem.to_string()),
    }
}

/// A new token, secret, handle or verifier.
pub(super) fn fresh(letters: usize) -> Result<Secret, StoreFault> {
    Secret::of_letters(letters).map_err(|error| StoreFault::Database(error.to_string()))
}

/// What a token that was sent is found by; `None`: ours are text, so it is none of them.
pub(super) fn hash(token: &[u8]) -> Option<SecretHash> {
    std::str::from_utf8(token).ok().map(SecretHash::of)
}
