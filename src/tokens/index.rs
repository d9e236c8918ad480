//! What the request path reads: everything that is known of tokens, by their hashes, in memory.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dashmap::DashMap;

use super::model::{AccessToken, Selection, TokenId};
use super::problem::TokenProblem;
use crate::consumers::ConsumerKey;
use crate::oauth::timestamp::Timestamp;
use crate::secret::SecretHash;

/// The tokens of a database. It lags behind by what another process has just changed, never by what this one has.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_hash: DashMap<SecretHash, Known>,
    lists: RwLock<Lists>,
}

/// What a token is.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// An access token that nobody took back; its time may be over.
    Access(Arc<AccessToken>),
    /// An access token that ended.
    Ended(Arc<Ended>),
    /// A request token, whatever became of it.
    Temporary(ConsumerKey),
}

/// How access tokens of a consumer ended; the same for all that did alike.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Ended {
    pub(super) consumer: ConsumerKey,
    pub(super) problem: TokenProblem,
}

/// Those that are not ended, in order; and texts that many tokens share.
#[derive(Debug, Default)]
struct Lists {
    by_id: BTreeMap<TokenId, Arc<AccessToken>>,
    by_user: BTreeSet<(Arc<str>, TokenId)>,
    consumers: HashSet<ConsumerKey>,
    ended: HashSet<Arc<Ended>>,
}

impl Index {
    /// See [`TokenStore::access`](super::TokenStore::access). To another consumer nothing is told but that it is not its token.
    pub(super) fn access(
        &self,
        token: &SecretHash,
        consumer: &ConsumerKey,
        now: Timestamp,
    ) -> Result<Arc<AccessToken>, TokenProblem> {
        let known = self.by_hash.get(token).ok_or(TokenProblem::Unknown)?;
        if known.consumer() != consumer {
            return Err(TokenProblem::OfAnotherConsumer);
        }
        match &*known {
            Known::Access(token) if now < token.expires => Ok(Arc::clone(token)),
            Known::Access(_) => Err(TokenProblem::Expired),
            Known::Ended(ended) => Err(ended.problem),
            Known::Temporary(_) => Err(TokenProblem::RequestTokenAsAccessToken),
        }
    }

    /// Whether it is or was an access token.
    pub(super) fn is_access(&self, token: &SecretHash) -> bool {
        self.by_hash.get(token).is_some_and(|known| matches!(*known, Known::Access(_) | Known::Ended(_)))
    }

    /// Whether it is a request token, whatever became of it.
    pub(super) fn is_temporary(&self, token: &SecretHash) -> bool {
        self.by_hash.get(token).is_some_and(|known| matches!(*known, Known::Temporary(_)))
    }

    /// The token with this number, unless it has ended.
    pub(super) fn live(&self, id: TokenId) -> Option<Arc<AccessToken>> {
        self.read().by_id.get(&id).cloned()
    }

    /// See [`TokenStore::list`](super::TokenStore::list).
    pub(super) fn list(&self, which: &Selection, now: Timestamp, limit: usize) -> Vec<Arc<AccessToken>> {
        let lists = self.read();
        let fits = |token: &&Arc<AccessToken>| which.has(token) && now < token.session_expires;
        match (which.id, &which.user) {
            (Some(id), _) => lists.by_id.get(&id).into_iter().filter(fits).take(limit).cloned().collect(),
            (None, Some(user)) => {
                let first = (Arc::from(user.as_str()), TokenId(i64::MIN));
                let of_user = lists.by_user.range(first..).take_while(|(name, _)| **name == **user);
                of_user.filter_map(|(_, id)| lists.by_id.get(id)).filter(fits).take(limit).cloned().collect()
            }
            (None, None) => lists.by_id.values().filter(fits).take(limit).cloned().collect(),
        }
    }

    /// How many access tokens have not ended.
    pub(super) fn len(&self) -> usize {
        self.read().by_id.len()
    }

