//! The store: exactly the operations that the dance and the request path need.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::counts::{Step, StepCounts};
use super::database::{Database, Writing};
use super::exchange::{self, Asked};
use super::index::Index;
use super::keeper::{self, Job};
use super::model::{
    AccessToken, Decided, Decision, Issued, NewTemporary, Revoked, Selection, TemporaryCredentials, TokenCredentials, TokenId,
};
use super::operations::{Operations, hash, only_fault};
use super::problem::{DanceError, StoreFault, TokenProblem};
use super::{ending, revocation, temporary};
use crate::clock::Clock;
use crate::config::Lifetimes;
use crate::consumers::{ConsumerKey, ConsumerList};
use crate::directory::Directory;
use crate::oauth::timestamp::Timestamp;

/// All tokens of a state directory. Its thread ends with it.
#[derive(Debug)]
pub struct TokenStore {
    index: Arc<Index>,
    jobs: mpsc::Sender<Job>,
    keeper: JoinHandle<()>,
    clock: Clock,
    counts: StepCounts,
}

impl TokenStore {
    /// Opens the database in the state directory, makes or migrates it, reads what is good into memory, and starts the thread
    /// that writes.
    ///
    /// # Errors
    /// If it can't be opened or is of a later version; nothing is changed then.
    pub fn open(state: &Arc<Directory>, clock: Clock) -> Result<Self, StoreFault> {
        let database = Database::open_or_make(state)?;
        let index = Arc::new(Index::default());
        let operations = Operations::new(database, Arc::clone(&index), clock.clone())?;
        let (jobs, asked) = mpsc::channel(WAITING);
        let no_thread = |error: std::io::Error| StoreFault::Database(format!("it can have no thread: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(no_thread)?;
        let run = move || runtime.block_on(keeper::run(operations, asked));
        let keeper = std::thread::Builder::new().name("tokens".to_owned()).spawn(run).map_err(no_thread)?;
        Ok(Self { index, jobs, keeper, clock, counts: StepCounts::default() })
    }

    /// The access token that a signed request may be forwarded with. From memory: this is on every request's path.
    ///
    /// # Errors
    /// What is wrong with it; the operator reads it, the caller gets its code.
    pub fn access(&self, token: &[u8], consumer: &ConsumerKey, now: Timestamp) -> Result<Arc<AccessToken>, TokenProblem> {
        self.index.access(&hash(token).ok_or(TokenProblem::Unknown)?, consumer, now)
    }

    /// Whether an access token that was good once still is.
    pub fn is_good(&self, token: &AccessToken, now: Timestamp) -> bool {
        now < token.expires && self.index.live(token.id).is_some()
    }

    /// Whether the token was ever an access token here, so that asking for another with it is a renewal.
    pub fn is_access(&self, token: &[u8]) -> bool {
        hash(token).is_some_and(|token| self.index.is_access(&token))
    }

    /// Gives a consumer a request token.
    ///
    /// # Errors
    /// If it can't be stored.
    pub async fn begin(&self, new: NewTemporary, lifetimes: Lifetimes) -> Result<Issued, StoreFault> {
        let lifetime = lifetimes.request_token.as_secs();
        let begin = move |writing: &Writing<'_>, now: Timestamp| {
            let expires = Timestamp::from_seconds(now.seconds().saturating_add(lifetime));
            Ok(temporary::begin(writing, &new, now, expires)?)
        };
        self.counts.note(Step::RequestToken, self.write(begin).await).map_err(only_fault)
    }

    /// What a resource owner is asked about. One that is expired is [`TokenProblem::Expired`], one that is exchanged
    /// [`TokenProblem::Used`].
    ///
    /// # Errors
    /// As said, or that it is unknown.
    pub async fn pending(&self, token: &str) -> Result<TemporaryCredentials, DanceError> {
        // Anybody may ask: only for what is known, and known without the database, does anybody wait.
        if !hash(token.as_bytes()).is_some_and(|token| self.index.is_temporary(&token)) {
            return Err(TokenProblem::Unknown.into());
        }
        let token = token.to_owned();
        self.write(move |writing, now| temporary::pending(writing, &token, now)).await
    }

    /// Writes the decision down, once: whoever comes second is told [`TokenProblem::Used`].
    ///
    /// # Errors
    /// If the token is not one that can be decided about, or the decision can't be stored.
    pub async fn decide(&self, token: &str, decision: Decision) -> Result<Decided, DanceError> {
        let token = token.to_owned();
        let decided = self.write(move |writing, now| temporary::decide(writing, &token, &decision, now)).await;
        self.counts.note(Step::Decision, decided)
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
        let (token, consumer, verifier) = (token.to_owned(), consumer.clone(), verifier.map(<[u8]>::to_owned));
        let exchange = move |writing: &Writing<'_>, now| {
            let asked = Asked { token: &token, consumer: &consumer, proof: verifier.as_deref(), lifetimes };
            exchange::exchange(writing, &asked, now)
        };
        self.counts.note(Step::AccessToken, self.write_token(exchange).await)
    }

