//! The store: exactly the operations that the dance and the request path need.

use std::sync::Arc;

use super::model::{AccessToken, Decided, Decision, Issued, NewTemporary, Selection, TemporaryCredentials, TokenCredentials};
use super::problem::{DanceError, StoreFault, TokenProblem};
use crate::clock::Clock;
use crate::config::Lifetimes;
use crate::consumers::{ConsumerKey, ConsumerList};
use crate::directory::Directory;
use crate::oauth::timestamp::Timestamp;

/// All tokens of a state directory.
#[derive(Debug)]
pub struct TokenStore {}

impl TokenStore {
    /// Opens the database in the state directory, makes or migrates it, reads what is good into memory, and starts the thread
    /// that writes.
    ///
    /// # Errors
    /// If it can't be opened or is of a later version; nothing is changed then.
    pub fn open(state: &Arc<Directory>, clock: Clock) -> Result<Self, StoreFault> {
        let _ = (state, clock);
        Err(StoreFault::Closed)
    }

    /// The access token that a signed request may be forwarded with. From memory: this is on every request's path.
    ///
    /// # Errors
    /// What is wrong with it; the operator reads it, the caller gets its code.
    pub fn access(&self, token: &[u8], consumer: &ConsumerKey, now: Timestamp) -> Result<Arc<AccessToken>, TokenProblem> {
        let _ = (token, consumer, now);
        Err(TokenProblem::Unknown)
    }

    /// Whether the token was ever an access token here, so that asking for another with it is a renewal.
    pub fn is_access(&self, token: &[u8]) -> bool {
        let _ = token;
        false
    }

    /// Gives a consumer a request token.
    ///
    /// # Errors
    /// If it can't be stored.
    pub async fn begin(&self, new: NewTemporary, lifetimes: Lifetimes) -> Result<Issued, StoreFault> {
        let _ = (new, lifetimes);
        Err(StoreFault::Closed)
    }

    /// What a resource owner is asked about. One that is expired is [`TokenProblem::Expired`], one that is exchanged
    /// [`TokenProblem::Used`].
    ///
    /// # Errors
    /// As said, or that it is unknown.
    pub async fn pending(&self, token: &str) -> Result<TemporaryCredentials, DanceError> {
        let _ = token;
        Err(StoreFault::Closed.into())
    }

    /// Writes the decision down, once: whoever comes second is told [`TokenProblem::Used`].
    ///
    /// # Errors
    /// If the token is not one that can be decided about, or the decision can't be stored.
    pub async fn decide(&self, token: &str, decision: Decision) -> Result<Decided, DanceError> {
        let _ = (token, decision);
        Err(StoreFault::Closed.into())
    }

    /// Exchanges a request token for an access token (RFC 5849 §2.3), once, whoever asks how often. `verifier`: as sent; `None`: absent.
    ///
    /// # Errors
    /// What is wrong. A wrong verifier is counted; after five the token is dead.
    pub async fn exchange(
        &self,
        token: &[u8],
        consumer: &ConsumerKey,
        verifier: Option<&[u8]>,
        lifetimes: Lifetimes,
    ) -> Result<TokenCredentials, DanceError> {
        let _ = (token, consumer, verifier, lifetimes);
        Err(StoreFault::Closed.into())
    }

    /// Gives a new access token and a new session handle for old ones, which end.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn renew(
        &self,
        token: &[u8],
        consumer: &ConsumerKey,
        session_handle: &[u8],
        lifetimes: Lifetimes,
    ) -> Result<TokenCredentials, DanceError> {
        let _ = (token, consumer, session_handle, lifetimes);
        Err(StoreFault::Closed.into())
    }

    /// Takes tokens back: from the next request on they are refused. Gives those that were.
    ///
    /// # Errors
    /// If that can't be stored; none is taken back then.
    pub async fn revoke(&self, which: Selection) -> Result<Vec<Arc<AccessToken>>, StoreFault> {
        let _ = which;
        Err(StoreFault::Closed)
    }

    /// Those that can be used or renewed, oldest first; at most `limit`.
    pub fn list(&self, which: &Selection, limit: usize) -> Vec<Arc<AccessToken>> {
        let _ = (which, limit);
        Vec::new()
    }

    /// How many access tokens can be used or renewed.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends all tokens of a consumer that an administrator removed, for good.
    ///
    /// # Errors
    /// If that can't be stored.
    pub async fn purge(&self, consumer: &ConsumerKey) -> Result<(), StoreFault> {
        let _ = consumer;
        Err(StoreFault::Closed)
    }

    /// Notes which consumers are listed now. Tokens of one that has not been for a day are purged. To be called after each reload and
    /// every minute or so.
    ///
    /// # Errors
    /// If that can't be stored.
    pub async fn note_consumers(&self, listed: &ConsumerList) -> Result<(), StoreFault> {
        let _ = listed;
        Err(StoreFault::Closed)
    }
}
