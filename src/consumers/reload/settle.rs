//! When a file that is being changed should be read: not in the middle of it, not a hundred times a second, and soon.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Changes that were noticed and not looked at yet.
#[derive(Debug)]
pub(super) struct Settle {
    /// The first and the last of them.
    noticed: Option<(Instant, Instant)>,
    /// Files that were written to and not closed since.
    writing: HashMap<PathBuf, Instant>,
    not_before: Instant,
}

impl Settle {
    pub(super) fn new(now: Instant) -> Self {
        Self { noticed: None, writing: HashMap::new(), not_before: now }
    }

    /// Something changed.
    pub(super) fn notice(&mut self, now: Instant) {
        let first = self.noticed.map_or(now, |(first, _)| first);
        self.noticed = Some((first, now));
    }

    /// Something was written to a file, and there may be more to come.
    pub(super) fn written(&mut self, file: PathBuf, now: Instant) {
        self.notice(now);
        self.writing.insert(file, now);
    }

    /// A file was closed, moved or removed: nothing more comes.
    pub(super) fn finished(&mut self, file: &PathBuf, now: Instant) {
        self.notice(now);
        self.writing.remove(file);
    }

    /// From when on to look, if nothing else happens; `None` if there is nothing to look at.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.noticed?;
        let settled = (last + QUIET).min(first + LONGEST);
        let written = self.writing.values().max().map(|last| (*last + PATIENCE).min(first + LONGEST_WRITE));
        Some(written.unwrap_or(settled).max(settled).max(self.not_before))
    }

    /// A look was taken, from `begun` to `now`. The next may come after as long a rest: reading takes half a core at most.
    pub(super) fn looked(&mut self, begun: Instant, now: Instant) {
        self.noticed = None;
        self.writing.clear();
        self.not_before = now + (now - begun).min(LONGEST_REST);
    }
}

/// No change for so long: an editor's rename and the events around it are over.
const QUIET: Duration = Duration::from_millis(50);
/// Under steady changes a look comes nevertheless; with reading itself it stays below the second that is promised.
const LONGEST: Duration = Duration::from_millis(400);
/// A writer that pauses in the middle of a file is waited for, for so long after its last byte…
const PATIENCE: Duration = Duration::from_secs(2);
/// …and for so long in all: some writer never closes its file.
const LONGEST_WRITE: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn one_change_is_looked_at_when_all_is_quiet() {
        let start = Instant::now();
        let mut settle = Settle::new(start);
        assert_eq!(settle.due(), None);
        settle.notice(start);
        settle.notice(start + 20 * MS);
        assert_eq!(settle.due(), Some(start + 70 * MS));
        settle.looked(start + 70 * MS, start + 70 * MS);
        assert_eq!(settle.due(), None);
    }

    #[test]
    fn steady_changes_are_looked_at_nevertheless() {
        let start = Instant::now();
        let mut settle = Settle::new(start);
        for step in 0..100 {
            settle.notice(start + step * 10 * MS);
        }
        assert_eq!(settle.due(), Some(start + LONGEST));
    }

    #[test]
    fn a_file_is_not_read_while_somebody_writes_it() {
        let start = Instant::now();
        let mut settle = Settle::new(start);
        settle.written("a".into(), start);
        assert_eq!(settle.due(), Some(start + PATIENCE));
        settle.written("a".into(), start + 1000 * MS);
        assert_eq!(settle.due(), Some(start + 1000 * MS + PATIENCE));
        settle.finished(&"a".into(), start + 1100 * MS);
        assert_eq!(settle.due(), Some(start + LONGEST));
    }

    #[test]
    fn a_writer_that_never_ends_is_not_waited_for_without_end() {
        let start = Instant::now();
        let mut settle = Settle::new(start);
        for step in 0..20 {
            settle.written("a".into(), start + step * 1000 * MS);
        }
        assert_eq!(settle.due(), Some(start + LONGEST_WRITE));
    }

    #[test]
    fn after_a_long_look_comes_as_long_a_rest() {
        let start = Instant::now();
        let mut settle = Settle::new(start);
        settle.looked(start, start + 900 * MS);
        settle.notice(start + 901 * MS);
        assert_eq!(settle.due(), Some(start + 1800 * MS));
    }
}
