//! Consumers added, edited and removed in their files; no other part of the program changes a file that is there.
//!
//! What is not changed stays byte for byte: comments, order, blank lines, quotes, line ends. The new text is read again and has
//! to be exactly the intended list, and a list that can be used, before it takes the old one's place.

mod disk;
mod draft;
mod editor;
mod error;
mod fields;
mod file_name;
mod json;
mod lines;
mod list;
mod maps;
mod outcome;
#[cfg(test)]
mod properties;
mod revision;
mod rules;
mod snapshot;
mod splices;

pub use draft::{AllowRule, Change, CredentialFile, Draft, Rate, Setting};
pub use editor::Editor;
pub use error::{Conflict, EditError};
pub use outcome::{Entry, FileFate, Listing, Written};
pub use revision::Revision;
pub use rules::Rules;
