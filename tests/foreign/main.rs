//! Foreign OAuth clients and a foreign application, all unmodified, at the started gateway.
//!
//! tests/interop/README.md says who they are and what is asked of them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod applications;
mod calls;
mod clients;
mod documentation;
mod driver;
#[path = "../support/mod.rs"]
mod support;
mod tap;
mod wire;
