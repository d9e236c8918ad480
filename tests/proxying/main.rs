//! Ordinary proxy behaviour: what a gateway owes to honest clients and to the application behind it.

mod bodies;
mod connections;
mod consumers;
mod credentials;
mod headers;
mod lifecycle;
mod log;
mod many_consumers;
mod origin;
mod reload;
mod routes;
mod starting;
#[path = "../support/mod.rs"]
mod support;
mod tunnels;
mod two_legged;

use support::{Gateway, Response, Signing};

/// Sends a request that must pass.
#[track_caller]
fn admitted(gateway: &Gateway, what: &str, request: &Signing) -> Response {
    let response = gateway.ask(request);
    assert_eq!(response.status, 200, "{what}: {}", response.text());
    response
}

/// Sends a request that must be refused, with this status and problem.
#[track_caller]
fn refused(gateway: &Gateway, (status, problem): (u16, &str), what: &str, request: &Signing) {
    let response = gateway.ask(request);
    let got = (response.status, response.problem().unwrap_or_default());
    assert_eq!(got, (status, problem.to_owned()), "{what}: {}", response.text());
}
