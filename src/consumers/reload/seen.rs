//! What files look like from outside, and what is in them, in a form that can be compared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::consumers::files;
use crate::yaml::{Document, Problems};

/// A file as `stat` shows it, symbolic links followed. The time of the last status change is in it, since permissions
/// that are given back change nothing else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) path: PathBuf,
    stat: Option<[i128; 5]>,
}

/// The stamps of the configuration file, the consumers file or folder and the files in it, and those that these name.
pub(super) fn stamps(config: Option<&Path>, consumers: &Path, named: impl Iterator<Item = PathBuf>) -> Vec<Stamp> {
    let listed = files::list(consumers).unwrap_or_default();
    let all = config.into_iter().chain([consumers]).map(Path::to_owned).chain(listed).chain(named);
    all.map(|path| Stamp { stat: stat(&path), path }).collect()
}

fn stat(path: &Path) -> Option<[i128; 5]> {
    let stat = std::fs::metadata(path).ok()?;
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let modified = nanoseconds(stat.mtime(), stat.mtime_nsec());
    let changed = nanoseconds(stat.ctime(), stat.ctime_nsec());
    Some([stat.dev().into(), stat.ino().into(), stat.size().into(), modified, changed])
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
