//! Values as people read them on a page.

use std::time::{Duration, SystemTime};

/// A text of a stranger's. Templates escape markup; this, what is not to be seen.
pub(crate) use crate::harmless::harmless_lines as shown;
use crate::oauth::timestamp::Timestamp;

/// With a capital letter at the begin: the sentences of errors have none.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `1 consumer`, `2 consumers`
pub(crate) fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

/// How long ago something was, as exactly as anybody asks.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.seconds().saturating_sub(then.seconds()) {
        seconds @ 0..60 => format!("{seconds} s ago"),
        seconds @ 60..3600 => format!("{} min ago", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h ago", seconds / 3600),
        seconds @ 86_400..2_592_000 => format!("{} ago", count(usize::try_from(seconds / 86_400).unwrap_or(0), "day")),
        _ => moment(then),
    }
}

/// How long to wait, not a moment too short.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// `2026-11-28 15:30:00 UTC`
pub(crate) fn moment(time: Timestamp) -> String {
    formatted(time, "%Y-%m-%d %H:%M:%S UTC")
}

/// `2026-11-28 15:30`, in UTC.
pub(crate) fn minute(time: Timestamp) -> String {
    formatted(time, "%Y-%m-%d %H:%M")
}

/// `2026-11-28`, in UTC.
pub(crate) fn date(time: Timestamp) -> String {
    formatted(time, "%Y-%m-%d")
}

/// In whole seconds.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from_seconds(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn formatted(time: Timestamp, format: &str) -> String {
    let known = i64::try_from(time.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    known.map_or_else(|| format!("{} s after 1970", time.seconds()), |time| time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_anybody_asks() {
        let at = Timestamp::from_seconds;
        let now = 1_800_000_000;
        for (seconds, words) in [(0, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (90_000, "1 day ago")] {
            assert_eq!(ago(at(now), at(now - seconds)), words);
        }
        assert_eq!(ago(at(now), at(now + 5)), "0 s ago", "the clock was set back");
        assert_eq!(ago(at(now), at(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(at(u64::MAX)), "18446744073709551615 s after 1970");
    }
}
