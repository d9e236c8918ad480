//! The files as they are at one moment, and the entries in them as they are written.

use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::error::EditError;
use super::list;
use super::outcome::FileFate;
use crate::consumers::files;
use crate::consumers::load::{self, LoadPolicy, Loaded};
use crate::consumers::model::ConsumerKey;
use crate::yaml::{Document, Problem, Problems, Tree};

/// All files of a place.
pub(super) struct Snapshot {
    pub(super) documents: Vec<Document>,
    /// The entries of each; none where a file can't be read as a list.
    entries: Vec<Vec<Value>>,
}

/// One entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'s> {
    pub(super) document: usize,
    pub(super) index: usize,
    pub(super) entry: &'s Mapping,
}

impl Snapshot {
    pub(super) fn read(place: &Path, cap: usize) -> Result<Self, EditError> {
        let documents = match files::list(place) {
            // The first file of a folder is yet to come.
            Err(_) if place.is_dir() && is_empty(place) => Vec::new(),
            _ => files::read(place, cap)?,
        };
        Ok(Self::of(documents))
    }

    fn of(documents: Vec<Document>) -> Self {
        let entries = documents.iter().map(|document| entries(document.text())).collect();
        Self { documents, entries }
    }

    /// The files with a new text for one of them, a new one, or one less.
    pub(super) fn with(&self, new: &Document, fate: FileFate) -> Self {
        let others = (0..self.documents.len()).filter_map(|at| self.copy(at));
        let mut documents: Vec<Document> = others.filter(|other| other.file() != new.file()).collect();
        if fate != FileFate::Deleted {
            documents.push(new.with_text(new.text().to_owned()));
        }
        documents.sort_by(|a, b| a.file().cmp(b.file()));
        Self::of(documents)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Found<'_>> {
        (0..self.entries.len()).flat_map(|document| self.within(document))
    }

    /// The entries of one file.
    pub(super) fn within(&self, document: usize) -> impl Iterator<Item = Found<'_>> {
        let entries = self.entries[document].iter().enumerate();
        entries.filter_map(move |(index, entry)| Some(Found { document, index, entry: entry.as_mapping()? }))
    }

    pub(super) fn find(&self, key: &str) -> Option<Found<'_>> {
        self.all().find(|found| found.key() == Some(key))
    }

    /// A key that was perhaps meant. The distance takes time in proportion to both lengths: it is asked only of keys that can be
    /// near, and of none if there can't be such a key at all.
    pub(super) fn nearest(&self, key: &str) -> Option<String> {
        ConsumerKey::new(key)?;
        let (most, lower) = (key.len().max(3) / 3, key.to_lowercase());
        let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &lower);
        let can_be_near = |known: &&str| known.chars().count().abs_diff(key.chars().count()) <= most;
        let keys = self.all().filter_map(|found| found.key()).filter(can_be_near);
        let near = keys.map(|known| (distance(known), known)).min()?;
        (near.0 <= most).then(|| near.1.to_owned())
    }

    pub(super) fn copy(&self, document: usize) -> Option<Document> {
        self.documents.get(document).map(|document| document.with_text(document.text().to_owned()))
    }

    /// The index of a file.
    pub(super) fn position(&self, file: &Path) -> Option<usize> {
        self.documents.iter().position(|document| document.file() == file)
    }

    /// Whether a file is a list with nobody in it.
    pub(super) fn is_empty_list(&self, document: usize) -> bool {
        list::values(self.documents[document].text()).is_some() && self.entries[document].is_empty()
    }

    pub(super) fn load(&self, policy: &LoadPolicy<'_>) -> Result<Loaded, Problems> {
        load::load_documents(&self.documents, policy)
    }

    /// The line of an entry.
    pub(super) fn line(&self, document: usize, index: usize) -> usize {
        let text = self.documents[document].text();
        let start = Tree::of(text).ok().and_then(|tree| list::ranges(text, &tree).get(index).map(|range| range.start));
        start.map_or(0, |start| line_of(text, start))
    }

    /// The line of every entry of a file.
    pub(super) fn lines(&self, document: usize) -> Vec<usize> {
        let text = self.documents[document].text();
        let Ok(tree) = Tree::of(text) else { return Vec::new() };
        let (mut line, mut counted) = (1, 0);
        let mut lines = Vec::new();
        for range in list::ranges(text, &tree) {
            line += text[counted..range.start.max(counted)].matches('\n').count();
            counted = range.start.max(counted);
            lines.push(line);
        }
        lines
    }
}

impl<'s> Found<'s> {
    pub(super) fn key(&self) -> Option<&'s str> {
        self.entry.get("key").and_then(Value::as_str)
    }
}

/// Refuses files that together are larger than what is read.
pub(super) fn check_size(documents: &[Document], cap: usize) -> Result<(), Problems> {
    let bytes: usize = documents.iter().map(|document| document.text().len()).sum();
    if bytes <= cap {
        return Ok(());
    }
    let file: PathBuf = documents.first().map(|document| document.file().to_owned()).unwrap_or_default();
    let message = format!("would have {bytes} bytes, and at most {cap} are read");
    Err(Problem::of_file(file, message, "a consumers file may be made larger with limits.consumers_file").into())
}

pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

fn entries(text: &str) -> Vec<Value> {
    match list::values(text) {
        Some(Value::Mapping(mut top)) => match top.remove("consumers") {
            Some(Value::Sequence(entries)) => entries,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| {
        !entries.any(|entry| entry.is_ok_and(|entry| files::is_consumers_file(Path::new(&entry.file_name()))))
    })
}
