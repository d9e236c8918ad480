//! The token database under commands, beside an open store, and after kills.

#![expect(clippy::unwrap_used, reason = "these are tests: whatever goes wrong here ends one")]

mod commands;
mod kills;
mod site;
