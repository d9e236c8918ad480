//! What a start finds in the state directory, and what it may believe of it.
//!
//! What an earlier process wrote is believed unless the machine itself went down without a clean end, or something is not
//! as it was written. Then nothing is taken over by guess: all that could have been accepted is refused until it is too old.

use std::io;
use std::sync::Arc;

use super::bucket::last_stamp;
use super::journal::{self, BucketFile, HashKey, Journal, Restored};
use super::mark::{BootId, Mark, MarkKeeper, Stand, horizon};
use crate::clock::Moment;
use crate::directory::Directory;
use crate::oauth::timestamp::{Timestamp, Window};

/// How a start went on from what an earlier process left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// Nothing was there: no request was ever accepted on this state.
    New,
    /// So many nonces are remembered; nothing was forgotten.
    Whole {
        /// Live nonces read back.
        nonces: usize,
    },
    /// What was accepted before is not known for sure: stamps up to `until` are refused.
    Lost {
        /// Why, for the operator.
        why: String,
        /// The last stamp that is refused.
        until: Timestamp,
    },
}

/// What a table begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) journal: Journal,
    pub(super) low_water: u64,
    pub(super) buckets: Vec<Restored>,
    pub(super) memory: Memory,
}

/// Reads the directory `nonces` in the state directory, which it makes if it is not there.
///
/// # Errors
/// What the disk says when files cannot be opened or written; what is in them is never an error.
pub(super) fn restore(state: &Directory, window: Window, now: Moment) -> io::Result<Beginning> {
    restore_after(state, window, now, BootId::current()?)
}

fn restore_after(state: &Directory, window: Window, now: Moment, boot: BootId) -> io::Result<Beginning> {
    let directory = Arc::new(state.within("nonces")?);
    let found = find(&directory, &boot).or_else(Found::unless_unreadable)?;
    let (key, low_water, accepted, buckets, memory) = match found {
        Found::Nothing => (None, 0, 0, Vec::new(), Memory::New),
        Found::Sound { key, mark, buckets } => {
            let nonces = buckets.iter().map(|bucket| bucket.records.len()).sum();
            (Some(key), mark.low_water, mark.horizon, buckets, Memory::Whole { nonces })
        }
        Found::Doubtful { why, mark } => {
            let until = last_possible(mark.as_ref(), &journal::bucket_numbers(&directory)?, window, now.wall);
            (None, until, until, Vec::new(), Memory::Lost { why, until: Timestamp::from_seconds(until) })
        }
    };
    // Until the mark says what is refused instead, the old files stay.
    let key = key.map_or_else(|| journal::new_key(&directory), Ok)?;
    let mark = MarkKeeper::new(Arc::clone(&directory), boot, accepted);
    let records = |bucket: &Restored| (bucket.number, bucket.records.len() as u64);
    let stand = || Stand { low_water, buckets: buckets.iter().map(records).collect() };
    mark.write(horizon(window, now.wall), stand)?;
    let journal = Journal::new(Arc::clone(&directory), key, mark, now.monotonic)?;
    forget_all_but(&directory, &buckets)?;
    Ok(Beginning { journal, low_water, buckets, memory })
}

enum Found {
    Nothing,
    Sound { key: HashKey, mark: Mark, buckets: Vec<Restored> },
    Doubtful { why: String, mark: Option<Mark> },
}

impl Found {
    /// Damage is a finding; what the system does not let us read is an error, which an operator can mend without loss.
    fn unless_unreadable(error: io::Error) -> io::Result<Self> {
        match error.kind() {
            io::ErrorKind::InvalidData => {
                Ok(Self::Doubtful { why: format!("the nonce journal is damaged: {error}"), mark: None })
            }
            _ => Err(error),
        }
    }
}

