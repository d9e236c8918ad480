//! A file that is replaced as a whole, by one editor at a time.

use std::ffi::{CString, OsString};
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{
    Access, CWD, RenameFlags, XattrFlags, access, fsetxattr, getxattr, getxattr_query, listxattr, listxattr_query, renameat_with,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::error::EditError;

/// Keeps every other editor off as long as it lives, in this process and in others.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is held by the open file")] File);

impl Lock {
    /// Locks the folder itself: a lock file would be one more thing that somebody has to own, and that is left behind.
    pub(super) fn take(folder: &Path) -> Result<Self, EditError> {
        let file = File::open(folder).map_err(|error| io_error(folder, error))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_EVERY),
                Err(TryLockError::Error(error)) => return Err(io_error(folder, error)),
            }
        }
        Err(EditError::Busy(folder.to_owned()))
    }
}

/// Whose a file is, and who may do what with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Owner {
    pub(super) fn of(found: &Metadata) -> Self {
        Self { uid: found.uid(), gid: found.gid(), mode: found.mode() & 0o7777 }
    }

    /// A new file that nobody's neighbour is: what the folder's owner would have made.
    pub(super) fn in_folder(found: &Metadata) -> Self {
        Self { mode: 0o644, ..Self::of(found) }
    }
}

/// Why a file can't be replaced; `None` if nothing is known against it.
pub(super) fn why_read_only(file: &Path) -> Option<String> {
    let real = match fs::canonicalize(file) {
        Ok(real) => real,
        Err(error) => return Some(format!("{}: {error}", file.display())),
    };
    let found = fs::metadata(&real).ok()?;
    let mode = found.mode() & 0o7777;
    // Root may write everything; where nobody is meant to, that is no leave to do it.
    if mode & 0o222 == 0 {
        return Some(format!("{} is write-protected (mode {mode:04o}); another tool may keep it", file.display()));
    }
    match access(&real, Access::WRITE_OK) {
        Err(Errno::ROFS) => return Some(read_only_file_system(file)),
        Err(_) => return Some(format!("{} may not be written by {}", file.display(), user())),
        Ok(()) => {}
    }
    if !geteuid().is_root() && found.uid() != geteuid().as_raw() {
        let owner = found.uid();
        return Some(format!("{} belongs to user {owner}, and {} can't give it back to them", file.display(), user()));
    }
    why_folder_read_only(real.parent()?)
}

/// Why no file can be put into a folder.
pub(super) fn why_folder_read_only(folder: &Path) -> Option<String> {
    match access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => None,
        Err(Errno::ROFS) => Some(read_only_file_system(folder)),
        Err(_) => Some(format!("files in {} may not be replaced by {}", folder.display(), user())),
    }
}

fn read_only_file_system(path: &Path) -> String {
    format!(
        "{} is on a file system that is read-only here; under systemd ReadWritePaths= opens a folder, a container needs a writable mount",
        path.display()
    )
}

fn user() -> String {
    format!("user {}", geteuid().as_raw())
}

/// Puts a file with these bytes in the place of another or of none: whoever looks, and whenever the machine stops, there is
/// the old one or the new one. An error of the last step, the folder's sync, comes when the new one is there.
pub(super) fn replace(real: &Path, bytes: &[u8], owner: Owner, is_new: bool) -> Result<(), EditError> {
    let folder = real.parent().unwrap_or(Path::new("/"));
    let temporary = temporary_name(real);
    let failed = |error| refused(real, error);
    // Whoever was here before has been killed: the folder is locked.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let attributes = if is_new { Vec::new() } else { attributes(real).map_err(failed)? };
    let written = write(&temporary, bytes, owner, is_new, &attributes).and_then(|()| put(&temporary, real, is_new));
    written.inspect_err(|_| drop(fs::remove_file(&temporary))).map_err(failed)?;
    sync_folder(folder);
    Ok(())
}

