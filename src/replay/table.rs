//! The nonce table. This file makes [`NonceRecorded`], and takes two proofs by value to make it: that the signature holds, and
//! that no other instance has the nonce. What is not proved can neither use up a nonce nor skip the check.

use std::hash::Hasher;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::bucket::{BUCKET, Bucket, Prehashed, bucket_of, last_stamp};
use super::journal::{BucketFile, HashKey, Journal, Record, Restored};
use super::mark::{Stand, horizon};
use super::restore::{self, Beginning, Memory};
use super::shared::{ClaimFault, ClaimId, Claimed};
use crate::clock::{Clock, Moment};
use crate::directory::Directory;
use crate::oauth::key::SignatureValid;
use crate::oauth::nonce::Nonce;
use crate::oauth::timestamp::{OutsideWindow, Timestamp, Window};
use dashmap::DashMap;
use siphasher::sip128::{Hasher128, SipHasher13};

/// All live nonces, in buckets of `BUCKET` seconds of their timestamps that are dropped whole.
#[derive(Debug)]
pub struct NonceTable {
    /// By number.
    buckets: DashMap<u64, Arc<Bucket>, Prehashed>,
    /// Keys the hash, so that nobody can make two nonces collide on purpose.
    hash_key: HashKey,
    live: AtomicUsize,
    /// Stamps up to here are refused: their nonces may be forgotten. In seconds; never goes back.
    low_water: AtomicU64,
    of_consumers: DashMap<u32, usize, Prehashed>,
    clock: Clock,
    /// `None` where nothing outlives the process: a demonstration, a benchmark.
    journal: Option<Journal>,
}

/// What one request would use up: the hash of (consumer, token, timestamp, nonce), all decoded (RFC 5849 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceId {
    hash: u128,
    stamp: Timestamp,
    /// Of the consumer alone. Two that share it, one pair in four thousand million, share what they may use up.
    consumer: u32,
    /// Its name among all instances, where there are several.
    claim: Option<ClaimId>,
}

impl NonceId {
    pub(super) fn stamp(&self) -> Timestamp {
        self.stamp
    }

    pub(super) fn claim(&self) -> Option<ClaimId> {
        self.claim
    }

    pub(super) fn claimed_as(self, claim: Option<ClaimId>) -> Self {
        Self { claim, ..self }
    }
}

/// Proof that the signature held and that its nonce is recorded, once.
#[derive(Debug)]
pub struct NonceRecorded(());

/// Room for a nonce whose request is proved, and which was not used here. Given back when this is dropped.
#[derive(Debug)]
pub(super) struct Reserved<'t> {
    table: &'t NonceTable,
    id: NonceId,
    window: Window,
}

/// How many nonces may be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Of all consumers.
    pub all: usize,
    /// Of one consumer.
    pub of_consumer: usize,
}

/// Why a nonce is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceRefused {
    /// It was accepted before.
    Used,
    /// Its timestamp has left the window meanwhile.
    OutsideWindow(OutsideWindow),
    /// Nonces of its time are forgotten.
    Forgotten,
    /// [`Shares::all`] are live.
    TableFull,
    /// [`Shares::of_consumer`] of this consumer are live.
    ConsumerShareFull,
    /// The journal cannot be written, so the nonce would be forgotten if the process ended.
    NotWritten(io::ErrorKind),
    /// The shared store does not say that no other instance accepted it.
    Unclaimed(ClaimFault),
}

impl NonceTable {
    /// An empty table that a restart forgets. `hash_key` must be random.
    pub fn in_memory(hash_key: [u8; 16], clock: Clock) -> Self {
        Self {
            buckets: DashMap::default(),
            hash_key,
            live: AtomicUsize::new(0),
            low_water: AtomicU64::new(0),
            of_consumers: DashMap::default(),
            clock,
            journal: None,
        }
    }