fn find(directory: &Arc<Directory>, boot: &BootId) -> io::Result<Found> {
    let files = journal::bucket_numbers(directory)?;
    let doubtful = |why: &str, mark| Ok(Found::Doubtful { why: format!("the nonce journal is damaged: {why}"), mark });
    let mark = Mark::read(directory)?;
    let key = match journal::read_key(directory) {
        Ok(key) => key,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return doubtful(&error.to_string(), mark),
        Err(error) => return Err(error),
    };
    let (mark, key) = match (mark, key) {
        // A first start that was killed before it could accept anything leaves a key alone.
        (None, _) if files.is_empty() => return Ok(Found::Nothing),
        (None, _) => return doubtful("it has nonces, but no mark", None),
        (mark, None) => return doubtful("its key is gone", mark),
        (Some(mark), Some(key)) => (mark, key),
    };
    if mark.boot != *boot && !mark.clean {
        let why = "the machine went down before the nonce journal was on the disk".to_owned();
        return Ok(Found::Doubtful { why, mark: Some(mark) });
    }
    let remembered = |number: &u64| last_stamp(*number) > mark.low_water;
    if let Some(gone) = mark.buckets.keys().filter(|number| remembered(number)).find(|number| !files.contains(number)) {
        return doubtful(&format!("its file {gone} is gone"), Some(mark.clone()));
    }
    let is_short = |bucket: &&Restored| (bucket.records.len() as u64) < mark.buckets.get(&bucket.number).copied().unwrap_or(0);
    let restored: io::Result<Vec<_>> =
        files.iter().copied().filter(remembered).map(|number| BucketFile::restore(directory, number, key)).collect();
    match restored {
        Ok(buckets) => match buckets.iter().find(is_short) {
            Some(short) => doubtful(&format!("records are gone from its file {}", short.number), Some(mark.clone())),
            None => Ok(Found::Sound { key, mark, buckets }),
        },
        Err(error) if error.kind() == io::ErrorKind::InvalidData => doubtful(&error.to_string(), Some(mark)),
        Err(error) => Err(error),
    }
}

/// The last stamp that an earlier process can have accepted. Its clock may have been right where ours is behind after a
/// power failure, and its window may have been another one: the mark knows. Without one, the names of the files tell.
fn last_possible(mark: Option<&Mark>, files: &[u64], window: Window, now: Timestamp) -> u64 {
    let known = match mark {
        Some(mark) => mark.horizon.max(mark.low_water),
        // Anybody can have put a file there: one for a time that no window reaches is none of ours.
        None => {
            let farthest = now.seconds().saturating_add(WIDEST);
            files.iter().map(|number| last_stamp(*number)).filter(|last| *last <= farthest).max().unwrap_or(0)
        }
    };
    now.seconds().saturating_add(window.max_ahead).max(known)
}

/// Deletes the files of dropped buckets, and of those that are not believed.
fn forget_all_but(directory: &Directory, kept: &[Restored]) -> io::Result<()> {
    let files = journal::bucket_numbers(directory)?;
    let mut unknown = files.into_iter().filter(|number| !kept.iter().any(|bucket| bucket.number == *number));
    unknown.try_for_each(|number| journal::forget(directory, number))
}