    /// Gives a new access token and a new session handle for old ones, which end. `session_handle`: as sent; `None`: absent.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn renew(
        &self,
        token: &[u8],
        consumer: &ConsumerKey,
        session_handle: Option<&[u8]>,
        lifetimes: Lifetimes,
    ) -> Result<TokenCredentials, DanceError> {
        let (token, consumer, handle) = (token.to_owned(), consumer.clone(), session_handle.map(<[u8]>::to_owned));
        let renew = move |writing: &Writing<'_>, now| {
            let asked = Asked { token: &token, consumer: &consumer, proof: handle.as_deref(), lifetimes };
            exchange::renew(writing, &asked, now)
        };
        self.counts.note(Step::Renewal, self.write_token(renew).await)
    }

    /// Takes tokens back: from the next request on they are refused. Where no single one is named, the request tokens end with them that
    /// the consumer has, or that the user has allowed: what was begun before becomes no token after it. They count as denied.
    ///
    /// # Errors
    /// If that can't be stored; none is taken back then.
    pub async fn revoke(&self, which: Selection) -> Result<Revoked, StoreFault> {
        let revoke = move |writing: &Writing<'_>, now| Ok(revocation::revoke(writing, &which, now)?);
        self.counts.note(Step::Revocation, self.write(revoke).await).map_err(only_fault)
    }

    /// Takes one token back for the user whose it has to be, and with it what the same user has allowed the same consumer and was not
    /// exchanged yet: to its user, a token is the application.
    ///
    /// # Errors
    /// As of [`Self::revoke`].
    pub async fn withdraw(&self, id: TokenId, user: &str) -> Result<Revoked, StoreFault> {
        let user = user.to_owned();
        let withdraw = move |writing: &Writing<'_>, now| Ok(revocation::withdraw(writing, id, &user, now)?);
        self.counts.note(Step::Revocation, self.write(withdraw).await).map_err(only_fault)
    }

    /// How many request tokens would end with what is revoked; of a single token none.
    ///
    /// # Errors
    /// If they can't be counted.
    pub async fn waiting(&self, which: Selection) -> Result<usize, StoreFault> {
        self.write(move |writing, now| Ok(revocation::waiting(writing, &which, now)?)).await.map_err(only_fault)
    }

    /// Those that can be used or renewed, oldest first; at most `limit`.
    pub fn list(&self, which: &Selection, limit: usize) -> Vec<Arc<AccessToken>> {
        self.index.list(which, self.clock.wall(), limit)
    }

    /// How many access tokens can be used or renewed; those whose session has just ended may be counted for a minute.
    pub fn len(&self) -> usize {
        self.index.len()
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
        let consumer = consumer.clone();
        self.write(move |writing, now| Ok(ending::purge(writing, consumer.as_str(), now)?)).await.map_err(only_fault)
    }

    /// Notes which consumers are listed now. Tokens of one that has not been for a day are purged. To be called after each reload and
    /// every minute or so.
    ///
    /// # Errors
    /// If that can't be stored.
    pub async fn note_consumers(&self, listed: &ConsumerList) -> Result<(), StoreFault> {
        let listed: HashSet<ConsumerKey> = listed.iter().map(|consumer| consumer.key.clone()).collect();
        let note = move |writing: &Writing<'_>, now| Ok(ending::note_consumers(writing, &listed, now)?);
        for consumer in self.write(note).await.map_err(only_fault)? {
            tracing::warn!(consumer = consumer.as_str(), "a consumer has not been listed for a day, and its tokens are purged");
        }
        Ok(())
    }

    /// How often each step of the dance was taken here.
    pub fn counts(&self) -> &StepCounts {
        &self.counts
    }

    /// Whether the thread runs that writes.
    pub fn is_alive(&self) -> bool {
        !self.keeper.is_finished()
    }

    /// As [`Self::write`]; the new token shares its texts with those in memory.
    async fn write_token(
        &self,
        work: impl FnOnce(&Writing<'_>, Timestamp) -> Result<TokenCredentials, DanceError> + Send + 'static,
    ) -> Result<TokenCredentials, DanceError> {
        let given = self.write(work).await?;
        let token = self.index.live(given.token.id).unwrap_or(given.token);
        Ok(TokenCredentials { token, ..given })
    }

    /// Has the thread do one operation. Whoever asks and goes away before it is stored has not asked: the answer is that nothing was
    /// changed, or nobody is there to be given what would be.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>, Timestamp) -> Result<T, DanceError> + Send + 'static,
    ) -> Result<T, DanceError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |operations| {
            if answer.is_closed() {
                return;
            }
            let made = operations.write(|writing, now| {
                let made = work(writing, now)?;
                if answer.is_closed() { Err(StoreFault::Closed.into()) } else { Ok(made) }
            });
            let _ = answer.send(made);
        });
        let done = async {
            self.jobs.send(job).await.map_err(|_| StoreFault::Closed)?;
            answered.await.map_err(|_| StoreFault::Closed)
        };
        let in_time = timeout(ANSWER_WITHIN, done).await;
        in_time.map_err(|_| StoreFault::Database("it takes too long".to_owned()))??
    }
}

