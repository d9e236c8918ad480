//! Reading the YAML files that people write: every problem with its file, its line and what to do about it.
//!
//! Values come through `serde_yaml`, positions from a second parser and only when something has to be said about a place.
//! Kept out: what any key means.

mod document;
mod emit;
mod fields;
mod node;
mod pieces;
mod place;
mod problem;
mod report;
mod scalar;
mod tree;
mod value;

pub use document::Document;
pub use emit::{Block, Lines, flow};
pub use fields::Fields;
pub use node::{Node, Path, Step};
pub use pieces::{Odd, Piece, Pieces};
pub use problem::{Problem, Problems, Severity};
pub use report::Report;
pub use tree::{Branch, Pair, Shape, Tree, after_properties};
pub use value::{Parsed, Streamed};
