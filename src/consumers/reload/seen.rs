//! What files look like from outside, and what is in them, in a form that can be compared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::consumers::files;
use crate::stamp::FileStamp;
use crate::yaml::{Document, Problems};

/// A file that is looked at, and how it looks; the time of its last status change is in that, since permissions that are given back
/// change nothing else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) path: PathBuf,
    found: Option<FileStamp>,
}

/// The stamps of the configuration file, the consumers file or folder and the files in it, and those that these name.
pub(super) fn stamps(config: Option<&Path>, consumers: &Path, named: impl Iterator<Item = PathBuf>) -> Vec<Stamp> {
    let listed = files::list(consumers).unwrap_or_default();
    let all = config.into_iter().chain([consumers]).map(Path::to_owned).chain(listed).chain(named);
    all.map(|path| Stamp { found: FileStamp::of(&path), path }).collect()
}

/// A number for what was read, whether that was texts or problems, and for what else decides on their meaning.
pub(super) fn content_of(read: &Result<&[Document], &Problems>, beside: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    beside.hash(&mut hasher);
    match read {
        Ok(documents) => documents.iter().for_each(|document| (document.file(), document.text()).hash(&mut hasher)),
        Err(problems) => problems.hash(&mut hasher),
    }
    hasher.finish()
}
