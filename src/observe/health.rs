//! Whether the gateway is alive, and whether it serves as it should: written by the control plane, read by whoever asks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What is known.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    /// When the data plane last proved to be alive, in milliseconds after `started`.
    answered: AtomicU64,
    draining: AtomicBool,
    /// By [`Trouble`].
    troubles: [AtomicBool; Trouble::ALL.len()],
    /// How often each was said to last.
    raised: [AtomicU64; Trouble::ALL.len()],
}

/// What keeps signed requests from being accepted while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The nonce journal cannot be written.
    Journal,
    /// The nonce store that several gateways share cannot be used.
    SharedStore,
    /// What was accepted up to now is not known, and so present timestamps are refused.
    Forgotten,
}

impl Trouble {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Journal, Self::SharedStore, Self::Forgotten];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Journal => "nonce_journal",
            Self::SharedStore => "nonce_store",
            Self::Forgotten => "nonces_forgotten",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Journal => "the nonce journal cannot be written",
            Self::SharedStore => "the shared nonce store cannot be used",
            Self::Forgotten => "what was accepted before is not known, so requests with present timestamps are refused",
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        let (answered, draining, troubles, raised) = Default::default();
        Self { started: Instant::now(), answered, draining, troubles, raised }
    }
}

impl Health {
    /// Every data-plane thread has answered just now.
    pub fn note_answer(&self) {
        self.answered.store(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A trouble begins, lasts or ends.
    pub fn set(&self, trouble: Trouble, lasts: bool) {
        self.troubles[trouble as usize].store(lasts, Relaxed);
        self.raised[trouble as usize].fetch_add(lasts.into(), Relaxed);
    }

    /// Whether it lasts.
    pub fn has(&self, trouble: Trouble) -> bool {
        self.troubles[trouble as usize].load(Relaxed)
    }

    /// How often it was said that the trouble begins or lasts.
    pub fn raised(&self, trouble: Trouble) -> u64 {
        self.raised[trouble as usize].load(Relaxed)
    }

    /// The end has begun.
    pub fn begin_drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Whether all threads that handle requests answer. At the end nobody asks them any more, and they have a deadline.
    pub fn is_alive(&self) -> bool {
        let answered = Duration::from_millis(self.answered.load(Relaxed));
        self.draining.load(Relaxed) || self.started.elapsed().saturating_sub(answered) < PATIENCE
    }

    /// Why no new requests should be sent here, each as a sentence; empty if all is well.
    pub fn troubles(&self) -> Vec<&'static str> {
        let lasting = Trouble::ALL.into_iter().filter(|trouble| self.has(*trouble));
        let mut found: Vec<_> = lasting.map(Trouble::sentence).collect();
        if self.draining.load(Relaxed) {
            found.push("the gateway is stopping");
        }
        if !self.is_alive() {
            found.push("a thread that handles requests does not answer");
        }
        found
    }
}

/// The threads are asked each second. On a machine with more work than cores an answer takes a while; a watchdog that
/// ends the process waits longer still.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_told_while_it_lasts() {
        let health = Health::default();
        assert!(health.is_alive() && health.troubles().is_empty());
        for trouble in Trouble::ALL {
            health.set(trouble, true);
            assert_eq!(health.troubles(), [trouble.sentence()]);
            health.set(trouble, false);
        }
        health.begin_drain();
        assert_eq!(health.troubles(), ["the gateway is stopping"]);
    }

    #[test]
    fn a_data_plane_that_has_not_answered_for_long_is_not_alive() {
        let Some(started) = Instant::now().checked_sub(2 * PATIENCE) else { return };
        let health = Health { started, ..Health::default() };
        assert!(!health.is_alive());
        assert_eq!(health.troubles(), ["a thread that handles requests does not answer"]);
        health.note_answer();
        assert!(health.is_alive());
    }
}