    /// The table whose journal is in the state directory, which must be locked, with all that an earlier process accepted.
    ///
    /// # Errors
    /// What the disk says when the journal cannot be opened or written.
    pub fn open(state_directory: &Directory, window: Window, clock: Clock) -> io::Result<(Self, Memory)> {
        let now = clock.now();
        let Beginning { journal, low_water, buckets, memory } = restore::restore(state_directory, window, now)?;
        let empty = Self::in_memory(journal.key(), clock);
        let table = Self { journal: Some(journal), low_water: AtomicU64::new(low_water), ..empty };
        buckets.into_iter().for_each(|bucket| table.take_over(bucket, window, now));
        Ok((table, memory))
    }

    /// Names what a request would use up. Both sides of each border are unambiguous: lengths are hashed too.
    pub(super) fn id(&self, consumer: &str, token: &[u8], stamp: Timestamp, nonce: &Nonce) -> NonceId {
        let mut hasher = SipHasher13::new_with_key(&self.hash_key);
        hasher.write_usize(consumer.len());
        hasher.write(consumer.as_bytes());
        let consumer_hash = hasher.finish128().h1 as u32;
        hasher.write_u64(stamp.seconds());
        hasher.write_usize(token.len());
        hasher.write(token);
        hasher.write(nonce.as_bytes());
        NonceId { hash: hasher.finish128().as_u128(), stamp, consumer: consumer_hash, claim: None }
    }

    /// Whether the nonce would be refused as used; a replay is told so before anything else is looked at.
    ///
    /// # Errors
    /// [`NonceRefused::Used`] or [`NonceRefused::Forgotten`].
    pub(super) fn peek(&self, id: NonceId) -> Result<(), NonceRefused> {
        self.check_low_water(id)?;
        let used = self.buckets.get(&bucket_of(id.stamp)).is_some_and(|bucket| bucket.hashes.contains(&id.hash));
        if used { Err(NonceRefused::Used) } else { Ok(()) }
    }

