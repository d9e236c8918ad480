//! What is in the files that `upstream_authorization` names, each read once for one look at all of them.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, fs};

/// The contents of credential files as they were at the first question.
#[derive(Default)]
pub struct CredentialFiles {
    read: Mutex<BTreeMap<PathBuf, Content>>,
}

pub(super) type Content = Result<Arc<Secret>, Unreadable>;

/// What a file holds, and who may know it.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Secret {
    pub(super) bytes: Box<[u8]>,
    /// The file's mode where more people may read it than need to.
    pub(super) open_to_others: Option<u32>,
}

/// Why a file can't be read, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Unreadable {
    pub(super) why: String,
    pub(super) hint: &'static str,
    /// It may be readable the next moment, and look no different from outside.
    passes: bool,
}

impl CredentialFiles {
    pub(super) fn get(&self, path: &Path) -> Content {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.entry(path.to_owned()).or_insert_with(|| content_of(path)).clone()
    }

    /// All files that were asked for.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Whether one of them could not be read for a reason that may pass unseen.
    pub(super) fn is_to_be_read_again(&self) -> bool {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.values().any(|content| content.as_ref().is_err_and(|unreadable| unreadable.passes))
    }

    /// A number for what is in these files.
    pub(super) fn fingerprint(&self, paths: &[PathBuf]) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            (path, self.get(path)).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// The contents are secrets.
impl fmt::Debug for CredentialFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialFiles({:?})", self.paths())
    }
}

fn content_of(path: &Path) -> Content {
    let unreadable = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path; a relative one begins at the consumers file's folder",
            io::ErrorKind::PermissionDenied => "let the user that the gateway runs as read it",
            _ => "",
        };
        // Without a hint: no descriptor was left, a network file system was away.
        Unreadable { why: format!("can't be read: {error}"), hint, passes: hint.is_empty() }
    };
    // Asked before the file is opened: opening a named pipe waits for a writer.
    let found = fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        let hint = "name a file with the credential in it";
        return Err(Unreadable { why: "is no regular file".to_owned(), hint, passes: false });
    }
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SIZE {
        let why = format!("is longer than {MAX_SIZE} bytes");
        return Err(Unreadable { why, hint: "write the credential and nothing else into it", passes: false });
    }
    Ok(Arc::new(Secret { bytes: bytes.into(), open_to_others: open_to_others(&found) }))
}

/// A file of root's is given to a service by its group: that one has to be able to read it.
fn open_to_others(found: &Metadata) -> Option<u32> {
    let too_many = if found.uid() == 0 { 0o004 } else { 0o044 };
    let mode = found.mode() & 0o777;
    (mode & too_many != 0).then_some(mode)
}

/// Servers take header fields of 8 KiB by default; a credential beyond that would reach none of them.
const MAX_SIZE: u64 = 8 * 1024;
