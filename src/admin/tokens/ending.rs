//! The end of a removed consumer's tokens. It is for good: whoever gets the key next has none of them.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::super::Admin;
use crate::clock::Clock;
use crate::consumers::ConsumerKey;
use crate::directory::Directory;
use crate::tokens::{Selection, StoreFault, TokenFile, TokenStore};

/// Ends the tokens of one consumer, where it may take a while.
#[derive(Debug)]
pub(in crate::admin) struct Ending {
    tokens: Tokens,
    consumer: ConsumerKey,
    ended: Option<usize>,
}

/// Where they are.
#[derive(Debug)]
enum Tokens {
    /// The gateway gives some.
    Store(Arc<TokenStore>, Handle),
    /// It does not, but it may have: whoever switches the dance on again finds what is in this state directory.
    Left(PathBuf, Clock),
}

impl Ending {
    /// Nothing is done yet. `None`: the key is one that no consumer can have.
    pub(in crate::admin) fn of(admin: &Admin, key: &str) -> Option<Self> {
        let tokens = match &admin.shared.gateway.tokens {
            Some(store) => Tokens::Store(Arc::clone(store), Handle::current()),
            None => Tokens::Left(admin.policy().settings.state_directory.clone(), admin.clock().clone()),
        };
        Some(Self { tokens, consumer: ConsumerKey::new(key)?, ended: None })
    }

    /// Ends all that there are: request tokens first, then access tokens.
    ///
    /// # Errors
    /// If that can't be stored; none has ended then.
    pub(in crate::admin) fn end(&mut self) -> Result<(), StoreFault> {
        self.ended = self.purge()?;
        Ok(())
    }

    /// Once the consumer is in force no more: between the two it could have asked for another token.
    pub(in crate::admin) fn end_once_more(&self) {
        if let (Tokens::Store(..), Err(fault)) = (&self.tokens, self.purge()) {
            tracing::error!(%fault, "tokens that a consumer got while it was removed are refused, and purged a day from now");
        }
    }

    /// How many access tokens there were.
    fn purge(&self) -> Result<Option<usize>, StoreFault> {
        let which = Selection { consumer: Some(self.consumer.clone()), ..Selection::default() };
        match &self.tokens {
            Tokens::Store(store, runtime) => {
                let count = store.list(&which, usize::MAX).len();
                runtime.block_on(store.purge(&self.consumer))?;
                Ok(Some(count))
            }
            Tokens::Left(path, clock) => {
                let state = Directory::make(path).map_err(|error| StoreFault::Database(error.to_string()))?;
                let Some(mut file) = TokenFile::open(&state, clock.clone())? else { return Ok(None) };
                let count = file.list(&which)?.len();
                file.purge(&self.consumer)?;
                Ok(Some(count))
            }
        }
    }

    /// How many access tokens that were; `None`: it did not come to that.
    pub(in crate::admin) fn ended(&self) -> Option<usize> {
        self.ended
    }
}