    /// Takes room for a nonce before anybody else is asked about it: what would be refused here uses it up nowhere.
    ///
    /// The window is judged again, since a held body may have taken long to come.
    ///
    /// # Errors
    /// [`NonceRefused`]; the table is then as it was before.
    pub(super) fn reserve(
        &self,
        _proof: SignatureValid,
        id: NonceId,
        window: Window,
        shares: Shares,
    ) -> Result<Reserved<'_>, NonceRefused> {
        window.check(id.stamp, self.clock.wall()).map_err(NonceRefused::OutsideWindow)?;
        self.check_low_water(id)?;
        self.take_room(id, shares)?;
        Ok(Reserved { table: self, id, window })
    }

    /// Drops the buckets whose stamps both clocks say are out of the window for good, and returns how many nonces went.
    /// Also keeps the journal's mark fresh. To be called every second or so.
    ///
    /// # Errors
    /// What the disk says; nothing is dropped then, since the journal would not know that it is.
    pub(super) fn sweep(&self, window: Window) -> io::Result<usize> {
        let now = self.clock.now();
        let out_of_window = now.wall.seconds().saturating_sub(window.max_age);
        let over = |number: u64, bucket: &Bucket| {
            last_stamp(number) < out_of_window && bucket.keep_until.load(Ordering::SeqCst) <= millis(now.monotonic)
        };
        let old: Vec<u64> = self.buckets.iter().filter(|entry| over(*entry.key(), entry)).map(|entry| *entry.key()).collect();
        if let Some(newest) = old.iter().max() {
            self.low_water.fetch_max(last_stamp(*newest), Ordering::SeqCst);
        }
        if let Some(journal) = self.journal.as_ref().filter(|journal| !old.is_empty() || journal.mark.is_heartbeat_due()) {
            journal.mark.write(horizon(window, now.wall), || self.stand())?;
        }
        Ok(old.into_iter().filter_map(|number| self.drop_bucket(number)).sum())
    }

    /// Puts everything on the disk and says so there, so that even the machine may go down now. To be called when no request
    /// is in flight any more.
    ///
    /// # Errors
    /// What the disk says; the next start then takes this end for a crash of the process.
    pub(super) fn close(&self) -> io::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        for bucket in &self.buckets {
            bucket.file.as_ref().map_or(Ok(()), BucketFile::sync)?;
        }
        journal.mark.write_last(&*journal.at_the_end()?, || self.stand())
    }

    /// How many nonces are live.
    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// The first stamp whose nonces are all remembered.
    pub fn first_remembered(&self) -> Timestamp {
        Timestamp::from_seconds(self.low_water.load(Ordering::SeqCst).saturating_add(1))
    }

    fn bucket(&self, stamp: Timestamp, now: Moment) -> Result<Arc<Bucket>, NonceRefused> {
        let number = bucket_of(stamp);
        if let Some(bucket) = self.buckets.get(&number) {
            return Ok(Arc::clone(&bucket));
        }
        let begin = || {
            let file = self.journal.as_ref().map(|journal| journal.create(number, now.monotonic)).transpose()?;
            Ok(Arc::new(Bucket { file, ..Bucket::default() }))
        };
        let entry = self.buckets.entry(number).or_try_insert_with(begin);
        let bucket = entry.map_err(|error: io::Error| NonceRefused::NotWritten(error.kind()))?;
        Ok(Arc::clone(&bucket))
    }

    /// What was accepted must be below the mark's horizon, also when the clock was set forward since it was written, or
    /// when it could not be written for a while.
    fn reach(&self, stamp: Timestamp, window: Window, now: Moment) -> Result<(), NonceRefused> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let reached = journal.mark.reach(stamp.seconds(), horizon(window, now.wall), || self.stand());
        reached.map_err(|error| NonceRefused::NotWritten(error.kind()))
    }

    /// A bucket of an earlier process. It is kept as long as it would have been if no clock had been set since.
    fn take_over(&self, restored: Restored, window: Window, now: Moment) {
        let Restored { number, file, records, created } = restored;
        let created = self.journal.as_ref().map_or(now.monotonic, |journal| journal.monotonic(created)).min(now.monotonic);
        let longest = Duration::from_secs(window.max_age + window.max_ahead + BUCKET);
        let bucket = Bucket { file: Some(file), keep_until: millis(created + longest).into(), ..Bucket::default() };
        for Record { hash, consumer } in records {
            // One that stands twice was written, taken back and written again.
            if bucket.hashes.insert(hash) {
                self.live.fetch_add(1, Ordering::SeqCst);
                *self.of_consumers.entry(consumer).or_default() += 1;
                *bucket.of_consumers.entry(consumer).or_default() += 1;
            }
        }
        self.buckets.insert(number, Arc::new(bucket));
    }

    /// What the mark says of the table. Buckets whose stamps are below the low-water mark need not be there any more.
    fn stand(&self) -> Stand {
        let low_water = self.low_water.load(Ordering::SeqCst);
        let records = |bucket: &Bucket| bucket.file.as_ref().map_or(0, BucketFile::records);
        let remembered = self.buckets.iter().filter(|entry| last_stamp(*entry.key()) > low_water);
        Stand { low_water, buckets: remembered.map(|entry| (*entry.key(), records(&entry))).collect() }
    }

    fn check_low_water(&self, id: NonceId) -> Result<(), NonceRefused> {
        let remembered = id.stamp >= self.first_remembered();
        if remembered { Ok(()) } else { Err(NonceRefused::Forgotten) }
    }

    fn take_room(&self, id: NonceId, shares: Shares) -> Result<(), NonceRefused> {
        if self.live.fetch_add(1, Ordering::SeqCst) >= shares.all {
            self.live.fetch_sub(1, Ordering::SeqCst);
            return Err(NonceRefused::TableFull);
        }
        let mut of_consumer = self.of_consumers.entry(id.consumer).or_default();
        if *of_consumer >= shares.of_consumer {
            drop(of_consumer);
            self.live.fetch_sub(1, Ordering::SeqCst);
            return Err(NonceRefused::ConsumerShareFull);
        }
        *of_consumer += 1;
        Ok(())
    }

    fn release(&self, consumer: u32, count: usize) {
        self.live.fetch_sub(count, Ordering::SeqCst);
        if let Some(mut of_consumer) = self.of_consumers.get_mut(&consumer) {
            *of_consumer = of_consumer.saturating_sub(count);
        }
        self.of_consumers.remove_if(&consumer, |_, left| *left == 0);
    }

    /// Stamps of the bucket are below the low-water mark, on disk too: nothing is inserted any more.
    fn drop_bucket(&self, number: u64) -> Option<usize> {
        let (_, bucket) = self.buckets.remove(&number)?;
        *bucket.dropped.write().unwrap_or_else(PoisonError::into_inner) = true;
        bucket.of_consumers.iter().for_each(|entry| self.release(*entry.key(), *entry.value()));
        if let Some(Err(error)) = bucket.file.as_ref().map(BucketFile::delete) {
            tracing::warn!(%error, bucket = number, "a file of the nonce journal cannot be deleted; the next start does it");
        }
        Some(bucket.hashes.len())
    }
}

