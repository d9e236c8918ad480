//! Two instances and the store they share: row A10 of docs/attacks.md, and everything that can become of a store.

#![expect(clippy::unwrap_used, reason = "these are tests: whatever goes wrong here ends one")]

mod faults;
mod fitness;
mod losses;
mod once;
mod relay;
mod store;
#[path = "../support/mod.rs"]
mod support;

use store::Store;
use support::{Backend, Gateway, Response, Signing};

/// Two instances with one store, in front of one backend.
struct Pair {
    backend: Backend,
    first: Gateway,
    second: Gateway,
}

impl Pair {
    /// With a store that is ready.
    fn on(store: &Store) -> Self {
        Self::with(&store.setting())
    }

    fn with(setting: &str) -> Self {
        let backend = Backend::start();
        let start = || Gateway::builder().upstream(&backend).setting(setting).start();
        let (first, second) = (start(), start());
        Self { first, second, backend }
    }

    /// Sends a request that must be refused, with not one byte at the backend.
    #[track_caller]
    fn refused(&self, gateway: &Gateway, what: &str, request: &Signing) -> Response {
        let before = (self.backend.connections(), self.backend.byte_count());
        let response = gateway.ask(request);
        assert!(response.status >= 400, "{what}: {}", response.status);
        let after = (self.backend.connections(), self.backend.byte_count());
        assert_eq!(after, before, "{what}: something reached the backend");
        response
    }

    #[track_caller]
    fn refused_as(&self, gateway: &Gateway, (status, problem): (u16, &str), what: &str, request: &Signing) {
        let response = self.refused(gateway, what, request);
        let got = (response.status, response.problem().unwrap_or_default());
        assert_eq!(got, (status, problem.to_owned()), "{what}: {}", response.text());
    }

    /// The store gives no answer that lets the request pass.
    #[track_caller]
    fn unclaimed(&self, gateway: &Gateway, what: &str, request: &Signing) {
        let response = self.refused(gateway, what, request);
        assert_eq!((response.status, response.field("Retry-After")), (503, Some("2")), "{what}: {}", response.text());
        assert!(response.problem().is_none(), "{what}: the client is told nothing of the store");
    }
}

#[track_caller]
fn admitted(gateway: &Gateway, what: &str, request: &Signing) {
    let response = gateway.ask(request);
    assert_eq!(response.status, 200, "{what}: {}", response.text());
}
