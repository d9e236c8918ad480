//! What became of reloads, for metrics and pages.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::certificates::CertificatesOutcome;
use super::outcome::{ReloadOutcome, Reloaded, SettingsOutcome};
use crate::yaml::Problem;

/// Written by the reloader, read by anybody.
#[derive(Debug)]
pub struct ReloadState {
    list: Mutex<ListRead>,
    replaced: AtomicU64,
    unchanged: AtomicU64,
    kept_old: AtomicU64,
    last: Mutex<Option<LastReload>>,
    standing: Mutex<Standing>,
}

/// The list in force.
#[derive(Debug, Clone)]
pub struct ListRead {
    /// When it was last read. A file that cannot be used does not count.
    pub at: SystemTime,
    /// From where.
    pub files: Arc<[PathBuf]>,
    /// How many consumers are in it.
    pub consumers: usize,
}

/// The last look at the files that found anything new, or that somebody insisted on.
#[derive(Debug, Clone)]
pub struct LastReload {
    /// When it ended.
    pub at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What it brought.
    pub reloaded: Reloaded,
}

#[derive(Debug, Default)]
struct Standing {
    settings: Vec<Problem>,
    certificates: Vec<Problem>,
    consumers: Vec<Problem>,
}

impl ReloadState {
    /// A list that was read at this moment, for the first time.
    pub(super) fn starting_with(list: ListRead) -> Self {
        let (replaced, unchanged, kept_old, last, standing) = Default::default();
        Self { list: Mutex::new(list), replaced, unchanged, kept_old, last, standing }
    }

    /// The list in force.
    pub fn list(&self) -> ListRead {
        lock(&self.list).clone()
    }

    /// How often the consumers were read again since the start, by the outcome's name in metrics.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [("replaced", read(&self.replaced)), ("unchanged", read(&self.unchanged)), ("kept_old", read(&self.kept_old))]
    }

    /// The last such look; `None`: there was none since the start.
    pub fn last(&self) -> Option<LastReload> {
        lock(&self.last).clone()
    }

    /// What is wrong with the files as they are now, so that the gateway still goes by older ones. Empty if all is well.
    pub fn problems(&self) -> Vec<Problem> {
        let standing = lock(&self.standing);
        standing.settings.iter().chain(&standing.certificates).chain(&standing.consumers).cloned().collect()
    }

    /// Whether anything is wrong with the files as they are now.
    pub fn has_problems(&self) -> bool {
        let standing = lock(&self.standing);
        !standing.settings.is_empty() || !standing.certificates.is_empty() || !standing.consumers.is_empty()
    }

    /// The list was read; it is in force from now on, if it was not already.
    pub(super) fn record_list(&self, list: ListRead) {
        *lock(&self.list) = list;
    }

    pub(super) fn record(&self, reloaded: &Reloaded, took: Duration) {
        if reloaded.is_nothing() {
            return;
        }
        if let Some(outcome) = &reloaded.consumers {
            self.counter(outcome).fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.standing).update(reloaded);
        let last = LastReload { at: SystemTime::now(), took, reloaded: reloaded.clone() };
        *lock(&self.last) = Some(last);
    }

    fn counter(&self, outcome: &ReloadOutcome) -> &AtomicU64 {
        match outcome {
            ReloadOutcome::Replaced { .. } => &self.replaced,
            ReloadOutcome::Unchanged => &self.unchanged,
            ReloadOutcome::KeptOld(_) => &self.kept_old,
        }
    }
}

impl ListRead {
    /// One that was read at this moment.
    pub(super) fn now(files: Vec<PathBuf>, consumers: usize) -> Self {
        Self { at: SystemTime::now(), files: files.into(), consumers }
    }
}

impl Standing {
    fn update(&mut self, reloaded: &Reloaded) {
        match &reloaded.settings {
            Some(SettingsOutcome::KeptOld(problems)) => self.settings.clone_from(&problems.0),
            Some(SettingsOutcome::Replaced { .. } | SettingsOutcome::Unchanged) => self.settings.clear(),
            None => {}
        }
        match &reloaded.certificates {
            Some(CertificatesOutcome::KeptOld(problems)) => self.certificates.clone_from(&problems.0),
            Some(CertificatesOutcome::Replaced { .. } | CertificatesOutcome::Unchanged) => self.certificates.clear(),
            // They were taken over with the configuration.
            None if matches!(reloaded.settings, Some(SettingsOutcome::Replaced { .. })) => self.certificates.clear(),
            None => {}
        }
        match &reloaded.consumers {
            Some(ReloadOutcome::KeptOld(problems)) => self.consumers.clone_from(&problems.0),
            Some(ReloadOutcome::Replaced { .. } | ReloadOutcome::Unchanged) => self.consumers.clear(),
            None => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