    /// How many tokens of all kinds are known.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.by_hash.len()
    }

    /// Takes in what a token has become.
    pub(super) fn put_access(&self, hash: SecretHash, token: AccessToken, problem: Option<TokenProblem>) {
        let mut lists = self.write();
        let known = match problem {
            None => Known::Access(lists.add(token)),
            Some(problem) => {
                lists.take_out(&token);
                Known::Ended(lists.ended(token.consumer, problem))
            }
        };
        self.by_hash.insert(hash, known);
    }

    pub(super) fn put_temporary(&self, hash: SecretHash, consumer: ConsumerKey) {
        let consumer = self.write().consumer(consumer);
        self.by_hash.insert(hash, Known::Temporary(consumer));
    }

    /// Forgets a token.
    pub(super) fn forget(&self, hash: &SecretHash) {
        if let Some((_, Known::Access(token))) = self.by_hash.remove(hash) {
            self.write().take_out(&token);
        }
    }

    // What a thread that panicked left is whole: nothing in here can panic between two steps that belong together.

    fn read(&self) -> RwLockReadGuard<'_, Lists> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Lists> {
        self.lists.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn consumer(&self) -> &ConsumerKey {
        match self {
            Self::Access(token) => &token.consumer,
            Self::Ended(ended) => &ended.consumer,
            Self::Temporary(consumer) => consumer,
        }
    }
}

impl Lists {
    fn add(&mut self, token: AccessToken) -> Arc<AccessToken> {
        let (consumer, user) = (self.consumer(token.consumer.clone()), self.user(&token.user));
        let token = Arc::new(AccessToken { consumer, user: Arc::clone(&user), ..token });
        self.by_user.insert((user, token.id));
        self.by_id.insert(token.id, Arc::clone(&token));
        token
    }

    fn take_out(&mut self, token: &AccessToken) {
        self.by_id.remove(&token.id);
        self.by_user.remove(&(Arc::clone(&token.user), token.id));
    }

    /// The same text as the consumer's other tokens have.
    fn consumer(&mut self, key: ConsumerKey) -> ConsumerKey {
        if let Some(known) = self.consumers.get(&key) {
            return known.clone();
        }
        self.consumers.insert(key.clone());
        key
    }

    /// The same text as the user's other tokens have.
    fn user(&self, name: &Arc<str>) -> Arc<str> {
        let first = self.by_user.range((Arc::clone(name), TokenId(i64::MIN))..).next();
        first.filter(|(known, _)| known == name).map_or_else(|| Arc::clone(name), |(known, _)| Arc::clone(known))
    }

    fn ended(&mut self, consumer: ConsumerKey, problem: TokenProblem) -> Arc<Ended> {
        let ended = Ended { consumer: self.consumer(consumer), problem };
        if let Some(known) = self.ended.get(&ended) {
            return Arc::clone(known);
        }
        let ended = Arc::new(ended);
        self.ended.insert(Arc::clone(&ended));
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, key};
    use super::*;

    #[test]
    fn tokens_of_one_user_and_one_consumer_share_their_texts() {
        let mut desk = Desk::new();
        let [bob, first, second] = ["bob", "ada", "ada"].map(|user| desk.dance("a", user).token.id);
        let [bob, first, second] = [bob, first, second].map(|id| desk.index.live(id).unwrap());
        assert_eq!((&*bob.user, &*first.user, &*second.user), ("bob", "ada", "ada"));
        assert!(Arc::ptr_eq(&first.user, &second.user));
        assert_eq!((&first.consumer, first.consumer.as_str().as_ptr()), (&key("a"), bob.consumer.as_str().as_ptr()));
    }

    #[test]
    fn what_cannot_be_renewed_any_more_is_not_listed_however_it_is_asked_for() {
        let mut desk = Desk::new();
        let token = desk.dance("a", "ada").token;
        let all = Selection::default();
        let (by_id, by_user) =
            (Selection { id: Some(token.id), ..all.clone() }, Selection { user: Some("ada".to_owned()), ..all.clone() });
        let last = Timestamp::from_seconds(token.session_expires.seconds() - 1);
        for which in [&all, &by_id, &by_user] {
            assert_eq!(desk.index.list(which, last, 1), [Arc::clone(&token)]);
            assert!(desk.index.list(which, token.session_expires, 1).is_empty());
            assert!(desk.index.list(which, last, 0).is_empty());
        }
    }

    #[test]
    fn what_was_a_request_token_is_one_and_no_other_is() {
        let mut desk = Desk::new();
        let (token, access) = (desk.begin("a"), desk.dance("a", "ada").issued.token);
        desk.allow(&token, "ada");
        assert!(desk.index.is_temporary(&SecretHash::of(&token)));
        assert!(!desk.index.is_temporary(&access.hash()));
        assert!(!desk.index.is_temporary(&SecretHash::of("nothing")));
    }
}
