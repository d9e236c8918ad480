//! What the tests are written in: a gateway that runs, a backend that records, a client and a signer of their own.
//!
//! Nothing here uses the library under test: a mistake made on both sides would not show.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test binary uses its own part of this")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

pub mod backend;
pub mod browser;
pub mod client;
pub mod gateway;
pub mod jira;
pub mod keys;
pub mod message;
pub mod percent;
pub mod process;
pub mod secrets;
pub mod signer;
pub mod tools;
pub mod wait;

pub use backend::{Backend, Record, Wire, response};
pub use browser::{Browser, hidden};
pub use client::Client;
pub use gateway::{CONSUMER, Consumer, Gateway, by_reporting};
pub use keys::{KeyPair, RSA_1024, RSA_1024_OTHER, RSA_2048, RSA_2048_E3, RSA_2048_OTHER, RSA_4096};
pub use message::{Request, Response};
pub use signer::{Digest, Place, Signing, now, request, signed};
pub use wait::eventually;
