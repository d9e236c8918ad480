//! Temporary credentials (request tokens) and token credentials (access tokens): RFC 5849 §2.
//!
//! [`TokenStore`] is all that the dance and the request path ask of them. Kept out: HTTP, and who may decide.
//!
//! Only hashes of tokens, verifiers and session handles are kept. With RSA a token's secret signs nothing (RFC 5849 §3.4.3): it is
//! made for clients that expect one, and forgotten.

mod cleanup;
mod counts;
mod database;
#[cfg(test)]
mod desk;
mod ending;
mod exchange;
mod file;
mod follow;
mod index;
mod keeper;
mod model;
mod operations;
mod problem;
#[cfg(test)]
mod random;
mod revocation;
mod schema;
mod store;
mod temporary;

pub use counts::{Step, StepCounts, StepOutcome};
pub use file::TokenFile;
pub use model::{
    AccessToken, Callback, Decided, Decision, Issued, NewTemporary, Revision, Revoked, Selection, TemporaryCredentials,
    TokenCredentials, TokenId,
};
pub use problem::{DanceError, StoreFault, TokenProblem};
pub use store::TokenStore;
