//! What the journal must know before it trusts its own files: a small text file, replaced whole and synced each time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use siphasher::sip::SipHasher13;

use super::bucket::last_stamp;
use crate::directory::Directory;
use crate::oauth::timestamp::{Timestamp, Window};

/// What was true when the mark was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The machine's boot that wrote it.
    pub(super) boot: BootId,
    /// Whether the process had ended in order and everything was on the disk.
    pub(super) clean: bool,
    /// No stamp beyond this one was accepted, nor is before the mark is written anew. In seconds since 1970.
    pub(super) horizon: u64,
    /// Stamps up to here are refused for good. In seconds since 1970.
    pub(super) low_water: u64,
    /// The buckets that had files, and how many records those had at least: one with less was damaged.
    pub(super) buckets: BTreeMap<u64, u64>,
}

/// Names one boot of the machine (random(4), `boot_id`): what was not synced is there after a crash of the process, but not
/// after one of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BootId(pub(super) String);

/// What a mark says of the nonce table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stand {
    /// [`Mark::low_water`]
    pub(super) low_water: u64,
    /// [`Mark::buckets`]
    pub(super) buckets: BTreeMap<u64, u64>,
}

/// Writes the marks of a running process, one at a time.
#[derive(Debug)]
pub(super) struct MarkKeeper {
    directory: Arc<Directory>,
    boot: BootId,
    /// Never beyond the horizon of the mark on the disk.
    horizon: AtomicU64,
    written: Mutex<Option<Instant>>,
}

impl MarkKeeper {
    /// `horizon`: no stamp beyond it was accepted so far.
    pub(super) fn new(directory: Arc<Directory>, boot: BootId, horizon: u64) -> Self {
        Self { directory, boot, horizon: horizon.into(), written: Mutex::new(None) }
    }

    /// Writes the mark. `stand` looks at the table, in which a nonce's bucket stands before [`Self::reach`] is asked for it.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn write(&self, horizon: u64, stand: impl FnOnce() -> Stand) -> io::Result<()> {
        self.replace(self.written(), &self.directory, horizon, false, stand)
    }

    /// Writes the last mark of a process that ends in order, into the directory that the next start will find. Nothing is
    /// accepted any more, so the horizon is what was.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn write_last(&self, directory: &Directory, stand: impl FnOnce() -> Stand) -> io::Result<()> {
        self.replace(self.written(), directory, 0, true, stand)
    }

    /// Returns when a mark is on the disk whose horizon `stamp` is not beyond, and writes one if there is none.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn reach(&self, stamp: u64, horizon: u64, stand: impl FnOnce() -> Stand) -> io::Result<()> {
        let is_reached = || stamp <= self.horizon.load(Ordering::SeqCst);
        if is_reached() {
            return Ok(());
        }
        let written = self.written();
        if is_reached() { Ok(()) } else { self.replace(written, &self.directory, horizon, false, stand) }
    }

    /// Whether the mark is so old that it has to be written again.
    pub(super) fn is_heartbeat_due(&self) -> bool {
        self.written().is_none_or(|written| written.elapsed() >= HEARTBEAT_EVERY)
    }

    fn replace(
        &self,
        mut written: MutexGuard<'_, Option<Instant>>,
        directory: &Directory,
        horizon: u64,
        clean: bool,
        stand: impl FnOnce() -> Stand,
    ) -> io::Result<()> {
        // The horizon comes nearer after a clock was set back, but not over what was accepted: whoever asks for a stamp
        // beyond it waits from here on, and the bucket of one who asked before is in the stand.
        let before = self.horizon.fetch_min(horizon, Ordering::SeqCst);
        let Stand { low_water, buckets } = stand();
        let accepted = buckets.keys().last().map_or(0, |number| last_stamp(*number)).min(before);
        let horizon = horizon.max(accepted);
        let outcome = Mark { boot: self.boot.clone(), clean, horizon, low_water, buckets }.write(directory);
        let reached = if outcome.is_ok() { horizon } else { horizon.min(before) };
        self.horizon.store(reached, Ordering::SeqCst);
        *written = outcome.is_ok().then(Instant::now).or(*written);
        outcome
    }

    fn written(&self) -> MutexGuard<'_, Option<Instant>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a mark that is written now lets stamps go.
pub(super) fn horizon(window: Window, now: Timestamp) -> u64 {
    now.seconds().saturating_add(window.max_ahead).saturating_add(BEYOND)
}

impl Mark {
    /// Reads the mark in `directory`; `None` if there is none.
    ///
    /// # Errors
    /// What cannot be read, or `InvalidData` for a text that this file does not write.
    pub(super) fn read(directory: &Directory) -> io::Result<Option<Self>> {
        let Some(bytes) = directory.read(NAME)? else { return Ok(None) };
        let mark = std::str::from_utf8(&bytes).ok().and_then(Self::parse);
        mark.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a mark"))
    }

