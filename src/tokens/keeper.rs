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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::super::cleanup::TEMPORARY_KEPT_FOR;
    use super::super::desk::Desk;
    use super::*;

    #[test]
    fn what_is_over_is_cleaned_up_at_once_after_the_start_and_then_once_a_minute() {
        let mut desk = Desk::new();
        let Desk { index, operations, folder: _folder, .. } = desk.another();
        let due = |desk: &mut Desk| {
            desk.begin("a");
            desk.clock.advance(600 + TEMPORARY_KEPT_FOR.unsigned_abs());
        };
        due(&mut desk);
        let (jobs, asked) = mpsc::channel(3);
        let ask = |job: Job| assert!(jobs.try_send(job).is_ok());
        let (see, seen) = std::sync::mpsc::channel();
        let see = move || see.send(index.known()).unwrap();
        let see_later = see.clone();
        // All is asked before the thread begins: it cleans up after the first of them.
        ask(Box::new(|_| {}));
        ask(Box::new(move |operations| {
            see();
            due(&mut desk);
            operations.notice().unwrap();
        }));
        ask(Box::new(move |_| see_later()));
        drop(jobs);
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run(operations, asked));
        assert_eq!(seen.iter().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_trouble_is_told_when_it_begins_and_when_it_is_over_and_not_while_it_lasts() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(log.reopen().unwrap())).finish();
        let mut trouble = Trouble::of("read");
        let full = || Err(StoreFault::Database("full".to_owned()));
        let gone = || Err(StoreFault::Database("gone".to_owned()));
        tracing::subscriber::with_default(subscriber, || {
            for done in [Ok(()), full(), full(), gone(), Ok(()), Ok(()), gone()] {
                trouble.note(done);
            }
        });
        let lines = std::fs::read_to_string(log.path()).unwrap();
        let told = ["used: full", "used: gone", "can be read again", "used: gone"];
        assert_eq!(lines.lines().count(), told.len(), "{lines}");
        assert!(lines.lines().zip(told).all(|(line, told)| line.ends_with(told)), "{lines}");
    }
}
