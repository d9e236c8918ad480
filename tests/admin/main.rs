//! The administrator's side: the listener, its pages, and the commands beside it.

#![expect(clippy::unwrap_used, reason = "these are tests: whatever goes wrong here ends one")]

mod accounts_cli;
#[path = "../support/mod.rs"]
mod support;
