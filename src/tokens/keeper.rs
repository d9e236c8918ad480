//! The thread that has the connection: it works off what is asked, notices what other processes change, and cleans up.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout};

use super::operations::Operations;
use super::problem::StoreFault;

/// What the thread is to do with its connection.
pub(super) type Job = Box<dyn FnOnce(&mut Operations) + Send>;

/// The thread's life: until nobody can ask it any more.
pub(super) async fn run(mut operations: Operations, mut jobs: Receiver<Job>) {
    let mut clean_at = Instant::now();
    // A database that can be read may still be one that nothing can be written to.
    let (mut reading, mut writing) = (Trouble::of("read"), Trouble::of("written to"));
    loop {
        match timeout(LOOK_EVERY, jobs.recv()).await {
            Ok(None) => return,
            Ok(Some(job)) => job(&mut operations),
            Err(_) => reading.note(operations.notice()),
        }
        if clean_at <= Instant::now() {
            let is_more = operations.clean_up();
            clean_at = Instant::now() + if matches!(is_more, Ok(true)) { LOOK_EVERY } else { CLEAN_EVERY };
            writing.note(is_more.map(drop));
        }
    }
}

/// What went wrong last, so that it is written down once.
struct Trouble {
    what: &'static str,
    last: Option<StoreFault>,
}

impl Trouble {
    fn of(what: &'static str) -> Self {
        Self { what, last: None }
    }

    fn note(&mut self, done: Result<(), StoreFault>) {
        match (done.err(), &self.last) {
            (None, None) => {}
            (None, Some(_)) => {
                tracing::info!("the token database can be {} again", self.what);
                self.last = None;
            }
            (Some(fault), known) if known.as_ref() == Some(&fault) => {}
            (Some(fault), _) => {
                tracing::error!("{fault}");
                self.last = Some(fault);
            }
        }
    }
}

/// A token that a command revokes is refused within a second: this, and some for a busy machine.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is over is refused at once anyway; this only gives its room back.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
