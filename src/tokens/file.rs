//! The database without the thread and the memory, for commands; a gateway may have it open at the same time.

use super::database::Database;
use super::model::{AccessToken, Revoked, Selection};
use super::operations::only_fault;
use super::problem::StoreFault;
use super::{ending, revocation};
use crate::clock::Clock;
use crate::consumers::ConsumerKey;
use crate::directory::Directory;

/// The tokens of a state directory, as a command sees and changes them.
#[derive(Debug)]
pub struct TokenFile {
    database: Database,
    clock: Clock,
}

impl TokenFile {
    /// Opens the database of a state directory; `None`: there never was one.
    ///
    /// # Errors
    /// If it can't be opened, or is of a later version.
    pub fn open(state: &Directory, clock: Clock) -> Result<Option<Self>, StoreFault> {
        Ok(Database::open_if_there(state)?.map(|database| Self { database, clock }))
    }

    /// Those that can be used or renewed, oldest first.
    ///
    /// # Errors
    /// If they can't be read.
    pub fn list(&self, which: &Selection) -> Result<Vec<AccessToken>, StoreFault> {
        revocation::list(&self.database, which, self.clock.wall())
    }

    /// How many request tokens would end with what is revoked; of a single token none.
    ///
    /// # Errors
    /// If they can't be counted.
    pub fn waiting(&self, which: &Selection) -> Result<usize, StoreFault> {
        revocation::waiting(&self.database, which, self.clock.wall())
    }

    /// Takes tokens back, as [`TokenStore::revoke`](super::TokenStore::revoke) does. A running gateway refuses them within a second.
    ///
    /// # Errors
    /// If that can't be stored; none is taken back then.
    pub fn revoke(&mut self, which: &Selection) -> Result<Revoked, StoreFault> {
        let now = self.clock.wall();
        self.database.write(|writing| Ok(revocation::revoke(writing, which, now)?)).map_err(only_fault)
    }

    /// Ends all tokens of a consumer that was removed, for good.
    ///
    /// # Errors
    /// If that can't be stored.
    pub fn purge(&mut self, consumer: &ConsumerKey) -> Result<(), StoreFault> {
        let now = self.clock.wall();
        self.database.write(|writing| Ok(ending::purge(writing, consumer.as_str(), now)?)).map_err(only_fault)
    }
}
