//! The state directory, ours alone, and in it the number of the process that has it.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::ProcessId;

/// The state directory, locked as long as this lives.
#[derive(Debug)]
pub struct StateDirectory {
    _lock: File,
}

/// Why a state directory is not ours.
#[derive(Debug)]
pub enum StateError {
    /// Another process has it.
    InUse,
    /// It cannot be made or locked.
    Unusable(io::Error),
}

impl StateDirectory {
    /// Makes it if it is not there, and keeps every other process off.
    ///
    /// # Errors
    /// [`StateError`]
    pub fn lock(path: &Path) -> Result<Self, StateError> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StateError::Unusable)?;
        let mut options = File::options();
        let lock = options.create(true).write(true).truncate(false).mode(0o600).open(path.join(LOCK));
        let mut lock = lock.map_err(StateError::Unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse),
            Err(TryLockError::Error(error)) => return Err(StateError::Unusable(error)),
        }
        let text = ProcessId::current().map_err(StateError::Unusable)?.to_string();
        lock.set_len(0).and_then(|()| lock.write_all(text.as_bytes())).map_err(StateError::Unusable)?;
        Ok(Self { _lock: lock })
    }

    /// The process that has a state directory, if it runs.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn holder(path: &Path) -> io::Result<Option<ProcessId>> {
        match std::fs::read_to_string(path.join(LOCK)) {
            Ok(text) => Ok(ProcessId::parse(&text).filter(ProcessId::is_running)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_the_directory_and_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        assert_eq!(StateDirectory::holder(&path).unwrap(), None);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join(LOCK), "1 1 and much that an earlier version may have written\n").unwrap();
        assert_eq!(StateDirectory::holder(&path).unwrap(), None);
        let held = StateDirectory::lock(&path).unwrap();
        assert_eq!(StateDirectory::holder(&path).unwrap(), Some(ProcessId::current().unwrap()));
        assert!(matches!(StateDirectory::lock(&path), Err(StateError::InUse)));
        drop(held);
        StateDirectory::lock(&path).unwrap();
    }
}
