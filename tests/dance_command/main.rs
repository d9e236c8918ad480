//! `countersign dance`: the consumer's side of the three-legged dance, against a provider that is not ours.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../tls/certificates.rs"]
#[allow(dead_code, reason = "those for TLS use more of it")]
mod certificates;
#[path = "../tls/client.rs"]
#[allow(dead_code, reason = "those for TLS use more of it")]
mod client;
mod command;
mod giving;
mod provider;
mod refusing;
#[path = "../support/mod.rs"]
mod support;
