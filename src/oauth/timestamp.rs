//! `oauth_timestamp` and the window in which it is accepted (RFC 5849 §3.3).

use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z; positive (RFC 5849 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Reads decimal digits and nothing else: no sign, blank, fraction or exponent.
    ///
    /// # Errors
    /// `None` for anything else, for zero, and for more than [`MAX_DIGITS`] digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits = !text.is_empty() && text.len() <= MAX_DIGITS && text.iter().all(u8::is_ascii_digit);
        let seconds = digits.then(|| text.iter().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0')))?;
        (seconds > 0).then_some(Self(seconds))
    }

    /// A stamp of that many seconds since 1970.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

/// The longest timestamp that is read. 16 digits hold microseconds, which some clients send by mistake and which are
/// then refused as outside the window; more cannot be a time and would overflow at 20.
pub const MAX_DIGITS: usize = 16;

/// How far a stamp may lie from the gateway's clock, in whole seconds; the edges belong to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Into the past.
    pub max_age: u64,
    /// Into the future.
    pub max_ahead: u64,
}

/// A stamp that lies outside the window; all values in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideWindow {
    /// Older than `max_age`.
    Past {
        /// How old the stamp is.
        age: u64,
    },
    /// Further in the future than `max_ahead`.
    Future {
        /// How far ahead of the gateway's clock the stamp is.
        ahead: u64,
    },
}

impl Window {
    /// Builds a window from configured durations; fractions of a second are dropped.
    pub const fn new(max_age: Duration, max_ahead: Duration) -> Self {
        Self { max_age: max_age.as_secs(), max_ahead: max_ahead.as_secs() }
    }

    /// # Errors
    /// [`OutsideWindow`] tells which edge the stamp is beyond, and by how much.
    pub fn check(&self, stamp: Timestamp, now: Timestamp) -> Result<(), OutsideWindow> {
        let age = now.0.saturating_sub(stamp.0);
        let ahead = stamp.0.saturating_sub(now.0);
        if age > self.max_age {
            Err(OutsideWindow::Past { age })
        } else if ahead > self.max_ahead {
            Err(OutsideWindow::Future { ahead })
        } else {
            Ok(())
        }
    }

    /// The first and last stamp accepted now, for `oauth_acceptable_timestamps`.
    pub fn acceptable(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        (Timestamp(now.0.saturating_sub(self.max_age)), Timestamp(now.0.saturating_add(self.max_ahead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_digits_are_a_timestamp() {
        assert_eq!(Timestamp::parse(b"1700000000"), Some(Timestamp(1_700_000_000)));
        for text in
            ["", "0", "+1700000000", "1700000000.0", " 1700000000", "1700000000 ", "0x65", "-1", "1e9", "٣", "17000000000000000"]
        {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_edges_belong_to_the_window_and_one_second_more_does_not() {
        let window = Window { max_age: 300, max_ahead: 60 };
        let now = Timestamp(1_700_000_000);
        assert_eq!(window.check(Timestamp(now.0 - 300), now), Ok(()));
        assert_eq!(window.check(Timestamp(now.0 - 301), now), Err(OutsideWindow::Past { age: 301 }));
        assert_eq!(window.check(Timestamp(now.0 + 60), now), Ok(()));
        assert_eq!(window.check(Timestamp(now.0 + 61), now), Err(OutsideWindow::Future { ahead: 61 }));
    }
}
