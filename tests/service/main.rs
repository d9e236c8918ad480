//! The gateway as a service: started on passed sockets, told to reload and to stop, watched, and in its sandbox.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod drain;
mod held;
mod manager;
mod notifications;
mod reload;
mod restart;
mod sandbox;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod units;
