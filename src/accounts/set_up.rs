//! The link by which the first administrator comes in, where there is nobody yet to let anybody in.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::secret::{Secret, SecretHash};

/// At most one link, good for one user.
#[derive(Debug, Default)]
pub(super) struct SetUp(Mutex<Option<Link>>);

#[derive(Debug)]
struct Link {
    token: SecretHash,
    made: Duration,
}

impl SetUp {
    /// From now on this is the link.
    pub(super) fn open(&self, token: &Secret, now: Duration) {
        *self.lock() = Some(Link { token: token.hash(), made: now });
    }

    /// Whether that is the link, and still good.
    pub(super) fn is_open_to(&self, token: &str, now: Duration) -> bool {
        self.lock().as_ref().is_some_and(|link| link.token.is_of(token) && now.saturating_sub(link.made) < GOOD_FOR)
    }

    /// It is used up.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Long enough to find it in the log of a new installation; whoever reads the log later finds a dead one.
pub const GOOD_FOR: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_once_and_for_an_hour() {
        let (set_up, token) = (SetUp::default(), Secret::random().unwrap());
        let is_open = |seconds| set_up.is_open_to(token.reveal(), Duration::from_secs(seconds));
        assert!(!is_open(0));
        set_up.open(&token, Duration::from_secs(10));
        assert!(is_open(10) && is_open(3609) && !is_open(3610));
        assert!(!set_up.is_open_to("", Duration::from_secs(10)));
        set_up.close();
        assert!(!is_open(10));
    }
}
