//! What the gateway says of itself: the access log, the audit log, diagnostics, counts, health.

mod access;
mod audit;
mod counts;
mod diagnostics;
mod health;
mod lines;
mod sink;

pub use access::{AccessRecord, Outcome, UnreadHead};
pub use audit::{Actor, Audit, Audited, Subject, record_of_command};
pub use counts::VerdictCounts;
pub use diagnostics::install as install_diagnostics;
pub use health::{Health, Trouble};
pub use sink::Sink;
