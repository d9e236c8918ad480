//! Consumers added, edited and removed in their files; nothing else in the program writes those.
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
#[cfg(test)]
mod properties;
mod revision;
mod snapshot;
mod splices;

pub use draft::{AllowRule, Change, Draft, Rate, Setting};
pub use editor::{Editor, Entry, FileFate, Listing, Rules, Written};
pub use error::{Conflict, EditError};
pub use revision::Revision;
