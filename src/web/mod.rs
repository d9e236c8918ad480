//! What the pages of both listeners share, the administrators' and the resource owners': how a browser is recognised, and how things
//! are called.
//!
//! Kept out: who somebody is, and what a page says.

pub(crate) mod cookies;
mod field_errors;
pub(crate) mod same_origin;
pub(crate) mod words;

pub use field_errors::{FieldError, FieldErrors};
