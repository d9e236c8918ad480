//! TLS with real clients and servers: curl, openssl, Python's requests, sslyze and testssl.sh.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod certificates;
mod client;
mod crowd;
mod files;
mod handshakes;
mod renewal;
mod scanners;
mod slow;
mod stalled;
#[path = "../support/mod.rs"]
mod support;
mod upstream;

use support::gateway::Builder;
use support::{Backend, Gateway};

/// A gateway with one listener, whose `tls` is this, in front of `backend`; `/open` needs no signature.
fn gateway(backend: &Backend, tls: &str) -> Builder {
    let listen = format!("listen: [{{ address: \"127.0.0.1:0\", tls: {tls} }}]");
    Gateway::builder().upstream(backend).setting(&listen).route("{ path: /open/**, access: open }")
}