impl Reserved<'_> {
    /// Records the nonce, once: of any number of callers with the same one exactly one gets [`NonceRecorded`].
    ///
    /// Window and low-water mark are judged again: other instances may have been slow to answer. When this returns, the nonce
    /// is in the journal.
    ///
    /// # Errors
    /// [`NonceRefused`]; the table is then as it was before.
    pub(super) fn record(self, _claimed: Claimed) -> Result<NonceRecorded, NonceRefused> {
        let Self { table, id, window } = &self;
        let now = table.clock.now();
        window.check(id.stamp, now.wall).map_err(NonceRefused::OutsideWindow)?;
        // No file is begun for a time that is forgotten.
        table.check_low_water(*id)?;
        let bucket = table.bucket(id.stamp, now)?;
        table.reach(id.stamp, *window, now)?;
        // Held to the end: a sweep either sees this nonce and its count, or has closed the bucket before.
        let dropped = bucket.dropped.read().unwrap_or_else(PoisonError::into_inner);
        if *dropped {
            return Err(NonceRefused::Forgotten);
        }
        table.check_low_water(*id)?;
        bucket.keep_until.fetch_max(keep_until(id.stamp, *window, now), Ordering::SeqCst);
        bucket.record(Record { hash: id.hash, consumer: id.consumer })?;
        *bucket.of_consumers.entry(id.consumer).or_default() += 1;
        drop(dropped);
        // From here on the bucket has the room.
        std::mem::forget(self);
        Ok(NonceRecorded(()))
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.table.release(self.id.consumer, 1);
    }
}

