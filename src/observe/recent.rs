//! The last refusals, for administrators who ask why: each with what the access log has of it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::access::{AccessRecord, UnreadHead};

/// A ring of refusals.
#[derive(Debug, Default)]
pub struct RecentRefusals {
    /// The newest last.
    ring: Mutex<VecDeque<Arc<RecentRefusal>>>,
}

/// One refusal; every text of it is one line of bounded length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecentRefusal {
    /// When it ended.
    #[serde(serialize_with = "rfc3339")]
    pub time: jiff::Timestamp,
    /// As in the access log, and as the backend may have been told.
    pub request_id: String,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// `None`: the head never became a request.
    pub method: Option<String>,
    /// The raw path, without the query.
    pub path: Option<String>,
    /// What was answered; `None`: the connection was only closed.
    pub status: Option<u16>,
    /// The consumer key that was claimed.
    pub consumer: Option<String>,
    /// The user that the backend was told, on an observed route.
    pub user: Option<String>,
    /// The code.
    pub verdict: &'static str,
    /// The operator's sentence.
    pub reason: Option<String>,
    /// Until it was refused.
    pub gateway_us: u64,
    /// How long the backend took, if it was asked.
    pub upstream_us: Option<u64>,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

impl RecentRefusals {
    /// Notes a request that was refused.
    pub fn note(&self, record: &AccessRecord) {
        self.push(record.recent());
    }

    /// Notes a head that never became a request.
    pub fn note_unread(&self, head: &UnreadHead) {
        self.push(head.recent());
    }

    /// The newest first, as many as wanted of those that `wanted` says yes to.
    pub fn newest(&self, most: usize, wanted: impl Fn(&RecentRefusal) -> bool) -> Vec<Arc<RecentRefusal>> {
        // Whoever reads keeps nobody waiting but for the copy of some pointers.
        let all = self.ring.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.into_iter().rev().filter(|refusal| wanted(refusal)).take(most).collect()
    }

    fn push(&self, refusal: RecentRefusal) {
        let refusal = Arc::new(refusal);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if ring.len() >= KEPT { ring.pop_front() } else { None };
        ring.push_back(refusal);
        // Freed when nobody waits for the ring any more.
        drop(ring);
        drop(oldest);
    }
}

/// As in the access log.
fn rfc3339<S: serde::Serializer>(time: &jiff::Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// A page of them can be read; at a few hundred bytes each they take less than a megabyte.
const KEPT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(number: usize) -> RecentRefusal {
        RecentRefusal {
            time: jiff::Timestamp::UNIX_EPOCH,
            request_id: number.to_string(),
            peer: "192.0.2.1".parse().unwrap(),
            method: None,
            path: None,
            status: None,
            consumer: None,
            user: None,
            verdict: "bad_head",
            reason: None,
            gateway_us: 0,
            upstream_us: None,
            bytes_out: 0,
        }
    }

    #[test]
    fn the_time_is_written_as_in_the_log() {
        let text = serde_json::to_string(&refusal(1)).unwrap();
        assert!(
            text.starts_with(r#"{"time":"1970-01-01T00:00:00.000Z","request_id":"1","peer":"192.0.2.1","method":null,"#),
            "{text}"
        );
    }

    #[test]
    fn the_newest_are_kept_and_come_first() {
        let recent = RecentRefusals::default();
        (0..KEPT + 3).for_each(|number| recent.push(refusal(number)));
        let ids = |most, suffix: &'static str| -> Vec<String> {
            let found = recent.newest(most, |refusal| refusal.request_id.ends_with(suffix));
            found.iter().map(|refusal| refusal.request_id.clone()).collect()
        };
        assert_eq!(ids(2, ""), ["502", "501"]);
        assert_eq!(ids(2, "0"), ["500", "490"]);
        let all = ids(usize::MAX, "");
        assert_eq!((all.len(), all.last().map(String::as_str)), (KEPT, Some("3")));
    }
}
