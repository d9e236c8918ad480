//! The journal of accepted nonces: a file for each bucket, to which a record is appended before the request goes out.
//!
//! Nothing is synced on that way: what `write` returned from outlives the process, and that the machine itself went down is
//! known by the mark, see [`super::restore`]. Kept out: which nonces are accepted, see [`super::table`].

use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use siphasher::sip::SipHasher13;

use super::mark::MarkKeeper;
use crate::directory::Directory;

/// The directory of a nonce table's files, ours alone.
#[derive(Debug)]
pub(super) struct Journal {
    directory: Arc<Directory>,
    key: HashKey,
    /// The machine's time since its boot when our monotonic clock showed zero, in milliseconds; negative if that is longer ago.
    boot_offset: i64,
    pub(super) mark: MarkKeeper,
}

/// Keys the hashes of nonces and the checks of records.
pub(super) type HashKey = [u8; 16];

/// One accepted nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// The hash of consumer, token, stamp and nonce.
    pub(super) hash: u128,
    /// The hash of the consumer alone, so that its share is known after a restart.
    pub(super) consumer: u32,
}

/// The file of one bucket.
#[derive(Debug)]
pub(super) struct BucketFile {
    number: u64,
    key: HashKey,
    directory: Arc<Directory>,
    end: Mutex<End>,
}

/// Appending to a file whose end is known.
#[derive(Debug)]
struct End {
    file: File,
    /// Of the records that were written whole, and the header.
    length: u64,
    /// Whether a piece of a record stands behind them, which could not be taken back.
    torn: bool,
}

/// The end of a file, for one at a time.
#[derive(Debug)]
pub(super) struct Appending<'a> {
    end: MutexGuard<'a, End>,
    key: HashKey,
    number: u64,
}

/// A bucket as it stood in its file.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) number: u64,
    pub(super) file: BucketFile,
    pub(super) records: Vec<Record>,
    /// When the file was begun, since the machine's boot, in milliseconds.
    pub(super) created: u64,
}

impl Journal {
    /// Takes over a directory; `monotonic` is what our monotonic clock shows.
    ///
    /// # Errors
    /// If the kernel does not tell the time since its boot.
    pub(super) fn new(directory: Arc<Directory>, key: HashKey, mark: MarkKeeper, monotonic: Duration) -> io::Result<Self> {
        let boot_offset = signed_millis(since_boot()?) - signed_millis(monotonic);
        Ok(Self { directory, key, boot_offset, mark })
    }

    pub(super) fn key(&self) -> HashKey {
        self.key
    }

    /// A moment of our monotonic clock, as time since the machine's boot in milliseconds.
    pub(super) fn since_boot(&self, monotonic: Duration) -> u64 {
        u64::try_from(self.boot_offset + signed_millis(monotonic)).unwrap_or(0)
    }

    /// The other way round.
    pub(super) fn monotonic(&self, since_boot: u64) -> Duration {
        let millis = i64::try_from(since_boot).unwrap_or(i64::MAX).saturating_sub(self.boot_offset);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Begins the file of a new bucket.
    ///
    /// # Errors
    /// What the disk says; also if there is such a file, since what is in it would not be known.
    pub(super) fn create(&self, number: u64, monotonic: Duration) -> io::Result<BucketFile> {
        let mut file = self.directory.begin(&number.to_string())?;
        let header = header(self.key, number, self.since_boot(monotonic));
        if let Err(error) = write_whole(&mut file, &header) {
            self.directory.remove(&number.to_string())?;
            return Err(error);
        }
        let end = End { file, length: header.len() as u64, torn: false };
        Ok(BucketFile { number, key: self.key, directory: Arc::clone(&self.directory), end: Mutex::new(end) })
    }

    /// The directory, synced. If somebody removed or replaced it, the one that the next start will find: a mark without the files
    /// that it names tells that start what was lost.
    pub(super) fn at_the_end(&self) -> io::Result<Arc<Directory>> {
        self.directory.sync()?;
        if self.directory.is_in_place() {
            return Ok(Arc::clone(&self.directory));
        }
        Directory::make(self.directory.path()).map(Arc::new)
    }
}

impl BucketFile {
    /// A file on a full disk: /dev/full takes nothing (full(4)). Nor can it be cut.
    #[cfg(test)]
    pub(super) fn on_a_full_disk() -> Self {
        let file = File::options().append(true).open("/dev/full").expect("Linux has it");
        let directory = Arc::new(Directory::make("/dev".as_ref()).expect("Linux has it"));
        Self { number: 0, key: [7; 16], directory, end: Mutex::new(End { file, length: 24, torn: false }) }
    }

