//! For tests: a store without its thread, and a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::database::Database;
use super::exchange::{self, Asked};
use super::index::Index;
use super::model::{AccessToken, Callback, Decision, NewTemporary, Revision, TokenCredentials};
use super::operations::{Operations, hash};
use super::problem::{DanceError, StoreFault, TokenProblem};
use super::temporary;
use crate::clock::{Clock, ManualClock};
use crate::config::Lifetimes;
use crate::consumers::ConsumerKey;
use crate::directory::Directory;
use crate::oauth::timestamp::Timestamp;

pub(super) struct Desk {
    pub(super) folder: Arc<TempDir>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) index: Arc<Index>,
    pub(super) operations: Operations,
}

/// Short ones, so that none is another by chance.
pub(super) const LIFETIMES: Lifetimes = Lifetimes {
    request_token: Duration::from_secs(600),
    access_token: Duration::from_secs(5000),
    session: Duration::from_secs(8000),
};

pub(super) const START: u64 = 1_700_000_000;

impl Desk {
    pub(super) fn new() -> Self {
        Self::of(TempDir::new().unwrap())
    }

    /// In a folder that has a database already.
    pub(super) fn of(folder: TempDir) -> Self {
        Self::at(Arc::new(folder), ManualClock::at(START))
    }

    /// Another connection to the same database, as another process has one.
    pub(super) fn another(&self) -> Self {
        Self::at(Arc::clone(&self.folder), Arc::clone(&self.clock))
    }

    fn at(folder: Arc<TempDir>, clock: Arc<ManualClock>) -> Self {
        let database = Database::open_or_make(&Directory::make(folder.path()).unwrap()).unwrap();
        let index = Arc::new(Index::default());
        let operations = Operations::new(database, Arc::clone(&index), Clock::Manual(Arc::clone(&clock))).unwrap();
        Self { folder, clock, index, operations }
    }

    pub(super) fn now(&self) -> Timestamp {
        Clock::Manual(Arc::clone(&self.clock)).wall()
    }

    pub(super) fn try_begin(&mut self, consumer: &str, revision: Revision) -> Result<String, StoreFault> {
        let new = NewTemporary { consumer: key(consumer), callback: Callback::OutOfBand, revision };
        let begun = self.operations.write(|writing, now| {
            let expires = Timestamp::from_seconds(now.seconds() + LIFETIMES.request_token.as_secs());
            Ok(temporary::begin(writing, &new, now, expires)?)
        });
        begun.map(|issued| issued.token.reveal().to_owned()).map_err(super::operations::only_fault)
    }

    pub(super) fn begin(&mut self, consumer: &str) -> String {
        self.try_begin(consumer, Revision::OneA).unwrap()
    }

    pub(super) fn decide(&mut self, token: &str, decision: &Decision) -> Result<Option<String>, TokenProblem> {
        let decided = self.operations.write(|writing, now| temporary::decide(writing, token, decision, now));
        Ok(problem(decided)?.verifier.map(|verifier| verifier.reveal().to_owned()))
    }

    /// Gives the verifier.
    pub(super) fn allow(&mut self, token: &str, user: &str) -> String {
        self.decide(token, &Decision::Allow { user: user.to_owned() }).unwrap().unwrap()
    }

    pub(super) fn exchange(
        &mut self,
        token: &str,
        consumer: &str,
        verifier: Option<&str>,
    ) -> Result<TokenCredentials, TokenProblem> {
        let consumer = key(consumer);
        let proof = verifier.map(str::as_bytes);
        let asked = Asked { token: token.as_bytes(), consumer: &consumer, proof, lifetimes: LIFETIMES };
        problem(self.operations.write(|writing, now| exchange::exchange(writing, &asked, now)))
    }

    pub(super) fn renew(&mut self, token: &str, consumer: &str, handle: Option<&str>) -> Result<TokenCredentials, TokenProblem> {
        let consumer = key(consumer);
        let proof = handle.map(str::as_bytes);
        let asked = Asked { token: token.as_bytes(), consumer: &consumer, proof, lifetimes: LIFETIMES };
        problem(self.operations.write(|writing, now| exchange::renew(writing, &asked, now)))
    }

    /// A whole dance.
    pub(super) fn dance(&mut self, consumer: &str, user: &str) -> TokenCredentials {
        let token = self.begin(consumer);
        let verifier = self.allow(&token, user);
        self.exchange(&token, consumer, Some(&verifier)).unwrap()
    }

    pub(super) fn access(&self, token: &str, consumer: &str) -> Result<Arc<AccessToken>, TokenProblem> {
        self.index.access(&hash(token.as_bytes()).unwrap(), &key(consumer), self.now())
    }

    /// All of the cleanup that is due.
    pub(super) fn clean_up(&mut self) {
        while self.operations.clean_up().unwrap() {}
    }
}

pub(super) fn key(text: &str) -> ConsumerKey {
    ConsumerKey::new(text).unwrap()
}

/// What is wrong with a token, where nothing is wrong with the database.
pub(super) fn problem<T>(done: Result<T, DanceError>) -> Result<T, TokenProblem> {
    done.map_err(|error| match error {
        DanceError::Problem(problem) => problem,
        DanceError::Store(fault) => panic!("{fault}"),
    })
}