    /// Replaces the mark; when this returns it is on the disk.
    ///
    /// # Errors
    /// What the disk says. The old mark is then still whole.
    pub(super) fn write(&self, directory: &Directory) -> io::Result<()> {
        directory.replace_synced(NAME, self.to_string().as_bytes())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        if value("countersign-nonces")? != VERSION {
            return None;
        }
        let bucket = |pair: &str| {
            let (number, records) = pair.split_once(':')?;
            Some((number.parse().ok()?, records.parse().ok()?))
        };
        let mark = Self {
            boot: BootId(value("boot")?.to_owned()),
            clean: match value("clean")? {
                "yes" => true,
                "no" => false,
                _ => return None,
            },
            horizon: value("horizon")?.parse().ok()?,
            low_water: value("low-water")?.parse().ok()?,
            buckets: value("buckets")?.split_whitespace().map(bucket).collect::<Option<_>>()?,
        };
        let sound = value("check")? == mark.check() && lines.next().is_none();
        sound.then_some(mark)
    }

    /// What the next process is to believe. Not the boot: another one than its own makes it believe less.
    fn believed(&self) -> String {
        let clean = if self.clean { "yes" } else { "no" };
        let buckets = self.buckets.iter().map(|(number, records)| format!("{number}:{records}")).collect::<Vec<_>>().join(" ");
        format!("clean: {clean}\nhorizon: {}\nlow-water: {}\nbuckets: {buckets}\n", self.horizon, self.low_water)
    }

    /// Against damage, not against whoever may write here: one digit less in the low-water mark, and all before is forgotten.
    fn check(&self) -> String {
        format!("{:016x}", SipHasher13::new().hash(self.believed().as_bytes()))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BootId(boot) = &self.boot;
        write!(f, "countersign-nonces: {VERSION}\nboot: {boot}\n{}check: {}\n", self.believed(), self.check())
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

/// How old the mark gets.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);

/// How far the horizon is beyond the window, in seconds: two heartbeats, so that no request has to wait for a mark unless one
/// is late. After the machine went down, so much more is refused at most.
const BEYOND: u64 = 20;

const NAME: &str = "mark";

const VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark {
            boot: BootId("5e0c".to_owned()),
            clean: false,
            horizon: 1_700_000_000,
            low_water: 1_699_999_139,
            buckets: BTreeMap::from([(28_333_331, 0), (28_333_332, 7)]),
        }
    }

    #[test]
    fn a_mark_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::make(folder.path()).unwrap());
        assert_eq!(Mark::read(&directory).unwrap(), None);
        for mark in [mark(), Mark { clean: true, buckets: BTreeMap::new(), ..mark() }] {
            mark.write(&directory).unwrap();
            assert_eq!(Mark::read(&directory).unwrap(), Some(mark));
        }
    }

    #[test]
    fn the_horizon_comes_nearer_but_not_over_what_was_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::make(folder.path()).unwrap());
        let keeper = MarkKeeper::new(Arc::clone(&directory), BootId("a".to_owned()), 0);
        let written = || Mark::read(&directory).unwrap().unwrap().horizon;
        let with = |bucket| move || Stand { low_water: 0, buckets: BTreeMap::from([(bucket, 1)]) };
        keeper.write(1000, Stand::default).unwrap();
        keeper.reach(1000, 5000, || panic!("it is reached")).unwrap();
        keeper.reach(1001, 5000, with(20)).unwrap();
        assert_eq!(written(), 5000);
        keeper.write(2000, with(70)).unwrap();
        assert_eq!(written(), last_stamp(70));
        keeper.write(2000, with(20)).unwrap();
        assert_eq!(written(), 2000);
        // Nobody can write a file there, root neither.
        fs::create_dir(folder.path().join("mark.new")).unwrap();
        assert!(keeper.reach(2001, 3000, with(20)).is_err());
        assert!(keeper.write(1000, with(20)).is_err());
        assert!(keeper.reach(2001, 3000, with(20)).is_err(), "nothing is beyond what stands on the disk");
        assert_eq!(written(), 2000);
    }

    #[test]
    fn a_mark_is_written_again_when_it_gets_old() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::make(folder.path()).unwrap());
        let keeper = MarkKeeper::new(directory, BootId("a".to_owned()), 0);
        assert!(keeper.is_heartbeat_due(), "there is none yet");
        keeper.write(1000, Stand::default).unwrap();
        assert!(!keeper.is_heartbeat_due());
        *keeper.written() = Instant::now().checked_sub(HEARTBEAT_EVERY);
        assert!(keeper.is_heartbeat_due());
    }

    #[test]
    fn a_mark_that_is_cut_or_changed_in_form_is_none() {
        let text = mark().to_string();
        for length in 0..text.len() {
            assert_eq!(Mark::parse(&text[..length]), None, "cut after {length} bytes");
        }
        for (from, to) in
            [(": 1\n", ": 2\n"), ("no", "maybe"), ("1700000000", "-1"), (" 28", " x28"), (":7", ""), ("check", "end")]
        {
            assert_eq!(Mark::parse(&text.replacen(from, to, 1)), None, "{from} -> {to}");
        }
        assert_eq!(Mark::parse(&format!("{text}\n")), None);
        // One digit for another, anywhere behind the boot.
        for at in text.find("clean").unwrap()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(Mark::parse(&String::from_utf8(bytes).unwrap()), None, "byte {at}");
        }
    }
}