    /// The file's end, which nobody else appends to meanwhile.
    pub(super) fn end(&self) -> Appending<'_> {
        Appending { end: self.end.lock().unwrap_or_else(PoisonError::into_inner), key: self.key, number: self.number }
    }

    /// How many records stand in it.
    pub(super) fn records(&self) -> u64 {
        self.end().end.length / RECORD as u64 - 1
    }

    /// Puts everything on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.end().end.file.sync_all()
    }

    /// Deletes the file; its nonces are out of the window for good.
    pub(super) fn delete(&self) -> io::Result<()> {
        self.directory.remove(&self.number.to_string())
    }

    /// Opens the file of a bucket and reads it.
    ///
    /// A record that was not written whole at the end is cut off: the process ended before its `write` returned, so the
    /// request never went out.
    ///
    /// # Errors
    /// What the disk says, or `InvalidData` for anything that this file does not write.
    pub(super) fn restore(directory: &Arc<Directory>, number: u64, key: HashKey) -> io::Result<Restored> {
        let mut file = directory.go_on(&number.to_string())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (whole, torn) = bytes.as_chunks::<RECORD>();
        let damaged = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is damaged", directory.path().join(number.to_string()).display()),
            )
        };
        let (created, records) = match whole.split_first() {
            Some((header, records)) => {
                let created = read_header(header, key, number).ok_or_else(damaged)?;
                (created, records.iter().map(|bytes| Record::from_bytes(bytes, key, number)).collect::<Option<Vec<_>>>())
            }
            // Not even begun.
            None => (0, Some(Vec::new())),
        };
        let records = records.ok_or_else(damaged)?;
        let mut length = (whole.len() * RECORD) as u64;
        if !torn.is_empty() {
            file.set_len(length)?;
        }
        if whole.is_empty() {
            write_whole(&mut file, &header(key, number, 0))?;
            length = RECORD as u64;
        }
        let end = Mutex::new(End { file, length, torn: false });
        let file = Self { number, key, directory: Arc::clone(directory), end };
        Ok(Restored { number, file, records, created })
    }
}

impl Appending<'_> {
    /// Appends a record, with one `write(2)`. When this returns, the record outlives the process.
    ///
    /// # Errors
    /// What the disk says. What was written of the record is cut off again; if even that fails, the file takes no more
    /// until it can be.
    pub(super) fn append(&mut self, record: Record) -> io::Result<()> {
        let end = &mut *self.end;
        if end.torn {
            end.file.set_len(end.length)?;
            end.torn = false;
        }
        let bytes = record.to_bytes(self.key, self.number);
        if let Err(error) = write_whole(&mut end.file, &bytes) {
            end.torn = end.file.set_len(end.length).is_err();
            return Err(error);
        }
        end.length += bytes.len() as u64;
        Ok(())
    }
}

impl Record {
    fn to_bytes(self, key: HashKey, bucket: u64) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..16].copy_from_slice(&self.hash.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.consumer.to_le_bytes());
        let check = check(key, bucket, &bytes[..20]);
        bytes[20..].copy_from_slice(&check);
        bytes
    }

    fn from_bytes(bytes: &[u8; RECORD], key: HashKey, bucket: u64) -> Option<Self> {
        let (hash, rest) = bytes.split_first_chunk::<16>()?;
        let (consumer, rest) = rest.split_first_chunk::<4>()?;
        let sound = check(key, bucket, &bytes[..20]) == rest;
        sound.then(|| Self { hash: u128::from_le_bytes(*hash), consumer: u32::from_le_bytes(*consumer) })
    }
}

