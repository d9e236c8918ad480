//! What a consumer has done lately.

use super::super::Admin;
use super::super::words::{ago, count};
use crate::observe::LastHour;

/// In words and numbers.
pub(super) struct Usage {
    pub(super) last_used: String,
    pub(super) requests: u64,
    pub(super) refusals: u64,
}

impl Usage {
    /// Of the consumer with this key that is in force; of none that was not yet.
    pub(super) fn of(admin: &Admin, key: &str) -> Self {
        let (policy, now) = (admin.policy(), admin.clock().now());
        let LastHour { last_used, requests, refusals } =
            policy.consumers.get(key).map(|consumer| consumer.activity.last_hour(now)).unwrap_or_default();
        let last_used = last_used.map_or_else(|| NEVER.to_owned(), |then| ago(now.wall, then));
        Self { last_used, requests, refusals }
    }

    /// For somebody who is about to remove the consumer.
    pub(super) fn sentence(&self) -> String {
        let admitted = usize::try_from(self.requests - self.refusals).unwrap_or(usize::MAX);
        match admitted {
            0 if self.last_used == NEVER => "No request of it was let through since the gateway's start.".to_owned(),
            0 => format!("It was last used {}, and not in the last hour.", self.last_used),
            _ => format!(
                "It is in use: {} of it went through in the last hour, the last one {}.",
                count(admitted, "request"),
                self.last_used
            ),
        }
    }
}

/// Nothing is remembered over a restart.
const NEVER: &str = "not since start";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_removes_a_consumer_is_told_whether_it_is_in_use() {
        let sentence = |last_used: &str, requests, refusals| Usage { last_used: last_used.into(), requests, refusals }.sentence();
        assert_eq!(
            sentence("5 s ago", 4, 1),
            "It is in use: 3 requests of it went through in the last hour, the last one 5 s ago."
        );
        assert_eq!(sentence("3 h ago", 2, 2), "It was last used 3 h ago, and not in the last hour.");
        assert_eq!(sentence(NEVER, 2, 2), "No request of it was let through since the gateway's start.");
    }
}
