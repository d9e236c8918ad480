//! What a consumer has done lately: when it was last admitted, and its requests and refusals in the last hour.
//!
//! It belongs to the consumer and goes with it, so there are never more than the list has.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::clock::Moment;
use crate::oauth::timestamp::Timestamp;

/// One consumer's.
#[derive(Default)]
pub struct ConsumerActivity {
    /// There once there was a request: most consumers of a long list sleep.
    noted: OnceLock<Box<Noted>>,
}

struct Noted {
    /// Seconds since 1970; 0: never.
    last_used: AtomicU64,
    /// A minute's two counts, and which minute it is: see [`Minute`].
    minutes: [AtomicU64; MINUTES],
}

/// The numbers for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastHour {
    /// When a request was last admitted, since the gateway was started.
    pub last_used: Option<Timestamp>,
    /// Requests in its name, admitted or not, in the last sixty minutes.
    pub requests: u64,
    /// Those of them that were refused: not proved to be its own, many of them.
    pub refusals: u64,
}

impl ConsumerActivity {
    /// A request in the consumer's name has ended.
    pub fn note(&self, refused: bool, now: Moment) {
        let noted = self.noted.get_or_init(Default::default);
        if !refused {
            noted.last_used.fetch_max(now.wall.seconds(), Relaxed);
        }
        let number = minute(now.monotonic);
        let add = |word| Some(Minute::of(word, number).adding(refused).word());
        let _ = noted.minutes[place(number)].fetch_update(Relaxed, Relaxed, add);
    }

    /// What there is to show.
    pub fn last_hour(&self, now: Moment) -> LastHour {
        let Some(noted) = self.noted.get() else { return LastHour::default() };
        let used = noted.last_used.load(Relaxed);
        let mut shown = LastHour { last_used: (used > 0).then(|| Timestamp::from_seconds(used)), ..LastHour::default() };
        let newest = minute(now.monotonic);
        for number in newest.saturating_sub(MINUTES as u64 - 1)..=newest {
            let minute = Minute::of(noted.minutes[place(number)].load(Relaxed), number);
            shown.requests += minute.admitted + minute.refused;
            shown.refusals += minute.refused;
        }
        shown
    }
}

/// As it lies in one word: 16 bits of the minute's number and 24 bits for each count.
///
/// Two minutes whose numbers look alike lie 65,536 minutes apart, and have the same place every fifteenth time: what was
/// counted 682 days ago could be shown again, if there was no request in its place since.
struct Minute {
    number: u64,
    admitted: u64,
    refused: u64,
}

impl Minute {
    /// What the word has of this minute: nothing, if it is of another one.
    fn of(word: u64, number: u64) -> Self {
        let number = number & 0xffff;
        if word >> 48 == number {
            Self { number, admitted: word >> 24 & MOST, refused: word & MOST }
        } else {
            Self { number, admitted: 0, refused: 0 }
        }
    }

    fn adding(mut self, refused: bool) -> Self {
        let count = if refused { &mut self.refused } else { &mut self.admitted };
        *count = MOST.min(*count + 1);
        self
    }

    fn word(&self) -> u64 {
        self.number << 48 | self.admitted << 24 | self.refused
    }
}

/// Begins at 1: a word that was never written is of no minute.
fn minute(monotonic: Duration) -> u64 {
    monotonic.as_secs() / 60 + 1
}

fn place(number: u64) -> usize {
    (number % MINUTES as u64) as usize
}

impl Default for Noted {
    fn default() -> Self {
        Self { last_used: 0.into(), minutes: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

/// Two consumers are equal if they were configured alike, whatever they did.
impl PartialEq for ConsumerActivity {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for ConsumerActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.noted.get().is_some() { "ConsumerActivity(some)" } else { "ConsumerActivity(none)" })
    }
}

const MINUTES: usize = 60;

/// 280,000 a second, for a minute; more are not counted.
const MOST: u64 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { wall: Timestamp::from_seconds(1_000_000 + seconds), monotonic: Duration::from_secs(seconds) }
    }

    fn shown(activity: &ConsumerActivity, seconds: u64) -> (u64, u64) {
        let LastHour { requests, refusals, .. } = activity.last_hour(at(seconds));
        (requests, refusals)
    }

    #[test]
    fn a_request_is_shown_for_an_hour_and_the_last_use_for_ever() {
        let activity = ConsumerActivity::default();
        assert_eq!(activity.last_hour(at(0)), LastHour::default());
        activity.note(false, at(0));
        activity.note(true, at(59));
        activity.note(false, at(60));
        activity.note(true, at(90));
        assert_eq!(shown(&activity, 90), (4, 2));
        assert_eq!(shown(&activity, 3599), (4, 2));
        assert_eq!(shown(&activity, 3600), (2, 1), "the first minute is over an hour ago");
        assert_eq!(shown(&activity, 3660), (0, 0));
        activity.note(true, at(7200));
        assert_eq!(activity.last_hour(at(7200)).last_used, Some(at(60).wall), "a refusal is no use");
        assert_eq!(shown(&activity, 7200), (1, 1));
    }

    #[test]
    fn minutes_whose_numbers_look_alike_are_not_confused() {
        let activity = ConsumerActivity::default();
        activity.note(true, at(60));
        for times in 1..15 {
            assert_eq!(shown(&activity, 60 + times * 65_536 * 60), (0, 0), "{times}");
        }
    }

    #[test]
    fn a_count_that_is_full_stays_full() {
        let word = Minute { number: 1, admitted: MOST, refused: 5 }.word();
        let minute = Minute::of(Minute::of(word, 1).adding(false).adding(true).word(), 1);
        assert_eq!((minute.admitted, minute.refused), (MOST, 6));
    }

    #[test]
    fn threads_lose_no_count() {
        let activity = ConsumerActivity::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let activity = &activity;
                scope.spawn(move || (0..1000).for_each(|_| activity.note(thread == 0, at(5))));
            }
        });
        assert_eq!(shown(&activity, 5), (4000, 1000));
    }
}
