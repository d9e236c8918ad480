//! Whether the data plane's threads are alive: each is asked a question now and then, and answers from its own runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// The questions and their answers.
#[derive(Debug)]
pub(super) struct Pulse {
    question: watch::Sender<u64>,
    /// The last question that each thread answered.
    answers: Arc<[AtomicU64]>,
}

/// Somebody who asks, and for whom only answers to their own questions count.
#[derive(Debug, Default)]
pub(super) struct Asker {
    /// The number of their last question; 0: the one that is there from the start.
    asked: AtomicU64,
}

/// A thread's side.
#[derive(Debug)]
pub(super) struct Answering {
    question: watch::Receiver<u64>,
    answers: Arc<[AtomicU64]>,
    thread: usize,
}

impl Pulse {
    pub(super) fn of(threads: usize) -> Self {
        Self { question: watch::Sender::new(1), answers: (0..threads).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(super) fn answering(&self, thread: usize) -> Answering {
        Answering { question: self.question.subscribe(), answers: Arc::clone(&self.answers), thread }
    }

    /// Whether every thread has answered since this last said so to the same asker. A thread that was late may still answer the
    /// same question.
    pub(super) fn beat(&self, asker: &Asker) -> bool {
        let asked = asker.asked.load(Ordering::Relaxed).max(1);
        let all = self.answers.iter().all(|answer| answer.load(Ordering::Acquire) >= asked);
        if all {
            self.question.send_modify(|question| {
                *question += 1;
                asker.asked.store(*question, Ordering::Relaxed);
            });
        }
        all
    }
}

impl Answering {
    /// Answers as long as somebody asks.
    pub(super) async fn run(mut self) {
        loop {
            let asked = *self.question.borrow_and_update();
            self.answers[self.thread].store(asked, Ordering::Release);
            if self.question.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_beat_takes_an_answer_of_every_thread_since_the_last_one() {
        let (pulse, asker) = (Pulse::of(2), Asker::default());
        assert!(!pulse.beat(&asker), "nobody has answered yet");
        let first = tokio::spawn(pulse.answering(0).run());
        tokio::task::yield_now().await;
        assert!(!pulse.beat(&asker), "the second has not answered");
        let second = tokio::spawn(pulse.answering(1).run());
        tokio::task::yield_now().await;
        assert!(pulse.beat(&asker));
        assert!(!pulse.beat(&asker), "nobody has answered since");
        tokio::task::yield_now().await;
        assert!(pulse.beat(&asker));
        // One that stands still.
        second.abort();
        let _ = second.await;
        for _ in 0..3 {
            tokio::task::yield_now().await;
            assert!(!pulse.beat(&asker));
        }
        // It goes on, late.
        let second = tokio::spawn(pulse.answering(1).run());
        tokio::task::yield_now().await;
        assert!(pulse.beat(&asker));
        drop(pulse);
        first.await.unwrap();
        second.await.unwrap();
    }
    #[tokio::test]
    async fn two_askers_do_not_take_each_others_answers() {
        let (pulse, first, second) = (Pulse::of(1), Asker::default(), Asker::default());
        let thread = tokio::spawn(pulse.answering(0).run());
        tokio::task::yield_now().await;
        assert!(pulse.beat(&first) && pulse.beat(&second), "each has an answer to the first question");
        assert!(!pulse.beat(&first) && !pulse.beat(&second));
        tokio::task::yield_now().await;
        assert!(pulse.beat(&first), "the answer to the second one's question is later than its own");
        assert!(pulse.beat(&second));
        drop(pulse);
        thread.await.unwrap();
    }
}
