//! The rows of docs/attacks.md: each asserts the status and that the backend was never reached.
//!
//! A test's name begins with the row's number.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod answers;
mod bodies;
mod bypass;
mod cryptography;
mod destinations;
mod exhaustion;
mod faults;
mod framing;
mod headers;
mod hiding;
mod http_2;
mod invariants;
mod keys;
mod mutations;
mod parameters;
mod refusals;
mod routes;
mod scarcity;
mod spellings;
#[path = "../support/mod.rs"]
mod support;
mod upload;
mod upstreams;

use support::{Backend, Gateway, Response, Signing};

/// Sends a request that must be denied: a 4xx, and not one byte and not one connection more at the backend.
#[track_caller]
fn denied(gateway: &Gateway, backend: &Backend, what: &str, request: &Signing) -> Response {
    denied_bytes(gateway, backend, what, &request.bytes())
}

/// As [`denied`], for exact bytes.
#[track_caller]
fn denied_bytes(gateway: &Gateway, backend: &Backend, what: &str, bytes: &[u8]) -> Response {
    let before = (backend.connections(), backend.byte_count());
    let response = gateway.ask_raw(bytes);
    assert!((400..500).contains(&response.status), "{what}: {} {}", response.status, response.text());
    assert_eq!((backend.connections(), backend.byte_count()), before, "{what}: something reached the backend");
    response
}

/// As [`denied`], with the status and the OAuth problem that it has to have.
#[track_caller]
fn denied_as(gateway: &Gateway, backend: &Backend, (status, problem): (u16, &str), what: &str, request: &Signing) -> Response {
    let response = denied(gateway, backend, what, request);
    let got = (response.status, response.problem().unwrap_or_default());
    assert_eq!(got, (status, problem.to_owned()), "{what}: {}", response.text());
    response
}

/// Sends a request that must pass.
#[track_caller]
fn admitted(gateway: &Gateway, what: &str, request: &Signing) -> Response {
    let response = gateway.ask(request);
    assert_eq!(response.status, 200, "{what}: {}", response.text());
    response
}