/// Operations that wait for their turn; others wait to wait. More than a disk does in the time that they have.
const WAITING: usize = 1024;

/// A disk that hangs must not keep clients waiting for as long as it does; longer than another process's transaction is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::super::desk::{Desk, LIFETIMES, START, key, problem};
    use super::super::model::{Callback, Revision};
    use super::*;
    use crate::clock::ManualClock;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    fn open(folder: &tempfile::TempDir) -> TokenStore {
        let state = Arc::new(Directory::make(folder.path()).unwrap());
        TokenStore::open(&state, Clock::Manual(ManualClock::at(START))).unwrap()
    }

    async fn allowed(store: &TokenStore, user: &str) -> (String, String) {
        let new = NewTemporary { consumer: key("a"), callback: Callback::OutOfBand, revision: Revision::OneA };
        let token = store.begin(new, LIFETIMES).await.unwrap().token.reveal().to_owned();
        assert!(!store.pending(&token).await.unwrap().is_decided);
        let decided = store.decide(&token, Decision::Allow { user: user.to_owned() }).await.unwrap();
        (token, decided.verifier.unwrap().reveal().to_owned())
    }

    #[test]
    fn what_was_answered_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let (old, new, waiting) = run(async {
            let (token, verifier) = allowed(&store, "ada").await;
            let old = store.exchange(token.as_bytes(), &key("a"), Some(verifier.as_bytes()), LIFETIMES).await.unwrap();
            let (token, handle) = (old.issued.token.reveal().as_bytes(), old.session_handle.reveal().as_bytes());
            assert!(store.is_access(token) && !store.is_access(b"other"));
            assert_eq!(
                problem(store.renew(token, &key("a"), Some(b"x"), LIFETIMES).await).unwrap_err(),
                TokenProblem::WrongSessionHandle
            );
            let new = store.renew(token, &key("a"), Some(handle), LIFETIMES).await.unwrap();
            (old, new, allowed(&store, "bob").await)
        });
        assert_eq!((store.len(), store.is_alive()), (1, true));
        drop(store);
        let store = open(&folder);
        let now = Timestamp::from_seconds(START);
        assert_eq!(store.access(old.issued.token.reveal().as_bytes(), &key("a"), now).unwrap_err(), TokenProblem::Renewed);
        assert_eq!(store.access(new.issued.token.reveal().as_bytes(), &key("a"), now).unwrap(), new.token);
        run(async {
            let (token, verifier) = &waiting;
            store.exchange(token.as_bytes(), &key("a"), Some(verifier.as_bytes()), LIFETIMES).await.unwrap();
            let revoked = store.revoke(Selection { user: Some("ada".to_owned()), ..Selection::default() }).await.unwrap();
            assert_eq!(revoked, Revoked { tokens: vec![(*new.token).clone()], request_tokens: 0 });
            assert_eq!(store.access(new.issued.token.reveal().as_bytes(), &key("a"), now).unwrap_err(), TokenProblem::Revoked);
            assert_eq!(store.list(&Selection::default(), 10).len(), 1);
            store.purge(&key("a")).await.unwrap();
            assert!(store.is_empty());
        });
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        run(async {
            let new = NewTemporary { consumer: key("a"), callback: Callback::OutOfBand, revision: Revision::One };
            let token = store.begin(new, LIFETIMES).await.unwrap().token.reveal().to_owned();
            let (begun, has_begun) = oneshot::channel();
            let (go_on, may_go_on) = std::sync::mpsc::channel();
            let asked = token.clone();
            // As a disk does that hangs for longer than anybody waits.
            let slow = store.write(move |writing, now| {
                let _ = begun.send(());
                may_go_on.recv().unwrap();
                temporary::decide(writing, &asked, &Decision::Allow { user: "ada".to_owned() }, now)
            });
            tokio::select! {
                _ = slow => panic!("nothing lets it go on"),
                begun = has_begun => begun.unwrap(),
            }
            go_on.send(()).unwrap();
            assert!(!store.pending(&token).await.unwrap().is_decided);
            assert_eq!(problem(store.pending("other").await), Err(TokenProblem::Unknown));
        });
    }

    #[test]
    fn a_token_is_good_until_it_expires_or_ends() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let token = run(async {
            let (token, verifier) = allowed(&store, "ada").await;
            store.exchange(token.as_bytes(), &key("a"), Some(verifier.as_bytes()), LIFETIMES).await.unwrap().token
        });
        let last = Timestamp::from_seconds(token.expires.seconds() - 1);
        assert!(store.is_good(&token, last) && !store.is_good(&token, token.expires) && !store.is_empty());
        assert!(!store.is_good(&token, Timestamp::from_seconds(token.expires.seconds() + 1)));
        run(store.revoke(Selection::default())).unwrap();
        assert!(!store.is_good(&token, last));
    }

    #[test]
    fn what_waits_to_be_exchanged_ends_with_the_token_that_its_user_takes_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        run(async {
            let (token, verifier) = allowed(&store, "ada").await;
            let given = store.exchange(token.as_bytes(), &key("a"), Some(verifier.as_bytes()), LIFETIMES).await.unwrap().token;
            for _ in 0..2 {
                allowed(&store, "ada").await;
            }
            let of_ada = || Selection { user: Some("ada".to_owned()), ..Selection::default() };
            assert_eq!(store.waiting(of_ada()).await, Ok(2));
            assert_eq!(store.withdraw(given.id, "bob").await, Ok(Revoked::default()));
            let ended = Revoked { tokens: vec![AccessToken::clone(&given)], request_tokens: 2 };
            assert_eq!(store.withdraw(given.id, "ada").await, Ok(ended));
            assert_eq!(store.waiting(of_ada()).await, Ok(0));
        });
    }

    #[test]
    fn consumers_that_are_not_listed_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        run(async {
            allowed(&store, "ada").await;
            store.note_consumers(&ConsumerList::default()).await.unwrap();
        });
        drop(store);
        let mut later = Desk::of(folder);
        later.clock.advance(24 * 60 * 60);
        let absent = later.operations.write(|writing, now| Ok(ending::note_consumers(writing, &HashSet::new(), now)?));
        assert_eq!(problem(absent), Ok(vec![key("a")]));
    }

    #[test]
    fn a_thread_that_has_ended_is_told_and_stores_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        assert!(store.is_alive());
        let ends = |_: &Writing<'_>, _| -> Result<(), DanceError> { panic!("as a mistake of ours would") };
        assert!(matches!(run(store.write(ends)), Err(DanceError::Store(StoreFault::Closed))));
        let begun = std::time::Instant::now();
        while store.is_alive() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        let new = NewTemporary { consumer: key("a"), callback: Callback::OutOfBand, revision: Revision::OneA };
        assert_eq!(run(store.begin(new, LIFETIMES)).err(), Some(StoreFault::Closed));
        assert_eq!(store.counts().get(Step::RequestToken, super::super::StepOutcome::Failed), 1);
    }

    #[test]
    fn of_many_that_exchange_at_once_on_two_stores_one_gets_the_token() {
        let desk = Desk::new();
        let stores = [Arc::new(open(&desk.folder)), Arc::new(open(&desk.folder))];
        let (token, verifier) = run(allowed(&stores[0], "ada"));
        let threads: Vec<_> = (0..64)
            .map(|number| {
                let (store, token, verifier) = (Arc::clone(&stores[number % 2]), token.clone(), verifier.clone());
                let exchange = async move {
                    problem(store.exchange(token.as_bytes(), &key("a"), Some(verifier.as_bytes()), LIFETIMES).await)
                };
                std::thread::spawn(move || run(exchange))
            })
            .collect();
        let given: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(given.iter().filter(|given| given.is_ok()).count(), 1);
        assert!(given.iter().flatten().all(|given| &*given.token.user == "ada"));
        assert_eq!(given.iter().filter(|given| given.as_ref().is_err_and(|problem| *problem == TokenProblem::Used)).count(), 63);
    }
}
