//! What a started gateway remembers of the nonces that it accepted: killed at any moment, with clocks that jump, after the
//! machine went down, with a full disk, with files that somebody damaged.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod boots;
mod clocks;
mod damage;
mod disk;
mod full;
mod kills;
mod site;
#[path = "../support/mod.rs"]
mod support;

use support::{Gateway, Response, Signing};

/// The status, and the problem or the code in its place.
type Answer = (u16, String);

fn answer(response: &Response) -> Answer {
    (response.status, response.problem().unwrap_or_default())
}

#[track_caller]
fn admitted(gateway: &Gateway, what: &str, request: &Signing) {
    let response = gateway.ask(request);
    assert_eq!(response.status, 200, "{what}: {}", response.text());
}

#[track_caller]
fn refused(gateway: &Gateway, problem: &str, what: &str, request: &Signing) {
    let response = gateway.ask(request);
    assert_eq!(answer(&response), (401, problem.to_owned()), "{what}: {}", response.text());
}
