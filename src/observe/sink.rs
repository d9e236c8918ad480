//! Where lines go: appended to memory by the request's thread, written by a thread of their own.
//!
//! A reader that stalls (a full pipe, a slow disk) never stalls a request: beyond the bound lines are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lines::Lines;
use crate::config::LogTarget;

/// A buffered line writer.
#[derive(Debug)]
pub struct Sink {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug)]
struct State {
    pending: Vec<u8>,
    dropped: u64,
    target: LogTarget,
    reopen: bool,
    closed: bool,
    /// Between taking lines out of `pending` and having written them.
    writing: bool,
}

impl Sink {
    /// Opens the target and starts its writer.
    ///
    /// # Errors
    /// If a log file cannot be opened or the thread cannot be started.
    pub fn open(target: &LogTarget) -> io::Result<Arc<Self>> {
        let output = open(target)?;
        let state =
            State { pending: Vec::new(), dropped: 0, target: target.clone(), reopen: false, closed: false, writing: false };
        let sink = Arc::new(Self { state: Mutex::new(state), wake: Condvar::new() });
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

    /// Opens the file again, after a log rotation has moved it.
    pub fn reopen(&self) {
        self.lock().reopen = true;
        self.wake.notify_one();
    }

    /// Writes what is pending and returns when it is written, or after a second if it cannot be.
    pub fn flush(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
        let state = self.lock();
        let unwritten = |state: &mut State| state.writing || !state.pending.is_empty();
        drop(self.wake.wait_timeout_while(state, FLUSH_WITHIN, unwritten));
        self.lock().closed = false;
    }

    fn run(&self, output: Output) {
        let (mut lines, mut failing, mut batch) = (Lines::new(output), false, Vec::new());
        loop {
            let (dropped, reopen) = self.take(&mut batch);
            if let Some(Ok(fresh)) = reopen.then(|| open(&self.lock().target)) {
                lines.replace(fresh);
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
            self.lock().writing = false;
            self.wake.notify_all();
        }
    }

    /// Waits for lines, a little longer for more of them, and takes them all.
    fn take(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let mut state = self.lock();
        while state.pending.is_empty() && !state.reopen && state.dropped == 0 {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let gathering = |state: &mut State| state.pending.len() <= WRITE_AT && !state.closed && !state.reopen;
        let (mut state, _) = self.wake.wait_timeout_while(state, WRITE_AFTER, gathering).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.pending, batch);
        state.writing = true;
        (std::mem::take(&mut state.dropped), std::mem::take(&mut state.reopen))
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

    #[test]
    fn lines_reach_the_file_and_a_rotated_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let sink = Sink::open(&LogTarget::File(path.clone())).unwrap();
        sink.append(b"one\n");
        sink.flush();
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        sink.reopen();
        while !path.exists() {
            std::thread::yield_now();
        }
        sink.append(b"two\n");
        sink.flush();
        assert_eq!(std::fs::read_to_string(folder.path().join("log.1")).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    }
}
