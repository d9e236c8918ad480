//! Keeps the connection to the store, and watches the store: on a thread of its own, so that nothing that the data plane does
//! delays it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::marker::{Agreed, CLOCKS_AGREE, Judged, KEPT_AT_LEAST, Marker};
use super::server::{Facts, Server};
use super::trouble::StoreTrouble;
use crate::clock::{Clock, Moment};
use crate::oauth::timestamp::{Timestamp, Window};

/// What the keeper shares with those who claim nonces.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) state: ArcSwap<State>,
    /// Somebody's claim went wrong: the store is to be looked at now.
    pub(super) doubt: Notify,
    /// The gateway ends.
    pub(super) end: Notify,
    /// The latest time that the store's clock has shown while ours agreed. In seconds; never goes back.
    latest: AtomicU64,
}

impl Common {
    pub(super) fn new() -> Self {
        let unknown = State::Down(StoreTrouble::Unreachable("no connection was made yet".to_owned()));
        let (doubt, end, latest) = Default::default();
        Self { state: ArcSwap::from_pointee(unknown), doubt, end, latest }
    }

    /// The first stamp whose nonces the store can't have dropped for their age. A clock that is set back, ours or both, makes
    /// older ones look fresh.
    pub(super) fn first_kept(&self, window: Window) -> Timestamp {
        let dropped = window.max_age.saturating_add(KEPT_AT_LEAST);
        Timestamp::from_seconds(self.latest.load(Ordering::SeqCst).saturating_sub(dropped))
    }
}

/// How it stands with the store.
#[derive(Debug)]
pub(super) enum State {
    Ready(Link),
    Down(StoreTrouble),
}

/// A connection to a store that is known to remember everything from its marker's stamp on.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    pub(super) marker: Marker,
    /// The marker as it has to stand in the store whenever a nonce is claimed.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) server: Server,
    pub(super) ours: Agreed,
    pub(super) clock: Clock,
    pub(super) common: Arc<Common>,
    /// The store's clock when it was last looked at, and ours that can't be set.
    pub(super) seen: Option<(Timestamp, Duration)>,
    /// Whether the store's clock went forward more than ours since its marker was written: it may have dropped nonces early.
    pub(super) leapt: bool,
}

