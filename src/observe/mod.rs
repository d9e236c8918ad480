//! What the gateway says of itself: the access log, the audit log, diagnostics, counts.

mod access;
mod audit;
mod counts;
mod diagnostics;
mod lines;
mod sink;

pub use access::{AccessRecord, Outcome, UnreadHead};
pub use audit::{Actor, Audit, Audited, Subject, record_of_command};
pub use counts::VerdictCounts;
pub use diagnostics::install as install_diagnostics;
pub use sink::Sink;
