//! The three-legged dance: its endpoints, its pages, foreign clients that dance it, and what attackers try with it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod access;
mod attacks;
mod clients;
mod exchange;
mod form;
mod full;
mod in_a_browser;
mod kills;
mod legacy;
mod log;
mod once;
mod owner;
mod proxy;
mod refused;
mod renewal;
mod revoked;
mod secrets;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod temporary;
mod tunnels;
mod users;