impl Keeper {
    /// A thread's life. `first` is told what became of the first attempt.
    pub(super) async fn run(mut self, first: SyncSender<Result<(), StoreTrouble>>) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let begun = Instant::now();
            let trouble = match self.link().await {
                Ok(link) => {
                    let _ = first.try_send(Ok(()));
                    match self.watch(link).await {
                        Some(trouble) => trouble,
                        None => return,
                    }
                }
                Err(trouble) => trouble,
            };
            let _ = first.try_send(Err(trouble.clone()));
            self.is_down(trouble);
            pause = next_pause(pause, begun.elapsed());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.common.end.notified() => return,
            }
        }
    }

    async fn link(&mut self) -> Result<Link, StoreTrouble> {
        let mut connection = self.server.connect().await?;
        let marker = self.look(&mut connection).await?;
        Ok(Link { text: marker.to_string(), connection, marker })
    }

    /// Publishes the link, and looks at the store every second, and whenever somebody doubts it. Gives what is wrong at last;
    /// `None`: the gateway ends.
    async fn watch(&mut self, mut link: Link) -> Option<StoreTrouble> {
        loop {
            let mut connection = link.connection.clone();
            let text = link.text.clone();
            self.is_ready(link);
            let marker = loop {
                tokio::select! {
                    () = sleep(LOOK_EVERY) => {}
                    () = self.common.doubt.notified() => {}
                    () = self.common.end.notified() => return None,
                }
                match self.look(&mut connection).await {
                    Ok(marker) if marker.to_string() == text => {}
                    Ok(marker) => break marker,
                    Err(trouble) => return Some(trouble),
                }
            };
            link = Link { text: marker.to_string(), connection, marker };
        }
    }

    /// Looks whether the store is fit, and remembers what it is trusted to.
    async fn look(&mut self, connection: &mut MultiplexedConnection) -> Result<Marker, StoreTrouble> {
        let Facts { run, time, marker } = self.server.ask(connection).await?;
        let now = self.clock.now();
        self.compare_clocks(time, now)?;
        let (why, from) = match Marker::judge(marker.as_deref(), &run, &self.ours, now.wall)? {
            Judged::Sound(marker) if !self.leapt => return Ok(marker),
            Judged::Sound(marker) => {
                ("the shared nonce store's clock was set forward", self.ours.after_loss(now.wall).max(marker.from))
            }
            Judged::Forgot { why, from } => (why, from),
        };
        let marker = Marker { run, id: Marker::fresh_id(), from, agreed: self.ours.clone() };
        // Whoever else comes to the same conclusion writes a marker, too. The last one stands, and any of them is cautious enough.
        self.server.put_marker(connection, &marker.to_string()).await?;
        self.leapt = false;
        tracing::warn!(
            until = jiff::Timestamp::from_second(from.seconds().cast_signed()).ok().map(tracing::field::display),
            seconds = from.seconds().saturating_sub(now.wall.seconds()),
            "{why}: what the instances accepted is not known, and requests with timestamps before that are refused"
        );
        Ok(marker)
    }

    /// The store drops nonces by its clock: one that is set forward drops them early.
    fn compare_clocks(&mut self, theirs: Timestamp, now: Moment) -> Result<(), StoreTrouble> {
        if let Some((then, monotonic)) = self.seen.replace((theirs, now.monotonic)) {
            let passed = now.monotonic.saturating_sub(monotonic).as_secs();
            self.leapt |= theirs.seconds() > then.seconds() + passed + CLOCKS_AGREE;
        }
        match theirs.seconds().abs_diff(now.wall.seconds()) {
            difference if difference > CLOCKS_AGREE => Err(StoreTrouble::ClockOff(difference)),
            _ => {
                self.common.latest.fetch_max(theirs.seconds(), Ordering::SeqCst);
                Ok(())
            }
        }
    }

    fn is_ready(&self, link: Link) {
        let before = self.common.state.swap(Arc::new(State::Ready(link)));
        if matches!(&*before, State::Down(_)) {
            tracing::info!("the shared nonce store is in use");
        }
    }

    fn is_down(&self, trouble: StoreTrouble) {
        let before = self.common.state.swap(Arc::new(State::Down(trouble.clone())));
        if !matches!(&*before, State::Down(known) if *known == trouble) {
            let hint = trouble.hint();
            tracing::error!(hint, "the shared nonce store cannot be used, and signed requests are answered 503: {trouble}");
        }
    }
}

