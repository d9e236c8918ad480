//! Reloads that SIGHUP asked for: the service manager knows while one is under way, and its verdict is written down.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::task::JoinSet;

use super::verdict::Verdict;
use super::{manager, monotonic_usec};
use crate::consumers::reload::{ReloadState, ReloadThread, Reloaded};
use crate::directory::Directory;
use crate::policy::Policy;

/// The reloads under way.
#[derive(Debug)]
pub struct Reloads {
    /// Where verdicts are written: the directory that was locked, whatever the configuration says since.
    directory: Arc<Directory>,
    policy: Arc<ArcSwap<Policy>>,
    state: Arc<ReloadState>,
    under_way: JoinSet<Option<Finished>>,
    status: String,
}

#[derive(Debug)]
struct Finished {
    begun_usec: u64,
    reloaded: Reloaded,
}

impl Reloads {
    /// None so far; the service manager is told that the gateway is ready.
    pub fn start(directory: Arc<Directory>, policy: Arc<ArcSwap<Policy>>, state: Arc<ReloadState>) -> Self {
        let mut reloads = Self { directory, policy, state, under_way: JoinSet::new(), status: String::new() };
        reloads.status = reloads.status_now();
        manager::ready(&reloads.status);
        reloads
    }

    /// Has the files read.
    pub fn begin(&mut self, thread: &ReloadThread) {
        manager::reloading();
        let begun_usec = monotonic_usec();
        let outcome = thread.reload_now();
        // On a thread of its own: a list of 100,000 takes a while, and the watchdog wants to be fed meanwhile.
        self.under_way.spawn_blocking(move || outcome.recv().ok().map(|reloaded| Finished { begun_usec, reloaded }));
    }

    /// Waits until one is done, and tells of it. Never ends while none is under way.
    pub async fn finish_one(&mut self) {
        let Some(joined) = self.under_way.join_next().await else { return std::future::pending().await };
        // Without an outcome the reload thread is gone, which ends the gateway before long.
        let finished = joined.ok().flatten();
        let verdict = finished
            .map(|Finished { begun_usec, reloaded }| Verdict::of(&reloaded, begun_usec, self.policy.load().consumers.len()));
        self.status = self.status_now();
        if self.under_way.is_empty() {
            manager::ready(&self.status);
        }
        if let Some(Err(error)) = verdict.map(|verdict| verdict.write(&self.directory)) {
            tracing::error!(%error, "the outcome of the reload cannot be written; countersign reload waits in vain");
        }
    }

    /// Tells the service manager how many consumers there are and whether all is well, if that changed.
    pub fn refresh_status(&mut self) {
        let status = self.status_now();
        if status != self.status {
            manager::status(&status);
            self.status = status;
        }
    }

    fn status_now(&self) -> String {
        let consumers = match self.policy.load().consumers.len() {
            1 => "1 consumer".to_owned(),
            count => format!("{count} consumers"),
        };
        let problems = if self.state.has_problems() { "; the files have problems since, see the log" } else { "" };
        format!("serving {consumers}{problems}")
    }
}
