//! The administrator's side: the listener, its pages, and the commands beside it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod accounts_cli;
mod allowed;
mod api;
mod api_refusals;
mod browser;
mod chromium;
mod consumers;
mod credentials;
mod files;
mod form;
mod harm;
mod health;
mod importing;
mod in_a_browser;
mod keys;
mod listener;
mod metrics;
mod program;
mod schemathesis;
mod setup;
mod signing_in;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
