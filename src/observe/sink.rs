//! Where lines go: appended to memory by the request's thread, written by a thread of their own.
//!
//! A reader that stalls (a full pipe, a slow disk) never stalls a request: beyond the bound lines are dropped and counted. Lines
//! that must not be lost have somebody wait until they are written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::lines::Lines;
use crate::config::LogTarget;

/// A buffered line writer.
#[derive(Debug)]
pub struct Sink {
    state: Mutex<State>,
    /// For the writer: there is something to do.
    wake: Condvar,
    /// For whoever waits: lines were taken or written.
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    pending: Vec<u8>,
    dropped: u64,
    target: LogTarget,
    reopen: bool,
    closed: bool,
    /// Somebody waits for what is pending.
    urgent: bool,
    /// How often lines were taken out of `pending`.
    taken: u64,
    /// How many times of these have been dealt with.
    settled: u64,
    /// The last of them whose lines could not all be written.
    failed: u64,
}

impl Sink {
    /// Opens the target and starts its writer.
    ///
    /// # Errors
    /// If a log file cannot be opened or the thread cannot be started.
    pub fn open(target: &LogTarget) -> io::Result<Arc<Self>> {
        let output = open(target)?;
        let (pending, target) = (Vec::new(), target.clone());
        let (dropped, taken, settled, failed) = Default::default();
        let state = State { pending, dropped, target, reopen: false, closed: false, urgent: false, taken, settled, failed };
        let sink = Arc::new(Self { state: Mutex::new(state), wake: Condvar::new(), settled: Condvar::new() });
        let writer = Arc::clone(&sink);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(output))?;
        Ok(sink)
    }

    /// Appends whole lines.
    pub fn append(&self, lines: &[u8]) {
        let mut state = self.lock();
        if state.pending.len() + lines.len() > MAX_PENDING {
            state.dropped += 1;
            return;
        }
        let was_empty = state.pending.is_empty();
        state.pending.extend_from_slice(lines);
        if was_empty || state.pending.len() > WRITE_AT {
            self.wake.notify_one();
        }
    }

    /// Appends whole lines, and returns when they are written.
    ///
    /// # Errors
    /// If they can't be, or were not before `within` was over; then they may be written later.
    pub fn write(&self, lines: &[u8], within: Duration) -> io::Result<()> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "whatever reads the log does not take it");
        let until = Instant::now() + within;
        let is_full = |state: &mut State| state.pending.len() + lines.len() > MAX_PENDING;
        let mut state = self.wait_while(self.lock(), until, is_full).ok_or_else(late)?;
        state.pending.extend_from_slice(lines);
        state.urgent = true;
        let turn = state.taken + 1;
        self.wake.notify_one();
        let state = self.wait_while(state, until, |state| state.settled < turn).ok_or_else(late)?;
        if state.failed >= turn { Err(io::Error::other("it cannot be written")) } else { Ok(()) }
    }

    /// Opens the file again, after a log rotation has moved it.
    pub fn reopen(&self) {
        self.lock().reopen = true;
        self.wake.notify_one();
    }

    /// Writes what is pending and returns when it is written, or after a second if it cannot be.
    pub fn flush(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake.notify_one();
        let unwritten = |state: &mut State| state.settled < state.taken || !state.pending.is_empty();
        drop(self.wait_while(state, Instant::now() + FLUSH_WITHIN, unwritten));
        self.lock().closed = false;
    }

    fn run(&self, output: Output) {
        let (mut lines, mut failing, mut batch) = (Lines::new(output), false, Vec::new());
        loop {
            let (dropped, reopen) = self.take(&mut batch);
            if reopen {
                self.replace(&mut lines);
            }
            let written = lines.write(&batch, dropped);
            if let Err(error) = &written
                && !failing
            {
                // There is no better place left to say it; how many lines are missing stands in the log later.
                let _ = writeln!(io::stderr(), "the log cannot be written: {error}");
            }
            failing = written.is_err();
            batch.clear();
            self.settle(failing);
        }
    }

    /// Goes on in the file that has the name now. Where there can be none, the moved one is better than none.
    fn replace(&self, lines: &mut Lines<Output>) {
        let target = self.lock().target.clone();
        match open(&target) {
            Ok(fresh) => lines.replace(fresh),
            Err(error) => {
                let _ = writeln!(io::stderr(), "the log cannot be opened again, and goes on in the file that was moved: {error}");
            }
        }
    }

    fn settle(&self, failing: bool) {
        let mut state = self.lock();
        state.settled = state.taken;
        if failing {
            state.failed = state.taken;
        }
        self.settled.notify_all();
    }

    /// Waits for lines, a little longer for more of them, and takes them all.
    fn take(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let mut state = self.lock();
        while state.pending.is_empty() && !state.reopen && !state.urgent && state.dropped == 0 {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let gathering = |state: &mut State| state.pending.len() <= WRITE_AT && !state.closed && !state.reopen && !state.urgent;
        let (mut state, _) = self.wake.wait_timeout_while(state, WRITE_AFTER, gathering).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.pending, batch);
        state.taken += 1;
        state.urgent = false;
        // There is room again.
        self.settled.notify_all();
        (std::mem::take(&mut state.dropped), std::mem::take(&mut state.reopen))
    }

    /// `None`: it was still so when the time was over.
    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Instant,
        mut is_so: impl FnMut(&mut State) -> bool,
    ) -> Option<MutexGuard<'a, State>> {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.settled.wait_timeout_while(state, left, &mut is_so);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_still_so = is_so(&mut state);
        (!is_still_so).then_some(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Output {
    Stderr,
    File(File),
}

impl Write for Output {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stderr => io::stderr().write(lines),
            Self::File(file) => file.write(lines),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(target: &LogTarget) -> io::Result<Output> {
    match target {
        LogTarget::Stderr => Ok(Output::Stderr),
        LogTarget::File(path) => open_file(path).map(Output::File),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Bytes that wait at most; about 10,000 lines.
const MAX_PENDING: usize = 4 * 1024 * 1024;

/// Bytes at which a batch is written without waiting for more.
const WRITE_AT: usize = 512 * 1024;

/// How long a line waits for others at most; a person who follows the log sees no delay.
const WRITE_AFTER: Duration = Duration::from_millis(100);

/// How long the end of the program waits for its last lines.
const FLUSH_WITHIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// As [`Sink::flush`], and again where a machine that is busy kept it from being done within its second.
    fn flush(sink: &Sink) {
        for _ in 0..60 {
            let begun = Instant::now();
            sink.flush();
            if begun.elapsed() < FLUSH_WITHIN {
                return;
            }
        }
    }

    #[test]
    fn lines_reach_the_file_and_a_rotated_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sink = Sink::open(&LogTarget::File(path.clone())).unwrap();
        sink.append(b"one\n");
        flush(&sink);
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        sink.reopen();
        while !path.exists() {
            std::thread::yield_now();
        }
        sink.append(b"two\n");
        flush(&sink);
        assert_eq!(std::fs::read_to_string(folder.path().join("log.1")).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn whoever_waits_for_lines_is_told_whether_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sink = Sink::open(&LogTarget::File(path.clone())).unwrap();
        sink.append(b"one\n");
        sink.write(b"two\n", Duration::from_secs(60)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n", "and need not flush");
        // Takes nothing, like a full disk (full(4)).
        let full = Sink::open(&LogTarget::File("/dev/full".into())).unwrap();
        for _ in 0..2 {
            let error = full.write(b"three\n", Duration::from_secs(60)).unwrap_err();
            assert_eq!(error.to_string(), "it cannot be written");
        }
    }

    #[test]
    fn whoever_waits_for_a_reader_that_stalls_is_told_so_and_has_not_taken_more_memory_than_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let mkfifo = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(mkfifo.success());
        // Open at both ends, so that opening waits for nobody; and read by nobody.
        let reader = File::options().read(true).write(true).open(&path).unwrap();
        let sink = Sink::open(&LogTarget::File(path)).unwrap();
        let lines = [b'x'; 1024 * 1024];
        let late = (0..10).filter(|_| sink.write(&lines, Duration::from_millis(20)).is_err()).count();
        assert_eq!(late, 10);
        assert!(sink.lock().pending.len() <= MAX_PENDING);
        drop(reader);
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_goes_on_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sink = Sink::open(&LogTarget::File(path.clone())).unwrap();
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        std::fs::create_dir(&path).unwrap();
        sink.reopen();
        sink.write(b"one\n", Duration::from_secs(60)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("log.1")).unwrap(), "one\n");
    }
}
