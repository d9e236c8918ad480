//! Import by URL, from applications that behave well and from ones that attack, all of them another program's.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod added;
mod application;
#[path = "../tls/certificates.rs"]
#[allow(dead_code, reason = "made for the tests of TLS, which need more of it")]
mod certificates;
#[path = "../tls/client.rs"]
#[allow(dead_code, reason = "made for the tests of TLS, which need more of it")]
mod client;
mod found;
mod inside;
mod refused;
#[path = "../support/mod.rs"]
mod support;
mod tls;
