//! What the pages of both listeners share, the administrators' and the resource owners': how a browser is recognised, how things are
//! called, what goes on when it hangs up; the style sheet, and the parts of forms.
//!
//! Kept out: who somebody is, and what a page says.

pub(crate) mod cookies;
mod field_errors;
pub(crate) mod same_origin;
mod to_the_end;
pub(crate) mod words;

pub use field_errors::{FieldError, FieldErrors};
pub(crate) use to_the_end::to_the_end;
