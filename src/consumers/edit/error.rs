//! Why a list was not changed. Nothing was written then, but in the cases that [`EditError::Io`] and [`EditError::Unfinished`] name.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{Entry, Revision};
use crate::tokens::StoreFault;
use crate::yaml::Problems;

/// Why a list was not changed.
#[derive(Debug)]
pub enum EditError {
    /// The list as it would be, or as it is already, can't be used: what `countersign check` would say.
    Problems(Problems),
    /// The file is another one than when it was looked at.
    Conflict(Box<Conflict>),
    /// Nobody may write here; a sentence says why.
    ReadOnly(String),
    /// There is no consumer with this key.
    UnknownKey {
        /// The key.
        key: String,
        /// One that is nearly the same.
        near: Option<String>,
    },
    /// There is a consumer with this key already.
    KeyTaken {
        /// The key.
        key: String,
        /// Its file.
        file: PathBuf,
        /// The line of its entry.
        line: usize,
    },
    /// A consumer's key was to be changed.
    KeyIsImmutable {
        /// The key that it has.
        key: String,
    },
    /// The file is written in a way that can't be changed without changing more; somebody has to do it by hand.
    ByHand {
        /// The file.
        file: PathBuf,
        /// Where it is written so.
        line: usize,
        /// What stands there.
        why: &'static str,
    },
    /// Somebody else has been editing all the time.
    Busy(PathBuf),
    /// The tokens that users gave a consumer cannot be ended, and so it is not removed.
    TokensKept(StoreFault),
    /// What was begun came to no end, because the gateway is stopping or has a fault; nobody knows how far it got.
    Unfinished,
    /// Reading or writing failed. Where it was the folder that could not be synced, the new file stands in the old one's place
    /// already: only whether it outlives a crash of the machine is unknown.
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What is there now, of a file that changed since it was looked at.
#[derive(Debug)]
pub struct Conflict {
    /// The key that was to be changed.
    pub key: String,
    /// The entry; `None` if it is gone.
    pub now: Option<Entry>,
    /// The file's revision now; `None` if the consumer is in none.
    pub revision: Option<Revision>,
}

impl EditError {
    /// What to do about it; empty where the message says it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Problems(_) | Self::ReadOnly(_) => "",
            Self::Conflict(_) => "look at what is there now, and make the change again",
            Self::UnknownKey { .. } => "countersign consumers list shows all of them",
            Self::KeyTaken { .. } => "take another key, or edit that consumer",
            Self::KeyIsImmutable { .. } => {
                "add a new consumer with the new key, and remove this one when nobody signs with it any more"
            }
            Self::ByHand { .. } => "change the file by hand, and check it with countersign check",
            Self::Busy(_) => "try again when the other command or page is done",
            Self::Io { .. } => "nothing was changed; mend that and try again",
            Self::TokensKept(_) => {
                "the consumer stays as it is until they can be ended; disable it meanwhile, which refuses them too"
            }
            Self::Unfinished => "look at what is there now; the log says whether something went wrong",
        }
    }
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => problems.fmt(f),
            Self::Conflict(conflict) => match (&conflict.now, &conflict.revision) {
                (Some(Entry { file, line, revision, .. }), _) => {
                    let (key, file) = (&conflict.key, file.display());
                    write!(f, "the file of consumer {key:?} was changed meanwhile: see {file}:{line}, at revision {revision}")
                }
                (None, Some(_)) => {
                    write!(f, "the file was changed by somebody else while consumer {:?} was written", conflict.key)
                }
                (None, None) => write!(f, "consumer {:?} was removed meanwhile", conflict.key),
            },
            Self::ReadOnly(why) => f.write_str(why),
            Self::UnknownKey { key, near: None } => write!(f, "there is no consumer {key:?}"),
            Self::UnknownKey { key, near: Some(near) } => write!(f, "there is no consumer {key:?}; did you mean {near:?}?"),
            Self::KeyTaken { key, file, line } => {
                write!(f, "there is a consumer {key:?} already, in {}:{line}", file.display())
            }
            Self::KeyIsImmutable { key } => write!(f, "the key of consumer {key:?} can't be changed: it is who signs"),
            Self::ByHand { file, line, why } => write!(f, "{}:{line}: {why}", file.display()),
            Self::Busy(path) => write!(f, "{} is being edited by somebody else", path.display()),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::TokensKept(fault) => write!(f, "the access tokens of the consumer cannot be ended: {fault}"),
            Self::Unfinished => f.write_str("this was begun, and nobody knows whether it was finished"),
        }
    }
}

impl std::error::Error for EditError {}

impl From<Problems> for EditError {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}