/// How often the store is looked at, like the gateway's other chores.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two attempts to connect.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A store that fails again and again is not tried, and written about, all the time.
fn next_pause(pause: Duration, stood: Duration) -> Duration {
    if stood > LONGEST_PAUSE { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_get_longer_until_the_store_has_stood_for_a_while() {
        let second = Duration::from_secs(1);
        let mut pauses = vec![SHORTEST_PAUSE];
        while pauses.last() != Some(&LONGEST_PAUSE) {
            let next = next_pause(pauses[pauses.len() - 1], LONGEST_PAUSE);
            assert!(next > pauses[pauses.len() - 1], "{pauses:?}");
            pauses.push(next);
        }
        assert_eq!(next_pause(LONGEST_PAUSE, Duration::ZERO), LONGEST_PAUSE);
        assert_eq!(next_pause(LONGEST_PAUSE, LONGEST_PAUSE + second), SHORTEST_PAUSE);
    }
    use std::path::PathBuf;

    use super::super::fake;
    use crate::clock::ManualClock;

    fn keeper() -> (Keeper, Arc<ManualClock>) {
        keeper_of("/nowhere".into())
    }

    fn keeper_of(path: PathBuf) -> (Keeper, Arc<ManualClock>) {
        let clock = ManualClock::at(1_700_000_000);
        let settings = fake::settings(path);
        let keeper = Keeper {
            server: Server::new(&settings).unwrap(),
            ours: Agreed { window: Window { max_age: 300, max_ahead: 300 }, key_check: String::new() },
            clock: Clock::Manual(Arc::clone(&clock)),
            common: Arc::new(Common::new()),
            seen: None,
            leapt: false,
        };
        (keeper, clock)
    }

    #[test]
    fn a_clock_that_is_off_is_not_trusted_and_one_that_leapt_may_have_dropped_nonces() {
        let (mut keeper, clock) = keeper();
        let mut look = |theirs: u64| {
            let compared = keeper.compare_clocks(Timestamp::from_seconds(1_700_000_000 + theirs), keeper.clock.now());
            (compared, keeper.leapt)
        };
        assert_eq!(look(30), (Ok(()), false));
        clock.advance(100);
        assert_eq!(look(130), (Ok(()), false));
        let off = look(130 + CLOCKS_AGREE);
        assert_eq!(off, (Err(StoreTrouble::ClockOff(60)), false), "no further than a clock that is looked after may go");
        assert_eq!(look(131), (Err(StoreTrouble::ClockOff(31)), false));
        assert_eq!(look(100 + 300), (Err(StoreTrouble::ClockOff(300)), true));
        assert_eq!(look(100), (Ok(()), true), "it is right again, and what it dropped is gone");
    }

    #[test]
    fn a_store_whose_clock_is_behind_drops_nothing_early() {
        let (mut keeper, clock) = keeper();
        let mut look = |theirs: u64| keeper.compare_clocks(Timestamp::from_seconds(theirs), keeper.clock.now());
        assert_eq!(look(1_700_000_000), Ok(()));
        assert_eq!(look(1_699_999_969), Err(StoreTrouble::ClockOff(31)));
        clock.advance(31);
        clock.set_wall(1_699_999_969);
        assert_eq!(look(1_699_999_969), Ok(()), "ours was off, and is set right");
        assert!(!keeper.leapt);
    }

    #[test]
    fn what_the_store_dropped_for_its_age_is_not_fresh_again_when_clocks_are_set_back() {
        const NOW: u64 = 1_700_000_000;
        let (mut keeper, clock) = keeper();
        let window = keeper.ours.window;
        assert_eq!(keeper.common.first_kept(window), Timestamp::from_seconds(0));
        clock.set_wall(NOW);
        keeper.compare_clocks(Timestamp::from_seconds(NOW), keeper.clock.now()).unwrap();
        let first = keeper.common.first_kept(window);
        assert!(
            window.check(first, Timestamp::from_seconds(NOW - CLOCKS_AGREE)).is_err(),
            "nobody whose clock agrees is refused"
        );
        // A nonce of that stamp that an instance with a clock ahead of the store's claimed.
        let kept = super::super::marker::keep_for(first, window, Timestamp::from_seconds(NOW - 100 + CLOCKS_AGREE));
        assert!(NOW - 100 + kept > NOW, "the store still has it");
        for theirs in [NOW - 3600, NOW + 3600] {
            // Both clocks, or the store's alone.
            clock.set_wall(NOW - 3600);
            let _ = keeper.compare_clocks(Timestamp::from_seconds(theirs), keeper.clock.now());
            assert_eq!(keeper.common.first_kept(window), first, "{theirs}");
        }
    }

    #[test]
    fn a_marker_that_holds_is_replaced_once_when_the_clock_of_the_store_leapt() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        fake::serve(&path, 1_700_000_000);
        let (mut keeper, clock) = keeper_of(path);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = keeper.server.connect().await.unwrap();
            let first = keeper.look(&mut connection).await.unwrap();
            clock.advance(10);
            assert_eq!(keeper.look(&mut connection).await.as_ref(), Ok(&first), "it holds");
            keeper.leapt = true;
            let second = keeper.look(&mut connection).await.unwrap();
            assert_eq!(second.from.seconds(), first.from.seconds() + 10);
            clock.advance(10);
            assert_eq!(keeper.look(&mut connection).await, Ok(second), "that was said");
        });
    }

    #[test]
    fn a_trouble_is_told_when_it_begins_and_not_again_while_it_lasts() {
        let (keeper, _) = keeper();
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(log.reopen().unwrap())).finish();
        tracing::subscriber::with_default(subscriber, || {
            for (trouble, lines) in [(StoreTrouble::Silent, 1), (StoreTrouble::Silent, 1), (StoreTrouble::Replica, 2)] {
                keeper.is_down(trouble);
                assert_eq!(std::fs::read_to_string(log.path()).unwrap().lines().count(), lines);
            }
        });
    }
}