/// When the stamp leaves the window for good, on the monotonic clock: 2 W after a stamp from the edge of the future.
fn keep_until(stamp: Timestamp, window: Window, now: Moment) -> u64 {
    let left = (stamp.seconds() + window.max_age + 1).saturating_sub(now.wall.seconds());
    millis(now.monotonic + Duration::from_secs(left))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl NonceTable {
    /// What becomes of a nonce where there is one instance.
    pub(super) fn commit(
        &self,
        proof: SignatureValid,
        id: NonceId,
        window: Window,
        shares: Shares,
    ) -> Result<NonceRecorded, NonceRefused> {
        self.reserve(proof, id, window, shares)?.record(Claimed::for_tests())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::oauth::key::SignatureValid;

    const NOW: u64 = 1_700_000_000;
    const WINDOW: Window = Window { max_age: 300, max_ahead: 300 };
    const SHARES: Shares = Shares { all: 1000, of_consumer: 1000 };

    fn table() -> (NonceTable, Arc<ManualClock>) {
        let clock = ManualClock::at(NOW);
        (NonceTable::in_memory([7; 16], Clock::Manual(Arc::clone(&clock))), clock)
    }

    fn id(table: &NonceTable, consumer: &str, stamp: u64, nonce: &str) -> NonceId {
        table.id(consumer, b"", Timestamp::from_seconds(stamp), &Nonce::new(nonce).unwrap())
    }

    fn commit(table: &NonceTable, id: NonceId, shares: Shares) -> Result<(), NonceRefused> {
        table.commit(SignatureValid::for_tests(), id, WINDOW, shares).map(|_| ())
    }

    #[test]
    fn a_nonce_passes_once() {
        let (table, _) = table();
        let id = id(&table, "a", NOW, "n");
        assert_eq!(table.peek(id), Ok(()));
        assert_eq!(commit(&table, id, SHARES), Ok(()));
        assert_eq!(table.peek(id), Err(NonceRefused::Used));
        assert_eq!(commit(&table, id, SHARES), Err(NonceRefused::Used));
        assert_eq!(table.live(), 1);
    }

    #[test]
    fn a_replay_gives_back_the_place_that_it_took_and_no_other() {
        let (table, _) = table();
        let shares = Shares { of_consumer: 3, ..SHARES };
        let nonces = ["1", "2", "3", "4"].map(|nonce| id(&table, "a", NOW, nonce));
        nonces[..2].iter().for_each(|id| assert_eq!(commit(&table, *id, shares), Ok(())));
        (0..5).for_each(|_| assert_eq!(commit(&table, nonces[0], shares), Err(NonceRefused::Used)));
        assert_eq!(commit(&table, nonces[2], shares), Ok(()));
        assert_eq!(commit(&table, nonces[3], shares), Err(NonceRefused::ConsumerShareFull));
        assert_eq!(table.live(), 3);
    }

    #[test]
    fn a_bucket_stays_while_its_last_stamp_is_in_the_window() {
        let (table, clock) = table();
        let (first, last) =
            (bucket_of(Timestamp::from_seconds(NOW)) * BUCKET, last_stamp(bucket_of(Timestamp::from_seconds(NOW))));
        assert_eq!(commit(&table, id(&table, "a", first, "n"), SHARES), Ok(()));
        clock.advance(last + WINDOW.max_age - NOW);
        assert_eq!(table.sweep(WINDOW).unwrap(), 0);
        assert_eq!(commit(&table, id(&table, "a", last, "n"), SHARES), Ok(()));
    }

    #[test]
    fn a_bucket_that_is_dropped_gives_back_its_own_places_and_no_other() {
        let (table, clock) = table();
        let shares = Shares { of_consumer: 3, ..SHARES };
        for (stamp, nonce) in [(NOW - 290, "1"), (NOW - 290, "2"), (NOW + 300, "3")] {
            assert_eq!(commit(&table, id(&table, "a", stamp, nonce), shares), Ok(()));
        }
        clock.advance(400);
        assert_eq!(table.sweep(WINDOW).unwrap(), 2);
        for (nonce, outcome) in [("4", Ok(())), ("5", Ok(())), ("6", Err(NonceRefused::ConsumerShareFull))] {
            assert_eq!(commit(&table, id(&table, "a", NOW + 300, nonce), shares), outcome, "{nonce}");
        }
    }

    #[test]
    fn consumer_token_stamp_and_nonce_each_make_another_nonce() {
        let (table, _) = table();
        let nonce = |text: &str| Nonce::new(text).unwrap();
        let stamp = Timestamp::from_seconds(NOW);
        let ids = [
            table.id("a", b"", stamp, &nonce("n")),
            table.id("an", b"", stamp, &nonce("n")),
            table.id("a", b"n", stamp, &nonce("n")),
            table.id("a", b"", stamp, &nonce("nn")),
            table.id("a", b"", Timestamp::from_seconds(NOW + 1), &nonce("n")),
        ];
        for id in ids {
            assert_eq!(commit(&table, id, SHARES), Ok(()));
        }
    }

    #[test]
    fn of_many_at_once_exactly_one_passes() {
        let (table, _) = table();
        for round in 0..50 {
            let id = id(&table, "a", NOW, &format!("n{round}"));
            let passed = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| passed.fetch_add(usize::from(commit(&table, id, SHARES).is_ok()), Ordering::SeqCst));
                }
            });
            assert_eq!(passed.into_inner(), 1);
        }
        assert_eq!(table.live(), 50);
    }

    #[test]
    fn a_future_nonce_is_kept_until_its_stamp_is_too_old() {
        let (table, clock) = table();
        let future = id(&table, "a", NOW + 300, "n");
        assert_eq!(commit(&table, future, SHARES), Ok(()));
        for _ in 0..600 {
            clock.advance(1);
            table.sweep(WINDOW).unwrap();
            assert_eq!(table.peek(future), Err(NonceRefused::Used));
        }
        clock.advance(BUCKET + 1);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
        assert_eq!(table.live(), 0);
        assert_eq!(table.peek(future), Err(NonceRefused::Forgotten));
    }

    #[test]
    fn a_wall_clock_set_forward_and_back_opens_no_gap() {
        let (table, clock) = table();
        let id = id(&table, "a", NOW, "n");
        assert_eq!(commit(&table, id, SHARES), Ok(()));
        clock.set_wall(NOW + 100_000);
        assert_eq!(table.sweep(WINDOW).unwrap(), 0, "the monotonic clock says that no time has passed");
        clock.set_wall(NOW);
        assert_eq!(commit(&table, id, SHARES), Err(NonceRefused::Used));
    }

    #[test]
    fn a_nonce_is_kept_to_the_last_second_of_its_window_while_the_wall_clock_is_ahead() {
        let (table, clock) = table();
        assert_eq!(commit(&table, id(&table, "a", NOW, "n"), SHARES), Ok(()));
        clock.set_wall(NOW + 100_000);
        clock.advance(WINDOW.max_age);
        assert_eq!(table.sweep(WINDOW).unwrap(), 0, "at the true time its stamp may still be sent");
        clock.advance(1);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
    }

    #[test]
    fn a_forgotten_time_stays_refused_when_the_clock_is_set_back() {
        let (table, clock) = table();
        let id = id(&table, "a", NOW, "n");
        assert_eq!(commit(&table, id, SHARES), Ok(()));
        clock.advance(1000);
        assert_eq!(table.sweep(WINDOW).unwrap(), 1);
        clock.set_wall(NOW);
        assert_eq!(commit(&table, id, SHARES), Err(NonceRefused::Forgotten));
        assert!(commit(&table, self::id(&table, "a", NOW + BUCKET, "n"), SHARES).is_ok());
    }

    #[test]
    fn a_stamp_that_left_the_window_meanwhile_is_refused_at_the_commit() {
        let (table, clock) = table();
        let id = id(&table, "a", NOW - 300, "n");
        clock.advance(1);
        assert_eq!(commit(&table, id, SHARES), Err(NonceRefused::OutsideWindow(OutsideWindow::Past { age: 301 })));
    }

    #[test]
    fn a_consumer_that_uses_up_its_share_is_refused_alone() {
        let (table, clock) = table();
        let shares = Shares { all: 5, of_consumer: 3 };
        for nonce in 0..3 {
            assert_eq!(commit(&table, id(&table, "a", NOW, &nonce.to_string()), shares), Ok(()));
        }
        assert_eq!(commit(&table, id(&table, "a", NOW, "x"), shares), Err(NonceRefused::ConsumerShareFull));
        assert_eq!(commit(&table, id(&table, "a", NOW, "0"), shares), Err(NonceRefused::ConsumerShareFull));
        for nonce in 0..2 {
            assert_eq!(commit(&table, id(&table, "b", NOW, &nonce.to_string()), shares), Ok(()));
        }
        assert_eq!(commit(&table, id(&table, "b", NOW, "x"), shares), Err(NonceRefused::TableFull));
        assert_eq!(table.peek(id(&table, "a", NOW, "0")), Err(NonceRefused::Used), "no live nonce is evicted");
        clock.advance(1000);
        assert_eq!(table.sweep(WINDOW).unwrap(), 5);
        assert_eq!(commit(&table, id(&table, "a", NOW + 1000, "x"), shares), Ok(()));
    }

    #[test]
    fn a_replay_uses_up_no_share() {
        let (table, _) = table();
        let shares = Shares { all: 2, of_consumer: 2 };
        let id = id(&table, "a", NOW, "n");
        assert_eq!(commit(&table, id, shares), Ok(()));
        for _ in 0..10 {
            assert_eq!(commit(&table, id, shares), Err(NonceRefused::Used));
        }
        assert_eq!(table.live(), 1);
    }
}
