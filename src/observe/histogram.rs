//! Durations by their length: counters alone, so that who counts never waits for who reads.

use std::time::Duration;

use super::tally::Tally;

/// Counts durations.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// One for each of [`BOUNDS`], and one for what is longer than all.
    buckets: [Tally; BOUNDS.len() + 1],
    /// All durations together, in nanoseconds: 584 years.
    sum: Tally,
}

/// What was counted, perhaps in several histograms.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Durations {
    buckets: [u64; BOUNDS.len() + 1],
    nanos: u64,
}

impl Histogram {
    pub(super) fn add(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanos <= bound * MICRO).unwrap_or(BOUNDS.len());
        self.sum.add(nanos);
        self.buckets[bucket].add(1);
    }

    pub(super) fn add_to(&self, all: &mut Durations) {
        for (sum, bucket) in all.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.get();
        }
        all.nanos = all.nanos.wrapping_add(self.sum.get());
    }
}

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together, in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos).as_secs_f64()
    }

    /// How many were at most so many seconds, and longer than the bound before; the last bound is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let seconds = |bound: u64| Duration::from_micros(bound).as_secs_f64();
        let bounds = BOUNDS.into_iter().map(seconds).chain([f64::INFINITY]);
        bounds.zip(self.buckets)
    }
}

/// In microseconds: from what a refusal before the signature takes to the default of `timeouts.response`, in steps that Prometheus'
/// own libraries use.
const BOUNDS: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000, 60_000_000,
];

/// In nanoseconds.
const MICRO: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_nothing_is_too_long() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 60_000_000, 60_000_001] {
            histogram.add(Duration::from_micros(micros));
        }
        let mut all = Durations::default();
        histogram.add_to(&mut all);
        let buckets: Vec<(f64, u64)> = all.buckets().filter(|(_, count)| *count > 0).collect();
        assert_eq!(buckets, [(0.0001, 2), (0.00025, 1), (60.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((all.count(), all.seconds()), (5, 120.000_202));
    }
}
