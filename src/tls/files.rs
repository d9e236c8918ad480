//! What is in the files, each read once for one look at all of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

/// The contents of files as they were at the first question.
#[derive(Default)]
pub struct Files {
    read: Mutex<BTreeMap<PathBuf, Content>>,
}

pub(super) type Content = Result<Arc<[u8]>, Unreadable>;

/// Why a file can't be read, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Unreadable {
    pub(super) why: String,
    pub(super) hint: &'static str,
}

impl Files {
    pub(super) fn get(&self, path: &Path) -> Content {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = read.get(path) {
            return content.clone();
        }
        let content = content_of(path);
        read.insert(path.to_owned(), content.clone());
        content
    }

    /// A number for what is in these files.
    pub fn fingerprint<'p>(&self, paths: impl Iterator<Item = &'p Path>) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            (path, self.get(path)).hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn content_of(path: &Path) -> Content {
    let unreadable = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path",
            io::ErrorKind::PermissionDenied => "let the user that the gateway runs as read it",
            _ => "",
        };
        Unreadable { why: error.to_string(), hint }
    };
    // Asked before the file is opened: opening a named pipe waits for a writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Unreadable { why: "it is no regular file".to_owned(), hint: "name a PEM file" });
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(Unreadable { why: format!("it is larger than {MAX_SIZE} bytes"), hint: "name a PEM file" });
    }
    Ok(bytes.into())
}

/// All authorities that a system trusts together have about 250 kB.
const MAX_SIZE: u64 = 1024 * 1024;
