//! What the data plane has done, counted where it happens: each thread in a place of its own, so that no two of them ever
//! write to the same line of the processor's cache.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::histogram::{Durations, Histogram};
use super::tally::Tally;

/// All threads' counts.
#[derive(Debug)]
pub struct Traffic {
    threads: Box<[Counts]>,
}

/// One thread's, which that thread alone writes. Two cache lines: processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counts {
    begun: Tally,
    /// By the place in [`VERDICTS`].
    verdicts: [Tally; VERDICTS.len()],
    events: [Tally; Event::ALL.len()],
    request: Histogram,
    gateway: Histogram,
    upstream: Histogram,
}

/// What happens to a connection before there is a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It found no place, and was closed.
    ConnectionRefused,
    /// Its TLS handshake came to nothing.
    HandshakeFailed,
    /// The client left during its TLS handshake.
    HandshakeLeft,
}

/// How long one request took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From its head to the end of the answer.
    pub request: Duration,
    /// Until it went out or was refused.
    pub gateway: Duration,
    /// From then until the head of the backend's answer.
    pub upstream: Option<Duration>,
}

/// All threads' counts together.
#[derive(Debug, Default)]
pub struct Totals {
    /// Every verdict there is, and how often it was given.
    pub verdicts: Vec<(&'static str, u64)>,
    /// Requests that were begun and not finished.
    pub in_flight: u64,
    /// From a head to the end of the answer.
    pub request: Durations,
    /// The gateway's own part.
    pub gateway: Durations,
    /// The backend's part.
    pub upstream: Durations,
    events: [u64; Event::ALL.len()],
}

impl Event {
    const ALL: [Self; 3] = [Self::ConnectionRefused, Self::HandshakeFailed, Self::HandshakeLeft];
}

impl Traffic {
    /// Nothing yet.
    pub fn of(threads: NonZeroUsize) -> Self {
        Self { threads: (0..threads.get()).map(|_| Counts::default()).collect() }
    }

    /// Where this thread counts. There is one for each that the settings name.
    pub fn thread(&self, thread: usize) -> &Counts {
        &self.threads[thread % self.threads.len()]
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { verdicts: VERDICTS.map(|verdict| (verdict, 0)).into(), ..Totals::default() };
        for counts in &self.threads {
            counts.add_to(&mut totals);
        }
        totals
    }
}

impl Totals {
    /// How often it happened.
    pub fn event(&self, event: Event) -> u64 {
        self.events[event as usize]
    }
}

impl Default for Counts {
    fn default() -> Self {
        let (begun, request, gateway, upstream) = Default::default();
        let verdicts = std::array::from_fn(|_| Tally::default());
        Self { begun, verdicts, events: Default::default(), request, gateway, upstream }
    }
}

impl Counts {
    /// A request has come.
    pub fn begin(&self) {
        self.begun.add(1);
    }

    /// A request that was begun is over.
    pub fn finish(&self, verdict: &'static str, times: Times) {
        self.verdict(verdict);
        self.gateway.add(times.gateway);
        if let Some(upstream) = times.upstream {
            self.upstream.add(upstream);
        }
        // Last: what is counted here is finished.
        self.request.add(times.request);
    }

    /// A head that never became a request.
    pub fn unread(&self, verdict: &'static str) {
        self.verdict(verdict);
    }

    /// Something happened to a connection.
    pub fn event(&self, event: Event) {
        self.events[event as usize].add(1);
    }

    fn verdict(&self, verdict: &'static str) {
        let place = VERDICTS.iter().position(|known| *known == verdict).unwrap_or(VERDICTS.len() - 1);
        self.verdicts[place].add(1);
    }

    fn add_to(&self, totals: &mut Totals) {
        let mut request = Durations::default();
        // In this order: a request that ends meanwhile is in flight once more at worst, and never less than none is.
        self.request.add_to(&mut request);
        totals.in_flight += self.begun.get().saturating_sub(request.count());
        self.request.add_to(&mut totals.request);
        self.gateway.add_to(&mut totals.gateway);
        self.upstream.add_to(&mut totals.upstream);
        for ((_, total), count) in totals.verdicts.iter_mut().zip(&self.verdicts) {
            *total += count.get();
        }
        for (total, count) in totals.events.iter_mut().zip(&self.events) {
            *total += count.get();
        }
    }
}

/// All verdicts of the access log, the frequent ones first; the last stands for one that is missing here.
const VERDICTS: [&str; 42] = [
    "admitted",
    "anonymous",
    "no_credentials",
    "nonce_used",
    "signature_invalid",
    "timestamp_refused",
    "consumer_key_unknown",
    "consumer_key_rejected",
    "permission_denied",
    "parameter_absent",
    "parameter_rejected",
    "version_rejected",
    "signature_method_rejected",
    "token_rejected",
    "token_expired",
    "token_revoked",
    "token_used",
    "permission_unknown",
    "tokens_unavailable",
    "method_not_allowed",
    "rate_limited",
    "too_many_failures",
    "bad_head",
    "head_timeout",
    "bad_request",
    "method_unknown",
    "transfer_coding_unknown",
    "form_coding",
    "target_too_long",
    "body_too_large",
    "body_timeout",
    "nonce_table_full",
    "nonce_not_written",
    "nonce_unclaimed",
    "held_bodies_full",
    "probes_busy",
    "upstream_busy",
    "upstream_unreachable",
    "upstream_broken",
    "upstream_timeout",
    "client_gone",
    "other",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times =
        Times { request: Duration::from_millis(3), gateway: Duration::from_millis(1), upstream: Some(Duration::from_millis(2)) };

    #[test]
    fn all_threads_counts_are_added_up() {
        let traffic = Traffic::of(NonZeroUsize::new(2).unwrap());
        for thread in [0, 1, 1] {
            traffic.thread(thread).begin();
        }
        traffic.thread(0).finish("admitted", TIMES);
        traffic.thread(1).finish("nonce_used", Times { upstream: None, ..TIMES });
        traffic.thread(1).unread("bad_head");
        traffic.thread(0).event(Event::HandshakeLeft);
        traffic.thread(1).event(Event::HandshakeLeft);
        let totals = traffic.totals();
        let given: Vec<_> = totals.verdicts.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(given, [&("admitted", 1), &("nonce_used", 1), &("bad_head", 1)]);
        assert_eq!((totals.in_flight, totals.request.count(), totals.upstream.count()), (1, 2, 1));
        assert_eq!((totals.event(Event::HandshakeLeft), totals.event(Event::HandshakeFailed)), (2, 0));
    }

    #[test]
    fn every_code_of_a_refusal_has_a_count_of_its_own() {
        let source = include_str!("../refusal/mod.rs");
        let facts = source.split("fn facts(").nth(1).and_then(|rest| rest.split("\n    }\n").next()).unwrap();
        let codes: Vec<&str> = facts.split('"').skip(1).step_by(2).collect();
        assert!(codes.len() > 25, "{codes:?}");
        // A token's problems have their codes in a file of their own.
        let source = include_str!("../tokens/problem.rs");
        let of_tokens = source.split("fn code(").nth(1).and_then(|rest| rest.split("\n    }\n").next()).unwrap();
        let of_tokens: Vec<&str> = of_tokens.split('"').skip(1).step_by(2).collect();
        assert!(of_tokens.len() > 5, "{of_tokens:?}");
        for code in codes.into_iter().chain(of_tokens) {
            assert!(VERDICTS.contains(&code), "{code} would be counted as other");
        }
    }
}
