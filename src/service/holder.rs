//! Whether a process holds the lock on a file, so that nobody is signalled because of what a file says.
//!
//! Whoever may write the lock file may write any process's number into it, and root would signal that. So the number counts
//! only if /proc shows that the process holds the lock. In the unit's sandbox /proc shows nothing; who runs there is the
//! file's owner, who wrote the number and may signal no processes but the owner's, so that there is nothing to gain.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

use super::ProcessId;

/// # Errors
/// If the process does not hold the lock on `file`, or if one who is not the file's owner can't see whether it does.
pub(super) fn check(file: &File, process: ProcessId) -> io::Result<()> {
    let number = process.number();
    match holds(file, number)? {
        Some(true) => Ok(()),
        Some(false) => Err(io::Error::other(format!("it names process {number}, which does not hold its lock"))),
        None if file.metadata()?.uid() == rustix::process::geteuid().as_raw() => Ok(()),
        None => {
            let why = format!("it cannot be seen whether process {number}, which it names, holds its lock");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
        }
    }
}

/// Whether one of the process's descriptors is the file's, and holds a lock (proc_pid_fdinfo(5)). `None`: that is not shown.
fn holds(file: &File, number: u32) -> io::Result<Option<bool>> {
    let ours = file.metadata()?;
    let Ok(descriptors) = fs::read_dir(format!("/proc/{number}/fd")) else { return Ok(None) };
    for descriptor in descriptors.flatten() {
        let is_ours = fs::metadata(descriptor.path()).is_ok_and(|it| (it.dev(), it.ino()) == (ours.dev(), ours.ino()));
        let info = format!("/proc/{number}/fdinfo/{}", descriptor.file_name().display());
        if is_ours && fs::read_to_string(info).is_ok_and(|info| info.lines().any(is_lock)) {
            return Ok(Some(true));
        }
    }
    Ok(Some(false))
}

/// `lock: 1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF`
fn is_lock(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("lock:") && words.any(|word| word == "FLOCK") && words.any(|word| word == "WRITE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_process_that_holds_the_lock_is_told_from_one_that_has_the_file_open_and_from_one_that_has_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = File::create(&path).unwrap();
        let ours = ProcessId::current().unwrap();
        assert!(check(&file, ours).is_err(), "open, and not locked");
        file.lock().unwrap();
        check(&File::open(&path).unwrap(), ours).unwrap();
        let mut open = Command::new("sleep").arg("1000").stdin(File::open(&path).unwrap()).spawn().unwrap();
        let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
        for child in [&mut open, &mut other] {
            let named = ProcessId::of(child.id()).unwrap();
            let refused = check(&file, named).unwrap_err().to_string();
            assert!(refused.contains("does not hold its lock"), "{refused}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[test]
    fn only_an_exclusive_lock_counts() {
        assert!(is_lock("lock:\t1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF"));
        for line in [
            "lock:\t1: FLOCK  ADVISORY  READ 4711 fe:01:1234 0 EOF",
            "lock:\t1: POSIX  ADVISORY  WRITE 1 0:1:1 0 EOF",
            "pos: 0",
            "",
        ] {
            assert!(!is_lock(line), "{line}");
        }
    }
}
