//! The shared store, as the rest of the program sees it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use super::keeper::{Common, Keeper, State};
use super::marker::Agreed;
use super::name::{ClaimId, Names};
use super::server::Server;
use super::trouble::StoreTrouble;
use crate::clock::Clock;
use crate::config::SharedReplay;
use crate::oauth::nonce::Nonce;
use crate::oauth::timestamp::{Timestamp, Window};

/// A store of nonces that several instances share. Its thread ends with it.
#[derive(Debug)]
pub struct SharedStore {
    names: Names,
    window: Window,
    pub(super) clock: Clock,
    pub(super) timeout: Duration,
    pub(super) common: Arc<Common>,
    keeper: JoinHandle<()>,
}

impl SharedStore {
    /// Connects, and waits a moment for what comes of it. A store that is not there yet is tried again and again meanwhile.
    ///
    /// # Errors
    /// What only a person can mend ([`StoreTrouble::is_lasting`]), or that there can be no thread.
    pub fn open(settings: &SharedReplay, window: Window, clock: Clock) -> io::Result<Result<Self, StoreTrouble>> {
        let names = Names::new(&settings.key);
        let server = match Server::new(settings) {
            Ok(server) => server,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let common = Arc::new(Common::new());
        let ours = Agreed { window, key_check: names.key_check() };
        let keeper = Keeper { server, ours, clock: clock.clone(), common: Arc::clone(&common), seen: None, leapt: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (first, told) = sync_channel(1);
        let run = move || runtime.block_on(keeper.run(first));
        let keeper = std::thread::Builder::new().name("store".to_owned()).spawn(run)?;
        let store = Self { names, window, clock, timeout: settings.timeout, common, keeper };
        match told.recv_timeout(FIRST_WITHIN) {
            Ok(Err(trouble)) if trouble.is_lasting() => Ok(Err(trouble)),
            _ => Ok(Ok(store)),
        }
    }

    /// Why the store can't be used now; `None`: it can.
    pub fn trouble(&self) -> Option<StoreTrouble> {
        match &**self.common.state.load() {
            State::Ready(_) => None,
            State::Down(trouble) => Some(trouble.clone()),
        }
    }

    /// Whether the thread runs that keeps the connection.
    pub fn is_alive(&self) -> bool {
        !self.keeper.is_finished()
    }

    /// The first stamp whose nonces the store remembers; `None` while it is not known.
    pub fn first_remembered(&self) -> Option<Timestamp> {
        match &**self.common.state.load() {
            State::Ready(link) => Some(link.marker.from.max(self.common.first_kept(self.window))),
            State::Down(_) => None,
        }
    }

    pub(in crate::replay) fn claim_id(&self, consumer: &str, token: &[u8], stamp: Timestamp, nonce: &Nonce) -> ClaimId {
        self.names.name(consumer, token, stamp, nonce)
    }
}

impl Drop for SharedStore {
    fn drop(&mut self) {
        self.common.end.notify_one();
    }
}

/// Longer than a store that is well takes to be connected to and looked at.
const FIRST_WITHIN: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Instant;

    use super::super::fake;
    use super::*;
    use crate::clock::ManualClock;

    const NOW: u64 = 1_700_000_000;

    fn nowhere() -> SharedStore {
        store_at("/nowhere".into())
    }

    fn store_at(path: PathBuf) -> SharedStore {
        let settings = fake::settings(path);
        let window = Window { max_age: 300, max_ahead: 300 };
        SharedStore::open(&settings, window, Clock::Manual(ManualClock::at(NOW))).unwrap().unwrap()
    }

    fn comes_true(mut look: impl FnMut() -> bool) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if look() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    #[test]
    fn a_store_that_is_not_there_yet_is_told_to_be_in_trouble_and_is_looked_after() {
        let store = nowhere();
        assert!(matches!(store.trouble(), Some(StoreTrouble::Unreachable(_))));
        assert_eq!(store.first_remembered(), None);
        assert!(store.is_alive());
    }

    #[test]
    fn a_store_that_is_in_use_has_no_trouble_and_says_from_when_on_it_remembers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        fake::serve(&path, NOW);
        let store = store_at(path);
        assert!(comes_true(|| store.trouble().is_none()));
        assert_eq!(store.first_remembered(), Some(Timestamp::from_seconds(NOW + 300 + 71)), "it was empty");
    }

    #[test]
    fn a_thread_that_has_ended_is_told() {
        let store = nowhere();
        store.common.end.notify_one();
        assert!(comes_true(|| !store.is_alive()));
    }

    #[test]
    fn the_thread_ends_with_the_store() {
        let store = nowhere();
        let common = Arc::downgrade(&store.common);
        drop(store);
        assert!(comes_true(|| common.strong_count() == 0));
    }
}
