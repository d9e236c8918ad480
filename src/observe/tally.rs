//! A count that one thread keeps and others read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts without waiting for the processor's cache: no other thread adds to it, so nothing has to be locked to add. With
/// `fetch_add`, what is counted for one request took 240 ns on the machine on which this takes 30.
#[derive(Debug, Default)]
pub(super) struct Tally(AtomicU64);

impl Tally {
    /// To be called by one thread alone; what two of them add at the same time may be counted once.
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
