//! The state directory, ours alone, and in it the number of the process that has it.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{ProcessId, holder};
use crate::directory::Directory;

/// The state directory, ours alone as long as this lives: two nonce tables on one state would each accept a replay of the
/// other's.
#[derive(Debug)]
pub struct StateDirectory {
    directory: Arc<Directory>,
    lock: File,
    places: Vec<(PathBuf, Identity)>,
}

/// Device and inode: what a path names, told from another of the same name.
type Identity = (u64, u64);

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
        let directory = Directory::make(path).map_err(StateError::Unusable)?;
        let mut lock = directory.open_or_make(LOCK).map_err(StateError::Unusable)?;
        let mut tries = 0;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Somebody who looks for the holder has it for a moment.
                Err(TryLockError::WouldBlock) if tries < TRIES => std::thread::sleep(TRY_EVERY),
                Err(TryLockError::WouldBlock) => return Err(StateError::InUse),
                Err(TryLockError::Error(error)) => return Err(StateError::Unusable(error)),
            }
            tries += 1;
        }
        let text = ProcessId::current().map_err(StateError::Unusable)?.to_string();
        lock.set_len(0).and_then(|()| lock.write_all(text.as_bytes())).map_err(StateError::Unusable)?;
        Ok(Self { directory: Arc::new(directory), lock, places: Vec::new() })
    }

    /// The directory, to make files in.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Remembers what must not be replaced while it is in use: who did could lock it once more, and what is written would
    /// be lost.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn remember_places(&mut self) -> io::Result<()> {
        let path = self.directory.path();
        let (lock, nonces) = (path.join(LOCK), path.join("nonces"));
        let found = std::fs::metadata(&nonces)?;
        self.places = vec![(lock, identity(&self.lock.metadata()?)), (nonces, identity(&found))];
        Ok(())
    }

    /// Whether the directory is still the one that was locked and is written to.
    pub fn is_in_place(&self) -> bool {
        self.places.iter().all(|(path, known)| std::fs::metadata(path).is_ok_and(|found| identity(&found) == *known))
    }

    /// The process that has a state directory, if one has it now. It is the lock that tells, since /proc may be hidden from us.
    ///
    /// # Errors
    /// If that cannot be read, or if the process that the lock file names is not the one that holds it, see `service::holder`.
    pub fn holder(path: &Path) -> io::Result<Option<ProcessId>> {
        let mut lock = match File::open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Shared, so that two who look do not see each other.
        match lock.try_lock_shared() {
            Ok(()) => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut text = String::new();
        lock.read_to_string(&mut text)?;
        let named = ProcessId::parse(&text);
        named.map_or(Ok(()), |process| holder::check(&lock, process))?;
        Ok(named)
    }
}

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

const LOCK: &str = "lock";

/// Whoever looks for the holder is done in far less than this, all tries together.
const TRIES: u32 = 20;
const TRY_EVERY: Duration = Duration::from_millis(10);

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
        assert_eq!(StateDirectory::holder(&path).unwrap(), None, "its number is still there, and it is not");
        StateDirectory::lock(&path).unwrap();
    }

    #[test]
    fn somebody_who_looks_for_the_holder_is_none() {
        let folder = tempfile::tempdir().unwrap();
        drop(StateDirectory::lock(folder.path()).unwrap());
        let looking = File::open(folder.path().join(LOCK)).unwrap();
        looking.lock_shared().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(TRY_EVERY * 3);
                looking.unlock().unwrap();
            });
            StateDirectory::lock(folder.path()).unwrap();
        });
    }
}