/// A new file takes nobody's place: somebody may have made one by hand that has the same name.
fn put(temporary: &Path, real: &Path, is_new: bool) -> io::Result<()> {
    if !is_new {
        return fs::rename(temporary, real);
    }
    match renameat_with(CWD, temporary, CWD, real, RenameFlags::NOREPLACE) {
        // Not every file system can do that; a second name for the file is refused where one is taken, too.
        Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(temporary, real).and_then(|()| fs::remove_file(temporary)),
        result => Ok(result?),
    }
}

/// Takes a file away.
pub(super) fn remove(real: &Path) -> Result<(), EditError> {
    fs::remove_file(real).map_err(|error| refused(real, error))?;
    sync_folder(real.parent().unwrap_or(Path::new("/")));
    Ok(())
}

fn write(path: &Path, bytes: &[u8], owner: Owner, is_new: bool, attributes: &[Attribute]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (owner.uid, owner.gid) {
        match fchown(&file, Some(owner.uid), Some(owner.gid)) {
            // A new file may be its maker's; one that was there stays its owner's.
            Err(_) if is_new => {}
            result => result?,
        }
    }
    file.set_permissions(fs::Permissions::from_mode(owner.mode))?;
    for (name, value) in attributes {
        match fsetxattr(&file, name, value, XattrFlags::empty()) {
            // A security module gives a new file its label itself.
            Err(_) if name.as_bytes().starts_with(b"security.") => {}
            result => result?,
        }
    }
    file.sync_all()
}

/// A name and its value.
type Attribute = (CString, Vec<u8>);

/// An access list (ACL) and whatever else hangs on a file: without it the mode would let in others than before.
fn attributes(real: &Path) -> io::Result<Vec<Attribute>> {
    let mut names = vec![0; listxattr_query(real).or_else(|error| none_of(error, 0))?];
    let length = if names.is_empty() { 0 } else { listxattr(real, &mut names[..])? };
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(CString::new);
    names
        .map(|name| {
            let name = name?;
            let mut value = vec![0; getxattr_query(real, &name)?];
            let length = if value.is_empty() { 0 } else { getxattr(real, &name, &mut value[..])? };
            value.truncate(length);
            Ok((name, value))
        })
        .collect()
}

/// Not every file system has such things.
fn none_of<T>(error: Errno, nothing: T) -> Result<T, Errno> {
    if error == Errno::NOTSUP { Ok(nothing) } else { Err(error) }
}

/// The change is made whatever this says; only a crash of the machine could still undo it.
fn sync_folder(folder: &Path) {
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::warn!(%error, folder = %folder.display(), "a changed consumers file may not be on the disk yet");
    }
}

/// Hidden, so that no reader of the folder takes it for a consumers file.
fn temporary_name(real: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(real.file_name().unwrap_or_default());
    name.push(".new");
    real.with_file_name(name)
}

fn refused(path: &Path, error: io::Error) -> EditError {
    let shown = path.display();
    match Errno::from_io_error(&error) {
        Some(Errno::ROFS) => EditError::ReadOnly(read_only_file_system(path)),
        Some(Errno::PERM | Errno::ACCESS) => EditError::ReadOnly(format!("{shown} can't be replaced by {}: {error}", user())),
        Some(Errno::BUSY) => {
            EditError::ReadOnly(format!("{shown} is a mount of its own and can't be replaced; mount its folder instead"))
        }
        _ => io_error(path, error),
    }
}

fn io_error(path: &Path, error: io::Error) -> EditError {
    EditError::Io { path: path.to_owned(), error }
}

/// Ten seconds: an edit of the largest list takes less than one.
const TRIES: u32 = 1000;
const TRY_EVERY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_takes_nobodys_place_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (real, owner) = (folder.path().join("new.yaml"), Owner::of(&fs::metadata(folder.path()).unwrap()));
        fs::write(&real, "by hand").unwrap();
        let refused = replace(&real, b"ours", owner, true).unwrap_err();
        assert!(matches!(&refused, EditError::Io { error, .. } if error.kind() == io::ErrorKind::AlreadyExists), "{refused}");
        assert_eq!(fs::read_to_string(&real).unwrap(), "by hand");
        replace(&real, b"ours", owner, false).unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "ours");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