/// The time since the machine's boot, in which the time that it slept counts (proc_uptime(5)).
fn since_boot() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/uptime")?;
    let seconds = text.split_whitespace().next().and_then(|seconds| seconds.parse().ok());
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/uptime is not as expected"))
}

/// Reads the key in `directory`; `None` if there is none.
pub(super) fn read_key(directory: &Directory) -> io::Result<Option<HashKey>> {
    let Some(bytes) = directory.read(KEY)? else { return Ok(None) };
    let key = HashKey::try_from(bytes);
    key.map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a key"))
}

/// Makes a key and keeps it.
pub(super) fn new_key(directory: &Directory) -> io::Result<HashKey> {
    let mut key = HashKey::default();
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
    directory.replace_synced(KEY, &key)?;
    Ok(key)
}

/// The numbers of the bucket files in `directory`.
pub(super) fn bucket_numbers(directory: &Directory) -> io::Result<Vec<u64>> {
    let number = |name: &String| name.parse::<u64>().ok().filter(|number| number.to_string() == *name);
    let mut numbers: Vec<u64> = directory.names()?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes the file of a bucket that must not be believed.
pub(super) fn forget(directory: &Directory, number: u64) -> io::Result<()> {
    directory.remove(&number.to_string())
}

/// One `write(2)`; a short one is an error, since what is missing might never fit.
fn write_whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    match file.write(bytes)? {
        written if written == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

fn header(key: HashKey, number: u64, created: u64) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..12].copy_from_slice(&number.to_le_bytes());
    bytes[12..20].copy_from_slice(&created.to_le_bytes());
    let check = check(key, number, &bytes[..20]);
    bytes[20..].copy_from_slice(&check);
    bytes
}

fn read_header(bytes: &[u8; RECORD], key: HashKey, number: u64) -> Option<u64> {
    let created = u64::from_le_bytes(*bytes[12..].first_chunk()?);
    (*bytes == header(key, number, created)).then_some(created)
}

/// Tells a record that this journal wrote, in this bucket, from everything else: 32 of the 64 bits of a keyed hash.
fn check(key: HashKey, bucket: u64, bytes: &[u8]) -> [u8; 4] {
    let mut hasher = SipHasher13::new_with_key(&key);
    hasher.write_u64(bucket);
    hasher.write(bytes);
    (hasher.finish() as u32).to_le_bytes()
}

fn signed_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The size of a record and of a file's header, in bytes.
const RECORD: usize = 24;

const MAGIC: &[u8; 4] = b"CSN1";

const KEY: &str = "key";

#[cfg(test)]
mod tests {
    use super::super::mark::BootId;
    use super::*;
    use std::path::{Path, PathBuf};

    const NUMBER: u64 = 28_333_333;

    fn open(directory: &Path) -> Arc<Directory> {
        Arc::new(Directory::make(directory).unwrap())
    }

    fn journal(directory: &Path) -> Journal {
        let mark = MarkKeeper::new(open(directory), BootId("a".to_owned()), 0);
        Journal::new(open(directory), [7; 16], mark, Duration::from_secs(5)).unwrap()
    }

    fn records(count: u32) -> Vec<Record> {
        (0..count).map(|number| Record { hash: u128::from(number) << 64 | 1, consumer: number % 3 }).collect()
    }

    fn written(directory: &Path, count: u32) -> PathBuf {
        let file = journal(directory).create(NUMBER, Duration::from_secs(6)).unwrap();
        records(count).into_iter().for_each(|record| file.end().append(record).unwrap());
        directory.join(NUMBER.to_string())
    }

