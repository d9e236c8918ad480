//! The two clocks: the wall's, by which timestamps are judged, and the monotonic one, which cannot be set back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::oauth::timestamp::Timestamp;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clocks.
    System,
    /// Clocks that stand still until a test moves them.
    Manual(Arc<ManualClock>),
}

/// Clocks for tests, in seconds.
#[derive(Debug)]
pub struct ManualClock {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub wall: Timestamp,
    /// Since some moment before the start.
    pub monotonic: Duration,
}

impl Clock {
    /// Both clocks, read one after the other.
    pub fn now(&self) -> Moment {
        match self {
            Self::System => Moment { wall: system_wall(), monotonic: started().elapsed() },
            Self::Manual(manual) => manual.now(),
        }
    }

    /// The wall clock alone.
    pub fn wall(&self) -> Timestamp {
        match self {
            Self::System => system_wall(),
            Self::Manual(manual) => manual.now().wall,
        }
    }
}

impl ManualClock {
    /// Clocks that show `wall` seconds since 1970, and zero.
    pub fn at(wall: u64) -> Arc<Self> {
        Arc::new(Self { wall: wall.into(), monotonic: 0.into() })
    }

    /// Time passes: both clocks move.
    pub fn advance(&self, seconds: u64) {
        self.wall.fetch_add(seconds, Ordering::SeqCst);
        self.monotonic.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&self, wall: u64) {
        self.wall.store(wall, Ordering::SeqCst);
    }

    fn now(&self) -> Moment {
        Moment {
            wall: Timestamp::from_seconds(self.wall.load(Ordering::SeqCst)),
            monotonic: Duration::from_secs(self.monotonic.load(Ordering::SeqCst)),
        }
    }
}

/// A clock before 1970 reads as 1970, at which no request's timestamp is fresh: nothing is let in by it.
fn system_wall() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn started() -> Instant {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *STARTED.get_or_init(Instant::now)
}
