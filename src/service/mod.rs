//! What the world around the process is told: the service manager, and whoever asks for a reload.

mod holder;
pub mod manager;
mod process;
mod reloads;
mod state;
mod verdict;

pub use process::ProcessId;
pub use reloads::Reloads;
pub use state::{StateDirectory, StateError};
pub use verdict::Verdict;

use rustix::time::{ClockId, clock_gettime};

/// The machine's monotonic clock in microseconds, the same for all processes; the service manager reads it too.
pub fn monotonic_usec() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default() / 1000
}
