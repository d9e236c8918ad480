//! What the gateway says of itself: the access log, diagnostics, counts.

mod access;
mod counts;
mod diagnostics;
mod lines;
mod sink;

pub use access::{AccessRecord, Outcome, UnreadHead};
pub use counts::VerdictCounts;
pub use diagnostics::install as install_diagnostics;
pub use sink::Sink;
