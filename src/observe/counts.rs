//! Counts of verdicts.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

/// How often each verdict was given.
#[derive(Debug, Default)]
pub struct VerdictCounts {
    counts: DashMap<&'static str, AtomicU64>,
}

impl VerdictCounts {
    /// Counts one.
    pub fn add(&self, verdict: &'static str) {
        if let Some(count) = self.counts.get(verdict) {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            self.counts.entry(verdict).or_default().fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes the counts as `admitted=3 nonce_used=1`, in alphabetical order, and begins again; `None` if nothing came.
    pub fn take_summary(&self) -> Option<String> {
        let mut counts: Vec<(&str, u64)> = self
            .counts
            .iter()
            .map(|entry| (*entry.key(), entry.value().swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect();
        counts.sort_unstable();
        let words: Vec<String> = counts.iter().map(|(verdict, count)| format!("{verdict}={count}")).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_begins_again() {
        let counts = VerdictCounts::default();
        for verdict in ["b", "a", "b"] {
            counts.add(verdict);
        }
        assert_eq!(counts.take_summary().as_deref(), Some("a=1 b=2"));
        assert_eq!(counts.take_summary(), None);
    }
}
