//! What the journal must know before it trusts its own files: a small text file, replaced whole and synced each time.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What was true when the mark was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The machine's boot that wrote it.
    pub(super) boot: BootId,
    /// Whether the process had ended in order and everything was on the disk.
    pub(super) clean: bool,
    /// The wall clock then, in seconds since 1970.
    pub(super) heartbeat: u64,
    /// Stamps up to here are refused for good. In seconds since 1970.
    pub(super) low_water: u64,
    /// The numbers of the buckets that had files, ascending: one whose file is gone was lost.
    pub(super) buckets: Vec<u64>,
}

/// Names one boot of the machine (random(4), `boot_id`): what was not synced is there after a crash of the process, but not
/// after one of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BootId(pub(super) String);

impl Mark {
    /// Reads the mark in `directory`; `None` if there is none.
    ///
    /// # Errors
    /// What cannot be read, or `InvalidData` for a text that this file does not write.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(directory.join(NAME)) {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a mark")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the mark; when this returns it is on the disk.
    ///
    /// # Errors
    /// What the disk says. The old mark is then still whole.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        replace_synced(&directory.join(NAME), self.to_string().as_bytes())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        if value("countersign-nonces")? != VERSION {
            return None;
        }
        let mark = Self {
            boot: BootId(value("boot")?.to_owned()),
            clean: match value("clean")? {
                "yes" => true,
                "no" => false,
                _ => return None,
            },
            heartbeat: value("heartbeat")?.parse().ok()?,
            low_water: value("low-water")?.parse().ok()?,
            buckets: value("buckets")?.split_whitespace().map(|number| number.parse().ok()).collect::<Option<_>>()?,
        };
        // The last line is there only when all before it is.
        (value("end")? == "." && lines.next().is_none()).then_some(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot: BootId(boot), clean, heartbeat, low_water, buckets } = self;
        let clean = if *clean { "yes" } else { "no" };
        let buckets = buckets.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        write!(
            f,
            "countersign-nonces: {VERSION}\nboot: {boot}\nclean: {clean}\nheartbeat: {heartbeat}\nlow-water: {low_water}\n\
             buckets: {buckets}\nend: .\n"
        )
    }
}

impl BootId {
    /// This boot's.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub(super) fn current() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Ok(Self(text.trim().to_owned()))
    }
}

/// Writes a file beside `path`, syncs it, and puts it in the place of `path`, which is whole at every moment.
pub(super) fn replace_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = PathBuf::from(format!("{}.new", path.display()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_directory(path.parent().unwrap_or(path))
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

const NAME: &str = "mark";

const VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            boot: BootId("5e0c".to_owned()),
            clean: false,
            heartbeat: 1_700_000_000,
            low_water: 1_699_999_139,
            buckets: vec![28_333_331, 28_333_332],
        }
    }

    #[test]
    fn a_mark_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(folder.path()).unwrap(), None);
        for mark in [mark(), Mark { clean: true, buckets: vec![], ..mark() }] {
            mark.write(folder.path()).unwrap();
            assert_eq!(Mark::read(folder.path()).unwrap(), Some(mark));
        }
    }

    #[test]
    fn a_mark_that_is_cut_or_changed_in_form_is_none() {
        let text = mark().to_string();
        for length in 0..text.len() {
            assert_eq!(Mark::parse(&text[..length]), None, "cut after {length} bytes");
        }
        for (from, to) in [(": 1\n", ": 2\n"), ("no", "maybe"), ("1700000000", "-1"), ("end: .\n", "end: .\n\n"), (" 28", " x28")]
        {
            assert_eq!(Mark::parse(&text.replacen(from, to, 1)), None, "{from} -> {to}");
        }
    }
}
