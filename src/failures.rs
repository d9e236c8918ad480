//! Bad signatures, counted per (address, consumer), so that a flood of them costs no RSA operations for long.
//!
//! Never per consumer alone: that would let a stranger lock a consumer out.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::{DashMap, Entry};

use crate::consumers::ConsumerKey;

/// Who sends bad signatures in whose name.
#[derive(Debug)]
pub struct FailedSignatures {
    /// When the failures of a pair will have been worked off (the generic cell rate algorithm's "theoretical arrival").
    worked_off: DashMap<(IpAddr, ConsumerKey), Duration>,
    /// How many pairs there are; asking the map for it would lock all of it on every request.
    pairs: AtomicUsize,
    started: Instant,
}

impl Default for FailedSignatures {
    fn default() -> Self {
        Self { worked_off: DashMap::new(), pairs: AtomicUsize::new(0), started: Instant::now() }
    }
}

impl FailedSignatures {
    /// Whether another signature of this pair may be looked at.
    ///
    /// # Errors
    /// How long until it may.
    pub fn check(&self, address: IpAddr, consumer: &ConsumerKey) -> Result<(), Duration> {
        if self.pairs.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let Some(worked_off) = self.worked_off.get(&(network(address), consumer.clone())).map(|entry| *entry) else {
            return Ok(());
        };
        let ahead = worked_off.saturating_sub(self.started.elapsed());
        ahead.checked_sub(INTERVAL * BURST).map_or(Ok(()), Err)
    }

    /// Counts a bad signature.
    pub fn record(&self, address: IpAddr, consumer: &ConsumerKey) {
        // At the bound further pairs are not counted: whoever has that many addresses is not stopped by counting them.
        let pair = (network(address), consumer.clone());
        let now = self.started.elapsed();
        match self.worked_off.entry(pair) {
            Entry::Occupied(mut entry) => *entry.get_mut() = now.max(*entry.get()) + INTERVAL,
            Entry::Vacant(_) if self.pairs.load(Ordering::Relaxed) >= MAX_PAIRS => {}
            Entry::Vacant(place) => {
                // First, so that a sweep never takes off what was not counted yet.
                self.pairs.fetch_add(1, Ordering::Relaxed);
                place.insert(now + INTERVAL);
            }
        }
    }

    /// Forgets the pairs whose failures are worked off.
    pub fn sweep(&self) {
        let now = self.started.elapsed();
        self.worked_off.retain(|_, worked_off| {
            let stays = *worked_off > now;
            self.pairs.fetch_sub(usize::from(!stays), Ordering::Relaxed);
            stays
        });
    }
}

/// Failures at once before a pair has to wait: more than a misconfigured client sends while somebody looks into it, and
/// about a tenth of a second of work at 4096 bits.
const BURST: u32 = 2000;

/// One failure is worked off in this time: 100 a second cost half a percent of a core at 4096 bits.
const INTERVAL: Duration = Duration::from_millis(10);

/// Pairs that are counted at once; about 10 MB.
const MAX_PAIRS: usize = 65_536;

/// IPv6 hosts own a /64 (RFC 6177), so that is what is counted.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_stopped_for_its_address_and_consumer_alone() {
        let failures = FailedSignatures::default();
        let key = |text| ConsumerKey::new(text).unwrap();
        let (flooding, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..BURST * 2 {
            failures.record(flooding, &key("a"));
        }
        assert!(failures.check(flooding, &key("a")).is_err());
        assert!(failures.check(flooding, &key("b")).is_ok());
        assert!(failures.check(other, &key("a")).is_ok());
    }

    #[test]
    fn what_was_worked_off_is_forgotten_and_the_rest_is_not() {
        let mut failures = FailedSignatures::default();
        let (address, key) = ("192.0.2.1".parse().unwrap(), |text| ConsumerKey::new(text).unwrap());
        (0..BURST / 4).for_each(|_| failures.record(address, &key("some")));
        (0..BURST * 2).for_each(|_| failures.record(address, &key("flood")));
        failures.sweep();
        assert_eq!(failures.pairs.load(Ordering::Relaxed), 2);
        pass(&mut failures, INTERVAL * BURST / 2);
        failures.sweep();
        assert_eq!((failures.pairs.load(Ordering::Relaxed), failures.worked_off.len()), (1, 1));
        assert!(failures.check(address, &key("flood")).is_err());
        pass(&mut failures, INTERVAL * BURST);
        assert!(failures.check(address, &key("flood")).is_ok());
        pass(&mut failures, INTERVAL * BURST);
        failures.sweep();
        assert_eq!((failures.pairs.load(Ordering::Relaxed), failures.worked_off.len()), (0, 0));
    }

    /// As if that long had passed.
    fn pass(failures: &mut FailedSignatures, time: Duration) {
        failures.started -= time;
    }

    #[test]
    fn beyond_the_bound_no_pair_is_counted_and_those_that_are_go_on() {
        let failures = FailedSignatures::default();
        let (address, key) = (|number: u32| IpAddr::from(number.to_be_bytes()), ConsumerKey::new("a").unwrap());
        let bound = u32::try_from(MAX_PAIRS).unwrap();
        (0..bound + 10).for_each(|number| failures.record(address(number), &key));
        assert_eq!((failures.worked_off.len(), failures.pairs.load(Ordering::Relaxed)), (MAX_PAIRS, MAX_PAIRS));
        for number in [bound - 1, bound] {
            (0..BURST * 2).for_each(|_| failures.record(address(number), &key));
        }
        assert!(failures.check(address(bound - 1), &key).is_err());
        assert!(failures.check(address(bound), &key).is_ok());
    }

    #[test]
    fn a_host_of_ipv6_has_a_whole_network_of_addresses() {
        let failures = FailedSignatures::default();
        let key = ConsumerKey::new("a").unwrap();
        for number in 0..u16::try_from(BURST * 2).unwrap() {
            failures.record(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, number, 2, 3, 4).into(), &key);
        }
        assert!(failures.check("2001:db8:0:1::9".parse().unwrap(), &key).is_err());
        assert!(failures.check("2001:db8:0:2::9".parse().unwrap(), &key).is_ok());
    }

    #[test]
    fn a_few_failures_stop_nobody() {
        let failures = FailedSignatures::default();
        let (address, key) = ("2001:db8::1".parse().unwrap(), ConsumerKey::new("a").unwrap());
        for _ in 0..BURST / 2 {
            failures.record(address, &key);
        }
        assert_eq!(failures.check(address, &key), Ok(()));
    }
}
