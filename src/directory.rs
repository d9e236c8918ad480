//! A directory that files are made, opened and replaced in through its descriptor: whoever puts another directory in its place
//! while the gateway runs does not get what is written.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fstat, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    descriptor: OwnedFd,
    /// Where it was when it was opened.
    path: PathBuf,
}

impl Directory {
    /// Opens a directory; makes it, and those above it, for us alone if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn make(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let descriptor = openat(CWD, path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { descriptor, path: path.to_owned() })
    }

    /// Opens a directory in this one; makes it for us alone if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn within(&self, name: &str) -> io::Result<Self> {
        match mkdirat(&self.descriptor, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let descriptor = openat(&self.descriptor, name, flags, Mode::empty())?;
        Ok(Self { descriptor, path: self.path.join(name) })
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it.
    pub fn is_in_place(&self) -> bool {
        let Ok(ours) = fstat(&self.descriptor) else { return false };
        std::fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == (ours.st_dev, ours.st_ino))
    }

    /// Begins a file that is appended to.
    ///
    /// # Errors
    /// Also if there is such a file.
    pub fn begin(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a file to be read and appended to.
    ///
    /// # Errors
    /// Also if there is none.
    pub fn go_on(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlags::RDWR | OFlags::APPEND)
    }

    /// Opens a file to be written, as it is; makes it if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open_or_make(&self, name: &str) -> io::Result<File> {
        self.open(name, OFlags::WRONLY | OFlags::CREATE)
    }

    /// What is in a file; `None` if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.open(name, OFlags::RDONLY) {
            Ok(mut file) => file.read_to_end(&mut bytes).map(|_| Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file beside `name` and puts it in its place, which is whole at every moment. It may not outlive the machine.
    ///
    /// # Errors
    /// What the system says. The old file is then still whole.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(name, bytes, |_| Ok(()))
    }

    /// As [`Self::replace`]; when this returns it is on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn replace_synced(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(name, bytes, File::sync_all)?;
        self.sync()
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::empty())?)
    }

    /// The names in it that are text.
    ///
    /// # Errors
    /// What the system says.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = Dir::read_from(&self.descriptor)?.collect::<Result<Vec<_>, _>>()?;
        Ok(entries.iter().filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned)).collect())
    }

    /// Makes the names in it durable.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    fn put(&self, name: &str, bytes: &[u8], settle: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        let fresh = format!("{name}.new");
        let mut file = self.open(&fresh, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        file.write_all(bytes)?;
        settle(&file)?;
        Ok(renameat(&self.descriptor, &fresh, &self.descriptor, name)?)
    }

    /// A link is nothing that we made.
    fn open(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_written_goes_to_the_directory_that_was_opened_wherever_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (folder.path().join("state"), folder.path().join("elsewhere"));
        let directory = Directory::make(&path).unwrap().within("nonces").unwrap();
        assert!(directory.is_in_place());
        fs::rename(&path, &elsewhere).unwrap();
        fs::create_dir_all(path.join("nonces")).unwrap();
        assert!(!directory.is_in_place());
        directory.begin("1").unwrap().write_all(b"a").unwrap();
        directory.go_on("1").unwrap().write_all(b"b").unwrap();
        directory.replace("2", b"c").unwrap();
        directory.replace_synced("2", b"d").unwrap();
        assert!(directory.begin("1").is_err(), "it is there already");
        assert_eq!(fs::read_dir(path.join("nonces")).unwrap().count(), 0);
        assert_eq!((directory.read("1").unwrap(), directory.read("3").unwrap()), (Some(b"ab".to_vec()), None));
        let mut names = directory.names().unwrap();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        assert_eq!(names, ["1", "2"]);
        directory.remove("1").unwrap();
        assert_eq!(fs::read_dir(elsewhere.join("nonces")).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::make(&folder.path().join("state")).unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "untouched").unwrap();
        for name in ["a", "a.new"] {
            std::os::unix::fs::symlink(&target, folder.path().join("state").join(name)).unwrap();
        }
        assert!(directory.open_or_make("a").is_err() && directory.go_on("a").is_err() && directory.read("a").is_err());
        assert!(directory.replace("a", b"x").is_err());
        assert_eq!(fs::read_to_string(target).unwrap(), "untouched");
    }
}
