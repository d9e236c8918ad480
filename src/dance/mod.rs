//! The three-legged dance: who gives which consumer a token, and takes it back (RFC 5849 §2).
//!
//! [`signed`] answers consumers; the pages answer the resource owner at a browser. Kept out: tokens' own rules, which are
//! [`tokens`](crate::tokens)', and the proof of a signature.

pub mod callback;
mod endpoint;
pub mod signed;

pub use endpoint::{Endpoint, Page};