/// The widest window that a configuration may name, in seconds: a day.
const WIDEST: u64 = 86_400;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::mark::Mark;
    use super::super::table::{NonceId, NonceRefused, NonceTable, Shares};
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::oauth::key::SignatureValid;
    use crate::oauth::nonce::Nonce;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    const NOW: u64 = 1_700_000_000;
    const WINDOW: Window = Window { max_age: 300, max_ahead: 300 };
    const SHARES: Shares = Shares { all: 1000, of_consumer: 3 };

    struct State {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
    }

    impl State {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), clock: ManualClock::at(NOW) }
        }

        fn open(&self) -> (NonceTable, Memory) {
            self.open_with(WINDOW)
        }

        fn open_with(&self, window: Window) -> (NonceTable, Memory) {
            NonceTable::open(&Directory::make(self.folder.path()).unwrap(), window, Clock::Manual(Arc::clone(&self.clock)))
                .unwrap()
        }

        fn lost_until(&self) -> u64 {
            match self.open().1 {
                Memory::Lost { until, .. } => until.seconds(),
                memory => panic!("{memory:?}"),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join("nonces").join(name)
        }

        fn directory(&self) -> Directory {
            Directory::make(&self.path("")).unwrap()
        }

        fn files(&self) -> Vec<u64> {
            journal::bucket_numbers(&self.directory()).unwrap()
        }

        fn change_mark(&self, change: impl FnOnce(&mut Mark)) {
            let mut mark = Mark::read(&self.directory()).unwrap().unwrap();
            change(&mut mark);
            mark.write(&self.directory()).unwrap();
        }
    }

    fn id(table: &NonceTable, consumer: &str, stamp: u64, nonce: &str) -> NonceId {
        table.id(consumer, b"", Timestamp::from_seconds(stamp), &Nonce::new(nonce).unwrap())
    }

    fn commit(table: &NonceTable, consumer: &str, stamp: u64, nonce: &str) -> Result<(), NonceRefused> {
        let id = id(table, consumer, stamp, nonce);
        table.peek(id)?;
        table.commit(SignatureValid::for_tests(), id, WINDOW, SHARES).map(|_| ())
    }

    #[test]
    fn a_killed_process_forgets_nothing_and_refuses_nobody() {
        let state = State::new();
        let (table, memory) = state.open();
        assert_eq!(memory, Memory::New);
        for (stamp, nonce) in [(NOW - 300, "old"), (NOW, "now"), (NOW + 300, "future")] {
            assert_eq!(commit(&table, "a", stamp, nonce), Ok(()));
        }
        drop(table);
        let (table, memory) = state.open();
        assert_eq!(memory, Memory::Whole { nonces: 3 });
        for (stamp, nonce) in [(NOW - 300, "old"), (NOW, "now"), (NOW + 300, "future")] {
            assert_eq!(commit(&table, "a", stamp, nonce), Err(NonceRefused::Used), "{nonce}");
        }
        assert_eq!(commit(&table, "a", NOW, "fresh"), Err(NonceRefused::ConsumerShareFull), "a share outlives the process too");
        assert_eq!(commit(&table, "b", NOW - 300, "fresh"), Ok(()));
        assert_eq!(table.live(), 4);
    }

    #[test]
    fn a_bucket_of_an_earlier_process_is_dropped_when_its_time_is_over() {
        let state = State::new();
        assert_eq!(commit(&state.open().0, "a", NOW + 300, "n"), Ok(()));
        let (table, _) = state.open();
        state.clock.advance(659);
        assert_eq!(table.sweep(WINDOW).unwrap(), 0);
        assert_eq!(commit(&table, "a", NOW + 300, "n"), Err(NonceRefused::Used));
        state.clock.advance(61);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
        assert_eq!((table.live(), state.files()), (0, vec![]));
        assert!(Mark::read(&state.directory()).unwrap().unwrap().buckets.is_empty(), "the mark asks for no file that is gone");
        drop(table);
        let (table, memory) = state.open();
        assert_eq!(memory, Memory::Whole { nonces: 0 });
        assert_eq!(commit(&table, "a", NOW + 300, "n"), Err(NonceRefused::Forgotten));
    }

    #[test]
    fn the_low_water_mark_outlives_the_process_and_a_clock_that_is_set_back() {
        let state = State::new();
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Ok(()));
        state.clock.advance(1000);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
        drop(table);
        state.clock.set_wall(NOW);
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Err(NonceRefused::Forgotten));
        assert_eq!(commit(&table, "a", NOW + 60, "n"), Ok(()), "what is remembered is not refused");
    }

    #[test]
    fn a_wall_clock_set_forward_over_a_restart_and_back_opens_no_gap_and_refuses_nobody() {
        let state = State::new();
        assert_eq!(commit(&state.open().0, "a", NOW, "n"), Ok(()));
        state.clock.set_wall(NOW + 100_000);
        let (table, _) = state.open();
        assert_eq!(table.sweep(WINDOW).unwrap(), 0);
        state.clock.set_wall(NOW + 5);
        assert_eq!(commit(&table, "a", NOW, "n"), Err(NonceRefused::Used));
        assert_eq!(commit(&table, "a", NOW, "fresh"), Ok(()));
    }

    #[test]
    fn after_another_boot_without_a_clean_end_all_that_could_have_been_accepted_is_refused() {
        let state = State::new();
        assert_eq!(commit(&state.open().0, "a", NOW + 300, "n"), Ok(()));
        // The clock has come back an hour behind: the heartbeat knows better.
        state.clock.set_wall(NOW - 3600);
        state.change_mark(|mark| mark.boot = BootId("another".to_owned()));
        let (table, memory) = state.open();
        let Memory::Lost { why, until } = memory else { panic!("{memory:?}") };
        assert!(why.contains("machine went down"), "{why}");
        assert_eq!(until.seconds(), NOW + 300 + 20);
        assert_eq!(state.files(), Vec::<u64>::new());
        for stamp in [NOW - 3600, NOW - 3300] {
            assert_eq!(commit(&table, "a", stamp, "n"), Err(NonceRefused::Forgotten));
        }
        state.clock.set_wall(NOW + 60);
        assert_eq!(commit(&table, "a", NOW + 320, "n"), Err(NonceRefused::Forgotten));
        assert_eq!(commit(&table, "a", NOW + 321, "n"), Ok(()));
        drop(table);
        assert!(matches!(state.open().1, Memory::Whole { nonces: 1 }), "it is said once");
    }

    #[test]
    fn after_another_boot_and_a_clean_end_nothing_is_forgotten() {
        let state = State::new();
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Ok(()));
        table.close().unwrap();
        drop(table);
        state.change_mark(|mark| mark.boot = BootId("another".to_owned()));
        let (table, memory) = state.open();
        assert_eq!(memory, Memory::Whole { nonces: 1 });
        assert_eq!(commit(&table, "a", NOW, "n"), Err(NonceRefused::Used));
        drop(table);
        // The clean end counted once: this process has not ended in order.
        state.change_mark(|mark| mark.boot = BootId("a third".to_owned()));
        assert!(matches!(state.open().1, Memory::Lost { .. }));
    }

    #[test]
    fn whatever_is_damaged_or_gone_nothing_is_accepted_by_guess() {
        type Damage = fn(&State);
        let bucket = |state: &State| state.path(&state.files()[0].to_string());
        fn cut(state: &State, length: u64) {
            let path = state.path(&state.files()[0].to_string());
            fs::File::options().write(true).open(path).unwrap().set_len(length).unwrap();
        }
        let damages: [(&str, Damage); 11] = [
            ("a whole record is gone from the end", |state| cut(state, 24)),
            ("an emptied file", |state| cut(state, 0)),
            ("a byte of a record", |state| {
                let path = state.path(&state.files()[0].to_string());
                let mut bytes = fs::read(&path).unwrap();
                bytes[30] ^= 1;
                fs::write(path, bytes).unwrap();
            }),
            ("a foreign file", |state| fs::write(state.path("123456789"), "hello, this is no bucket of ours").unwrap()),
            ("the bucket is gone", |state| fs::remove_file(state.path(&state.files()[0].to_string())).unwrap()),
            ("the key is gone", |state| fs::remove_file(state.path("key")).unwrap()),
            ("another key", |state| fs::write(state.path("key"), [9; 16]).unwrap()),
            ("half a key", |state| fs::write(state.path("key"), [9; 8]).unwrap()),
            ("the mark is gone", |state| fs::remove_file(state.path("mark")).unwrap()),
            ("an empty mark", |state| fs::write(state.path("mark"), "").unwrap()),
            ("a binary mark", |state| fs::write(state.path("mark"), [0xff; 80]).unwrap()),
        ];
        for (what, damage) in damages {
            let state = State::new();
            let (table, _) = state.open();
            assert_eq!(commit(&table, "a", NOW + 299, "n"), Ok(()));
            table.close().unwrap();
            drop(table);
            assert!(bucket(&state).exists());
            damage(&state);
            let (table, memory) = state.open();
            let Memory::Lost { until, .. } = memory else { panic!("{what}: {memory:?}") };
            assert!(until.seconds() >= NOW + 300, "{what}");
            assert_eq!(commit(&table, "a", NOW + 299, "n"), Err(NonceRefused::Forgotten), "{what}");
            state.clock.advance(400);
            assert_eq!(commit(&table, "a", NOW + 400, "fresh"), Ok(()), "{what}: the window is over");
        }
    }

    #[test]
    fn what_the_system_does_not_let_us_read_stops_the_start_and_costs_nothing() {
        let state = State::new();
        assert_eq!(commit(&state.open().0, "a", NOW, "n"), Ok(()));
        for name in ["key", "mark", &state.files()[0].to_string()] {
            let (path, aside) = (state.path(name), state.folder.path().join("aside"));
            fs::rename(&path, &aside).unwrap();
            // A link is not followed, for root neither; but a file could be put in its place.
            std::os::unix::fs::symlink(&aside, &path).unwrap();
            let clock = Clock::Manual(Arc::clone(&state.clock));
            assert!(NonceTable::open(&Directory::make(state.folder.path()).unwrap(), WINDOW, clock).is_err(), "{name}");
            fs::remove_file(&path).unwrap();
            fs::rename(&aside, &path).unwrap();
        }
        assert_eq!(commit(&state.open().0, "a", NOW, "n"), Err(NonceRefused::Used));
    }

    #[test]
    fn a_mark_that_is_whole_tells_how_far_a_damaged_journal_went() {
        let damages: [fn(&State); 2] = [
            |state| fs::write(state.path("key"), [9; 8]).unwrap(),
            |state| fs::write(state.path(&state.files()[0].to_string()), [1; 48]).unwrap(),
        ];
        for damage in damages {
            let state = State::new();
            assert_eq!(commit(&state.open().0, "a", NOW, "n"), Ok(()));
            damage(&state);
            // The clock has come back an hour behind.
            state.clock.set_wall(NOW - 3600);
            assert_eq!(state.lost_until(), NOW + 300 + 20);
        }
    }

    #[test]
    fn a_process_that_is_killed_twice_forgets_nothing() {
        let state = State::new();
        assert_eq!(commit(&state.open().0, "a", NOW, "n"), Ok(()));
        drop(state.open());
        let (table, memory) = state.open();
        assert_eq!(memory, Memory::Whole { nonces: 1 });
        assert_eq!(commit(&table, "a", NOW, "n"), Err(NonceRefused::Used));
    }

    #[test]
    fn a_file_that_was_to_be_deleted_when_the_process_was_killed_is_deleted_by_the_next() {
        let state = State::new();
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Ok(()));
        let path = state.path(&state.files()[0].to_string());
        let bytes = fs::read(&path).unwrap();
        state.clock.advance(1000);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
        drop(table);
        fs::write(&path, bytes).unwrap();
        let (table, memory) = state.open();
        assert_eq!((memory, table.live(), state.files()), (Memory::Whole { nonces: 0 }, 0, vec![]));
    }

    #[test]
    fn a_wider_window_of_the_process_before_counts_when_its_nonces_are_lost() {
        let wide = Window { max_age: 3600, max_ahead: 3600 };
        for without_mark in [false, true] {
            let state = State::new();
            let (table, _) = state.open_with(wide);
            let id = id(&table, "a", NOW + 3600, "n");
            table.commit(SignatureValid::for_tests(), id, wide, SHARES).unwrap();
            drop(table);
            state.change_mark(|mark| mark.boot = BootId("another".to_owned()));
            if without_mark {
                fs::remove_file(state.path("mark")).unwrap();
            }
            assert!(state.lost_until() >= NOW + 3600, "without a mark: {without_mark}");
        }
    }

    #[test]
    fn nothing_is_accepted_beyond_the_horizon_of_the_mark_on_the_disk() {
        let state = State::new();
        let (table, _) = state.open();
        // Nobody can write a file there, root neither.
        fs::create_dir(state.path("mark.new")).unwrap();
        state.clock.advance(400);
        assert!(matches!(commit(&table, "a", NOW + 700, "n"), Err(NonceRefused::NotWritten(_))));
        assert_eq!(commit(&table, "a", NOW + 320, "n"), Ok(()));
        fs::remove_dir(state.path("mark.new")).unwrap();
        assert_eq!(commit(&table, "a", NOW + 700, "n"), Ok(()), "a mark that is late is written at once");
        drop(table);
        state.clock.set_wall(NOW - 3600);
        state.change_mark(|mark| mark.boot = BootId("another".to_owned()));
        assert!(state.lost_until() >= NOW + 700);
    }

    #[test]
    fn a_bucket_whose_file_is_there_already_takes_nothing() {
        let state = State::new();
        let (table, _) = state.open();
        fs::write(state.path(&(NOW / 60).to_string()), "").unwrap();
        assert_eq!(commit(&table, "a", NOW, "n"), Err(NonceRefused::NotWritten(io::ErrorKind::AlreadyExists)));
        assert_eq!(commit(&table, "a", NOW + 60, "n"), Ok(()));
        assert_eq!(table.live(), 1);
    }

    #[test]
    fn no_file_is_begun_for_a_time_that_is_forgotten() {
        let state = State::new();
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Ok(()));
        state.clock.advance(1000);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
        state.clock.set_wall(NOW);
        let refused = table.commit(SignatureValid::for_tests(), id(&table, "a", NOW, "m"), WINDOW, SHARES).map(|_| ());
        assert_eq!((refused, state.files()), (Err(NonceRefused::Forgotten), vec![]));
    }

    #[test]
    fn while_buckets_are_dropped_and_the_clock_jumps_back_each_nonce_is_accepted_at_most_once() {
        let state = State::new();
        let (table, _) = state.open();
        let ids: Vec<_> = (0..1000).map(|n| id(&table, &n.to_string(), NOW + n * 3, "n")).collect();
        let accepted: Vec<AtomicUsize> = ids.iter().map(|_| AtomicUsize::new(0)).collect();
        let send_all = |table: &NonceTable| {
            for (id, accepted) in ids.iter().zip(&accepted) {
                let passed = table.commit(SignatureValid::for_tests(), *id, WINDOW, SHARES).is_ok();
                accepted.fetch_add(usize::from(passed), Ordering::SeqCst);
            }
        };
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        send_all(&table);
                    }
                });
            }
            for _ in 0..100 {
                state.clock.advance(40);
                table.sweep(WINDOW).unwrap();
                let wall = Clock::Manual(Arc::clone(&state.clock)).wall().seconds();
                state.clock.set_wall(wall - 15);
                std::thread::sleep(Duration::from_millis(1));
            }
            over.store(true, Ordering::SeqCst);
        });
        drop(table);
        let (table, memory) = state.open();
        assert!(matches!(memory, Memory::Whole { .. }), "{memory:?}");
        for wall in (NOW..NOW + 3400).step_by(200) {
            state.clock.set_wall(wall);
            send_all(&table);
        }
        let counts: Vec<usize> = accepted.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        assert!(counts.iter().all(|count| *count <= 1) && counts.iter().sum::<usize>() > 100, "{counts:?}");
    }

    #[test]
    fn a_directory_that_is_put_in_the_journals_place_gets_none_of_it_and_the_next_start_knows_that_it_is_lost() {
        let state = State::new();
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Ok(()));
        let elsewhere = state.folder.path().join("elsewhere");
        fs::rename(state.path(""), &elsewhere).unwrap();
        fs::create_dir(state.path("")).unwrap();
        assert_eq!(commit(&table, "a", NOW + 60, "n"), Ok(()));
        state.clock.advance(1000);
        assert_eq!(commit(&table, "a", NOW + 1000, "n"), Ok(()), "a mark is written on the way");
        assert_eq!(fs::read_dir(state.path("")).unwrap().count(), 0);
        assert_eq!(journal::bucket_numbers(&Directory::make(&elsewhere).unwrap()).unwrap().len(), 3);
        table.close().unwrap();
        drop(table);
        assert!(state.lost_until() >= NOW + 1000);
    }

    #[test]
    fn a_mark_that_cannot_be_written_keeps_what_would_be_dropped() {
        let state = State::new();
        let (table, _) = state.open();
        assert_eq!(commit(&table, "a", NOW, "n"), Ok(()));
        state.clock.advance(1000);
        // Nobody can write a file there, root neither.
        fs::create_dir(state.path("mark.new")).unwrap();
        assert!(table.sweep(WINDOW).is_err());
        assert_eq!((table.live(), state.files().len()), (1, 1));
        fs::remove_dir(state.path("mark.new")).unwrap();
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
    }
}
