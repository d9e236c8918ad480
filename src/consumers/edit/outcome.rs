//! What an editor shows, and what it has done.

use std::path::PathBuf;
use std::sync::Arc;

use super::draft::Change;
use super::revision::Revision;
use crate::consumers::model::Consumer;
use crate::yaml::Problem;

/// All consumers as they are written.
#[derive(Debug)]
pub struct Listing {
    /// In the order of files and lines.
    pub entries: Vec<Entry>,
    /// What somebody should know about them.
    pub warnings: Vec<Problem>,
    /// Why no consumer can be added; `None` if nothing is known against it.
    pub read_only: Option<String>,
}

/// A consumer, and where it is written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The consumer key.
    pub key: String,
    /// Its settings as they are written; what is not written is [`super::Setting::Keep`].
    pub settings: Change,
    /// What the gateway makes of them.
    pub consumer: Arc<Consumer>,
    /// Its file.
    pub file: PathBuf,
    /// The line where its entry begins.
    pub line: usize,
    /// The file as it is now.
    pub revision: Revision,
    /// Why it can't be edited; `None` if nothing is known against it.
    pub read_only: Option<String>,
}

/// A change that was made.
#[derive(Debug)]
pub struct Written {
    /// The consumer key.
    pub key: String,
    /// The file that was written.
    pub file: PathBuf,
    /// The line where the entry begins; where it began, if it was removed.
    pub line: usize,
    /// What became of the file.
    pub fate: FileFate,
    /// The consumer before; `None` for a new one, or if the list could not be used.
    pub before: Option<Arc<Consumer>>,
    /// The consumer now; `None` if it was removed.
    pub after: Option<Arc<Consumer>>,
    /// The file as it is now.
    pub revision: Revision,
    /// What somebody should know about the consumer.
    pub warnings: Vec<Problem>,
}

/// What a change made of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFate {
    /// It holds the change.
    Changed,
    /// It is new.
    Created,
    /// Nothing was left in it, so it is gone.
    Deleted,
    /// All was as it should be already.
    Unchanged,
}
