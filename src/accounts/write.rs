//! Changes of admin-users.yaml: under a lock, and either whole or not at all.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::model::Users;
use super::read;
use crate::yaml::{Document, Problems};

/// Why a change was not made. The file is as it was.
#[derive(Debug)]
pub enum WriteError<E> {
    /// The file has problems: what it says is not known, so it is not written over.
    Problems(Problems),
    /// The change itself was refused.
    Refused(E),
    /// Another process changes the file, and does not end.
    Locked,
    /// It cannot be written.
    Io(io::Error),
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => problems.fmt(f),
            Self::Refused(why) => why.fmt(f),
            Self::Locked => f.write_str("another process has been changing the users file for seconds"),
            Self::Io(error) => write!(f, "the users file cannot be written: {error}"),
        }
    }
}

impl<E> From<io::Error> for WriteError<E> {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the file, has `change` change what it says, and puts the result in its place.
///
/// # Errors
/// [`WriteError`]
pub fn change<T, E>(path: &Path, change: impl FnOnce(&mut Users) -> Result<T, E>) -> Result<T, WriteError<E>> {
    // A link is followed, so that it stays one.
    let path = fs::canonicalize(path).or_else(|_| absolute(path))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let _lock = lock(folder)?;
    let mut users = read::load(&path).map_err(WriteError::Problems)?.users;
    let result = change(&mut users).map_err(WriteError::Refused)?;
    let text = text_of(&users)?;
    // What is written is what will be read.
    let reread = read::parse(&Document::new(&path, &*text)).map_err(WriteError::Problems)?.users;
    if reread != users {
        return Err(io::Error::other("the new text does not mean what was to be written").into());
    }
    replace(&path, folder, &text)?;
    Ok(result)
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    Ok(fs::canonicalize(parent)?.join(name))
}

/// The folder itself is locked: a lock file of its own would be litter, and the users file is another one after each change.
fn lock<E>(folder: &Path) -> Result<File, WriteError<E>> {
    let lock = File::open(folder)?;
    for _ in 0..TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_EVERY),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Err(WriteError::Locked)
}

fn text_of(users: &Users) -> io::Result<String> {
    let file = Written {
        users: users
            .users
            .iter()
            .map(|user| WrittenUser { name: user.name.as_str(), password: user.password.as_str() })
            .collect(),
        tokens: users
            .tokens
            .iter()
            .map(|token| WrittenToken {
                name: token.name.as_str(),
                hash: token.hash.to_string(),
                created: token.created.to_string(),
            })
            .collect(),
    };
    Ok(format!("{HEADER}{}", serde_yaml::to_string(&file).map_err(io::Error::other)?))
}

#[derive(Serialize)]
struct Written<'a> {
    users: Vec<WrittenUser<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<WrittenToken<'a>>,
}

#[derive(Serialize)]
struct WrittenUser<'a> {
    name: &'a str,
    password: &'a str,
}

#[derive(Serialize)]
struct WrittenToken<'a> {
    name: &'a str,
    hash: String,
    created: String,
}

/// Writes a new file beside the old one, and renames it when it is on the disk.
fn replace(path: &Path, folder: &Path, text: &str) -> io::Result<()> {
    let new = beside(path);
    // Left by a process that was killed; ours is the lock.
    let _ = fs::remove_file(&new);
    let written = write_new(&new, path, folder, text).and_then(|()| fs::rename(&new, path));
    written.inspect_err(|_| drop(fs::remove_file(&new)))?;
    File::open(folder)?.sync_all()
}

fn write_new(new: &Path, old: &Path, folder: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(new)?;
    // A new file belongs to whom its folder belongs to: root makes it, the gateway has to read it.
    let (like, mode) = match fs::metadata(old) {
        Ok(found) => (found.clone(), found.mode() & 0o777),
        Err(_) => (fs::metadata(folder)?, MODE),
    };
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (like.uid(), like.gid()) {
        keep_owner(&file, like.uid(), like.gid(), old.exists())?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A file that was given to somebody must stay theirs, or the gateway could not read it any more; a new one may be ours.
fn keep_owner(file: &File, user: u32, group: u32, was_there: bool) -> io::Result<()> {
    match fchown(file, Some(user), Some(group)) {
        Err(error) if was_there => {
            Err(io::Error::new(error.kind(), format!("the new file cannot be given to the owner of the old one: {error}")))
        }
        _ => Ok(()),
    }
}

/// `.admin-users.yaml.new`
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Its owner alone reads it.
const MODE: u32 = 0o600;

/// A change takes milliseconds; who waits five seconds waits for something that hangs.
const TRIES: u32 = 250;
const TRY_EVERY: Duration = Duration::from_millis(20);

const HEADER: &str = "\
# Users of Countersign: people sign in on a page, tokens are for the API.
# `countersign admin` and the page write this file, and keep no other comments. Taking an entry out ends its sessions at once.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::model::{ApiToken, UserName};
    use crate::secret::SecretHash;

    fn token(name: &str) -> ApiToken {
        ApiToken {
            name: UserName::new(name).unwrap(),
            hash: SecretHash::of(name),
            created: "2026-01-31T12:00:00Z".parse().unwrap(),
        }
    }

    fn add(path: &Path, name: &str) -> Result<(), WriteError<String>> {
        change(path, |users| {
            users.tokens.push(token(name));
            Ok(())
        })
    }

    #[test]
    fn names_that_yaml_takes_for_something_else_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        let names = ["yes", "null", "1e3", "0x1F", "1.0", "2026-01-31", "@at", "_", ".", "true"];
        for name in names {
            add(&path, name).unwrap();
        }
        let users = read::load(&path).unwrap().users;
        assert_eq!(users.tokens, names.map(token));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn the_mode_and_a_link_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real.yaml"), folder.path().join("users.yaml"));
        fs::write(&path, "users: []").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real.yaml", &link).unwrap();
        add(&link, "a").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(read::load(&path).unwrap().users.tokens, [token("a")]);
    }

    #[test]
    fn what_cannot_be_read_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        fs::write(&path, "users: [").unwrap();
        assert!(matches!(add(&path, "a"), Err(WriteError::Problems(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "users: [");
        fs::remove_file(&path).unwrap();
        let refused: Result<(), _> = change(&path, |_| Err("no"));
        assert!(matches!(refused, Err(WriteError::Refused("no"))));
        assert!(!path.exists());
    }

    #[test]
    fn no_change_of_many_at_once_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        std::thread::scope(|scope| {
            for at in 0..20 {
                let path = &path;
                scope.spawn(move || add(path, &format!("t{at}")).unwrap());
            }
        });
        let mut names: Vec<String> = read::load(&path).unwrap().users.tokens.iter().map(|token| token.name.to_string()).collect();
        names.sort_by_key(|name| name[1..].parse::<u32>().unwrap());
        assert_eq!(names, (0..20).map(|at| format!("t{at}")).collect::<Vec<_>>());
    }

    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.yaml");
        fs::write(folder.path().join(".users.yaml.new"), "half a fi").unwrap();
        add(&path, "a").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
