//! One bucket of the nonce table: the nonces of [`BUCKET`] seconds of timestamps, in memory and in their file.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;

use dashmap::{DashMap, DashSet};

use super::journal::{BucketFile, Record};
use super::table::NonceRefused;
use crate::oauth::timestamp::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) hashes: DashSet<u128, Prehashed>,
    pub(super) of_consumers: DashMap<u32, usize, Prehashed>,
    /// The monotonic clock, in milliseconds, before which the bucket must not be dropped whatever the wall clock says.
    pub(super) keep_until: AtomicU64,
    /// Whether the bucket has left the table; what is inserted then would be forgotten at once.
    pub(super) dropped: RwLock<bool>,
    pub(super) file: Option<BucketFile>,
}

/// The keys are keyed hashes already, or few numbers that nobody can choose to collide.
pub(super) type Prehashed = BuildHasherDefault<TakeFirstBytes>;

impl Bucket {
    /// Records a nonce, once.
    ///
    /// First on disk, then in memory: what could not be written down was never there, so it may be sent again. The file's
    /// end is held meanwhile, so that a second request with the same nonce is judged when this one is.
    ///
    /// # Errors
    /// [`NonceRefused::Used`] or [`NonceRefused::NotWritten`].
    pub(super) fn record(&self, record: Record) -> Result<(), NonceRefused> {
        let Some(file) = &self.file else {
            return if self.hashes.insert(record.hash) { Ok(()) } else { Err(NonceRefused::Used) };
        };
        let mut end = file.end();
        if self.hashes.contains(&record.hash) {
            return Err(NonceRefused::Used);
        }
        end.append(record).map_err(|error| NonceRefused::NotWritten(error.kind()))?;
        self.hashes.insert(record.hash);
        Ok(())
    }
}

/// The number of the bucket that a stamp belongs to.
pub(super) fn bucket_of(stamp: Timestamp) -> u64 {
    stamp.seconds() / BUCKET
}

/// The last second of a bucket.
pub(super) fn last_stamp(bucket: u64) -> u64 {
    bucket.saturating_mul(BUCKET).saturating_add(BUCKET - 1)
}

/// Seconds of timestamps in one bucket: short enough that no more than a tenth of the usual window's nonces are kept
/// beyond their time, long enough that there are few buckets.
pub(super) const BUCKET: u64 = 60;

/// Gives back 64 bits of a key that is a hash already.
#[derive(Debug, Default)]
pub(super) struct TakeFirstBytes(u64);

impl Hasher for TakeFirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    /// Few bits are spread over the whole word, as the maps want them: Fibonacci hashing with 2^64 divided by the golden ratio.
    fn write_u64(&mut self, value: u64) {
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, Hash};

    use super::*;

    #[test]
    fn a_bucket_ends_with_the_last_of_its_stamps() {
        for number in [0, 1, 28_333_333] {
            let last = last_stamp(number);
            assert_eq!(bucket_of(Timestamp::from_seconds(last)), number);
            assert_eq!(bucket_of(Timestamp::from_seconds(last + 1)), number + 1);
        }
    }

    /// Keys whose hashes were alike would make one long list of a map.
    #[test]
    fn keys_that_differ_have_hashes_that_differ() {
        fn hashes<K: Hash>(keys: impl Iterator<Item = K>) -> usize {
            keys.map(|key| Prehashed::default().hash_one(key)).collect::<HashSet<u64>>().len()
        }
        assert_eq!(hashes(0..1000u32), 1000);
        assert_eq!(hashes(0..1000u64), 1000);
        assert_eq!(hashes(0..1000u128), 1000);
        // Words of which one hides the other where they are not put together bit by bit.
        let hash = |words: [u64; 2]| {
            let mut hasher = TakeFirstBytes::default();
            hasher.write(&words.map(u64::to_le_bytes).concat());
            hasher.finish()
        };
        let pairs = [[1, 0], [1, 32], [1, 33], [2, 0], [0, 2]];
        assert_eq!(pairs.map(hash).into_iter().collect::<HashSet<u64>>().len(), pairs.len());
    }

    #[test]
    fn nothing_counts_as_used_while_it_cannot_be_written() {
        let bucket = Bucket { file: Some(BucketFile::on_a_full_disk()), ..Bucket::default() };
        let record = Record { hash: 7, consumer: 1 };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        // Not `Used`: of all these none was accepted, so each may be sent again.
                        assert!(matches!(bucket.record(record), Err(NonceRefused::NotWritten(_))));
                        assert!(!bucket.hashes.contains(&7));
                    }
                });
            }
        });
    }
}
