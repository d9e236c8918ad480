//! What the gateway says of itself: the access log, the audit log, diagnostics, metrics, health; and, for the administrator's pages,
//! the last refusals and what each consumer did in the last hour.

mod access;
mod activity;
mod audit;
mod counts;
mod diagnostics;
mod health;
mod histogram;
mod lines;
mod metrics;
mod recent;
mod sink;
mod tally;
mod traffic;

pub use access::{AccessRecord, Outcome, UnreadHead};
pub use activity::{ConsumerActivity, LastHour};
pub use audit::{Actor, Audit, Audited, Subject, check_for_command, record_of_command};
pub use counts::VerdictCounts;
pub use diagnostics::install as install_diagnostics;
pub use health::{Health, Trouble};
pub use histogram::Durations;
pub use metrics::{Metrics, MetricsFormat};
pub use recent::{RecentRefusal, RecentRefusals};
pub use sink::Sink;
pub use traffic::{Counts, Event, Times, Totals, Traffic};