    #[test]
    fn what_was_appended_is_read_back_and_more_can_be_appended() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), 5);
        let restored = BucketFile::restore(&open(folder.path()), NUMBER, [7; 16]).unwrap();
        assert_eq!(restored.records, records(5));
        assert_eq!(journal(folder.path()).monotonic(restored.created).as_secs(), 6);
        restored.file.end().append(Record { hash: 9, consumer: 9 }).unwrap();
        let again = BucketFile::restore(&open(folder.path()), NUMBER, [7; 16]).unwrap();
        assert_eq!(again.records.len(), 6);
    }

    #[test]
    fn a_record_that_was_not_written_whole_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 3);
        for cut in 1..RECORD as u64 {
            let length = fs::metadata(&path).unwrap().len();
            File::options().write(true).open(&path).unwrap().set_len(length - cut).unwrap();
            let restored = BucketFile::restore(&open(folder.path()), NUMBER, [7; 16]).unwrap();
            assert_eq!(restored.records, records(2));
            restored.file.end().append(records(3)[2]).unwrap();
        }
        assert_eq!(BucketFile::restore(&open(folder.path()), NUMBER, [7; 16]).unwrap().records, records(3));
    }

    #[test]
    fn a_changed_byte_another_key_and_another_buckets_file_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 3);
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let error = BucketFile::restore(&open(folder.path()), NUMBER, [7; 16]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {at}");
        }
        fs::write(&path, &sound).unwrap();
        assert!(BucketFile::restore(&open(folder.path()), NUMBER, [8; 16]).is_err());
        fs::write(folder.path().join((NUMBER + 1).to_string()), &sound).unwrap();
        assert!(BucketFile::restore(&open(folder.path()), NUMBER + 1, [7; 16]).is_err());
    }

    #[test]
    fn the_journals_key_is_the_one_that_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(journal(folder.path()).key(), [7; 16]);
    }

    #[test]
    fn the_time_since_boot_is_the_kernels() {
        let told = fs::read_to_string("/proc/uptime").unwrap();
        let told: f64 = told.split(' ').next().unwrap().parse().unwrap();
        let read = since_boot().unwrap().as_secs_f64();
        assert!(read > 0.0 && read >= told, "{read} after {told}");
    }

    #[test]
    fn what_is_to_be_synced_asks_the_file() {
        // A device that is no storage says that it cannot (fsync(2)).
        assert_eq!(BucketFile::on_a_full_disk().sync().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn what_is_not_written_whole_is_an_error() {
        use rustix::fs::{OFlags, fcntl_setfl};
        let (_reader, pipe) = std::io::pipe().unwrap();
        fcntl_setfl(&pipe, OFlags::NONBLOCK).unwrap();
        let mut pipe = File::from(std::os::fd::OwnedFd::from(pipe));
        // A pipe that nobody reads takes a part of it (pipe(7)).
        assert_eq!(write_whole(&mut pipe, &[0; 16 << 20]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_no_half_record() {
        let full = BucketFile::on_a_full_disk();
        assert_eq!(full.end().append(records(1)[0]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(full.records(), 0);
    }

    #[test]
    fn a_piece_of_a_record_that_could_not_be_taken_back_is_taken_back_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), 2);
        let length = fs::metadata(&path).unwrap().len();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&[1; 10]).unwrap();
        let end = Mutex::new(End { file, length, torn: true });
        let torn = BucketFile { number: NUMBER, key: [7; 16], directory: open(folder.path()), end };
        torn.end().append(records(3)[2]).unwrap();
        assert_eq!(BucketFile::restore(&open(folder.path()), NUMBER, [7; 16]).unwrap().records, records(3));
        // A file that cannot be cut: opened for reading alone.
        let end = Mutex::new(End { file: File::open(&path).unwrap(), length, torn: true });
        let uncuttable = BucketFile { number: NUMBER, key: [7; 16], directory: open(folder.path()), end };
        assert!(uncuttable.end().append(records(3)[2]).is_err());
        assert!(uncuttable.end().end.torn);
    }

    #[test]
    fn only_names_that_this_journal_gives_are_its_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["28", "+28", "028", "28.new", "key", "mark"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(bucket_numbers(&open(folder.path())).unwrap(), [28]);
    }
}
