//! Keeps the connection to the store, and watches the store: on a thread of its own, so that nothing that the data plane does
//! delays it.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use arc_swap::ArcSwap;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::marker::{Agreed, CLOCKS_AGREE, Judged, Marker};
use super::server::{Facts, Server};
use super::trouble::StoreTrouble;
use crate::clock::{Clock, Moment};
use crate::oauth::timestamp::Timestamp;

/// What the keeper shares with those who claim nonces.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) state: ArcSwap<State>,
    /// Somebody's claim went wrong: the store is to be looked at now.
    pub(super) doubt: Notify,
    /// The gateway ends.
    pub(super) end: Notify,
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
            // One that fails again and again is not tried, and written about, all the time.
            pause = if begun.elapsed() > LONGEST_PAUSE { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
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
            _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::{SharedReplay, StoreAddress, StoreKey};
    use crate::oauth::timestamp::Window;

    fn keeper() -> (Keeper, Arc<ManualClock>) {
        let clock = ManualClock::at(1_700_000_000);
        let settings = SharedReplay {
            store: StoreAddress::Unix("/nowhere".into()),
            user: None,
            password: None,
            key: StoreKey::new([7; 32]),
            timeout: Duration::from_millis(100),
        };
        let state = State::Down(StoreTrouble::Silent);
        let common = Common { state: ArcSwap::from_pointee(state), doubt: Notify::new(), end: Notify::new() };
        let keeper = Keeper {
            server: Server::new(&settings).unwrap(),
            ours: Agreed { window: Window { max_age: 300, max_ahead: 300 }, key_check: String::new() },
            clock: Clock::Manual(Arc::clone(&clock)),
            common: Arc::new(common),
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
}
