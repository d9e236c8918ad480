//! What a file looks like from outside, by which a change of it shows without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A file as `stat` shows it, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    number: u64,
    size: u64,
    mode: u32,
    modified: Moment,
    /// The last change of status: nobody sets that back, as `touch` does with the time of the last change of the text.
    changed: Moment,
}

/// Seconds since 1970, and nanoseconds.
type Moment = (i64, i64);

impl FileStamp {
    /// `None`: there is no file, or none that can be looked at.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }

    /// Its mode.
    pub(crate) fn mode(self) -> u32 {
        self.mode
    }

    /// Whether every change from now on makes it another one: not while the clock of its file system may show the same time.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let (latest, _) = self.modified.max(self.changed);
        let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(latest).unwrap_or(0));
        now.duration_since(latest).is_ok_and(|age| age > SETTLED_AFTER)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            number: found.ino(),
            size: found.size(),
            mode: found.mode(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// The coarsest clock of a file system, FAT's, goes in steps of two seconds, and a server's may be a little off ours.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_settled_some_seconds_after_its_last_change_and_never_before_it() {
        let stamp = |modified, changed| FileStamp {
            device: 1,
            number: 2,
            size: 3,
            mode: 0o600,
            modified: (modified, 999_999_999),
            changed: (changed, 0),
        };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (stamp, settles) in [(stamp(1000, 1000), 1006), (stamp(100, 1000), 1006), (stamp(1000, 100), 1006)] {
            assert!(!stamp.is_settled(at(settles - 1)) && stamp.is_settled(at(settles)), "{stamp:?}");
        }
        assert!(!stamp(1000, 1000).is_settled(at(10)), "of a clock that was set back nobody knows");
    }
}
