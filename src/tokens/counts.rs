//! How often each step of the dance was taken, and what became of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::problem::DanceError;

/// Counts since the start. Dances are rare, and what each of them waits for is the disk: one place for all threads does.
#[derive(Debug, Default)]
pub struct StepCounts([[AtomicU64; StepOutcome::ALL.len()]; Step::ALL.len()]);

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Temporary credentials are asked for.
    RequestToken,
    /// A resource owner decides.
    Decision,
    /// A request token is exchanged.
    AccessToken,
    /// An access token is renewed.
    Renewal,
    /// Tokens are taken back by this process: one step, however many they are.
    Revocation,
}

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// It was done.
    Done,
    /// The token, or what goes with it, is not good for it.
    Refused,
    /// The store could not do it.
    Failed,
}

impl Step {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::RequestToken, Self::Decision, Self::AccessToken, Self::Renewal, Self::Revocation];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestToken => "request_token",
            Self::Decision => "decision",
            Self::AccessToken => "access_token",
            Self::Renewal => "renewal",
            Self::Revocation => "revocation",
        }
    }
}

impl StepOutcome {
    /// Every one there is.
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl StepCounts {
    /// How often that was.
    pub fn get(&self, step: Step, outcome: StepOutcome) -> u64 {
        self.0[step as usize][outcome as usize].load(Relaxed)
    }

    /// Counts a step by what became of it, which is passed on.
    pub(super) fn note<T>(&self, step: Step, result: Result<T, DanceError>) -> Result<T, DanceError> {
        let outcome = match &result {
            Ok(_) => StepOutcome::Done,
            Err(DanceError::Problem(_)) => StepOutcome::Refused,
            Err(DanceError::Store(_)) => StepOutcome::Failed,
        };
        self.0[step as usize][outcome as usize].fetch_add(1, Relaxed);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::super::problem::{StoreFault, TokenProblem};
    use super::*;

    #[test]
    fn a_step_is_counted_once_by_what_became_of_it() {
        let counts = StepCounts::default();
        assert!(counts.note(Step::Renewal, Ok(())).is_ok());
        for error in [TokenProblem::Expired.into(), TokenProblem::Used.into(), DanceError::Store(StoreFault::Closed)] {
            assert!(counts.note::<()>(Step::AccessToken, Err(error)).is_err());
        }
        let of = |step| StepOutcome::ALL.map(|outcome| counts.get(step, outcome));
        assert_eq!((of(Step::Renewal), of(Step::AccessToken), of(Step::Decision)), ([1, 0, 0], [0, 2, 1], [0, 0, 0]));
    }
}
