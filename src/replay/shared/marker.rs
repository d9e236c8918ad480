//! The marker in the store: what all instances have to agree on, and from which timestamp on the store remembers everything.
//!
//! A store that was restarted, emptied or exchanged for its replica may have forgotten what was accepted. The marker names the
//! very process that has remembered everything since, so that no memory is taken for whole by guess.

use std::fmt;

use super::trouble::StoreTrouble;
use crate::oauth::timestamp::{Timestamp, Window};

/// What stands under [`MARKER`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// The store's process (`run_id`): another one may have lost the last second, or everything.
    pub(super) run: String,
    /// Makes two markers differ, so that one that was replaced is noticed.
    pub(super) id: u64,
    /// Nonces of earlier stamps may be forgotten.
    pub(super) from: Timestamp,
    /// What all instances have to have alike.
    pub(super) agreed: Agreed,
}

/// Where two instances differ in this, one would accept what the other did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) window: Window,
    /// See [`super::name::Names::key_check`].
    pub(super) key_check: String,
}

/// What a look at the marker comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judged {
    /// It holds.
    Sound(Marker),
    /// The store may have forgotten nonces; the marker is to be replaced by one that says so.
    Forgot {
        /// Why, for the operator.
        why: &'static str,
        /// The first stamp that may be accepted then.
        from: Timestamp,
    },
}

impl Marker {
    /// Judges what stands in the store, by what this instance has and the process that answered.
    ///
    /// # Errors
    /// [`StoreTrouble`] where this instance must not use the store.
    pub(super) fn judge(found: Option<&[u8]>, run: &str, ours: &Agreed, now: Timestamp) -> Result<Judged, StoreTrouble> {
        let Some(found) = found else {
            return Ok(Judged::Forgot { why: "the shared nonce store is empty", from: ours.after_loss(now) });
        };
        let marker = std::str::from_utf8(found).ok().and_then(Self::parse).ok_or(StoreTrouble::ForeignMarker)?;
        if marker.agreed.key_check != ours.key_check {
            return Err(StoreTrouble::OtherKey);
        }
        if marker.agreed.window != ours.window {
            return Err(StoreTrouble::OtherWindow { theirs: marker.agreed.window, ours: ours.window });
        }
        if marker.run != run {
            let why = "the shared nonce store was restarted or exchanged";
            return Ok(Judged::Forgot { why, from: ours.after_loss(now).max(marker.from) });
        }
        Ok(Judged::Sound(marker))
    }

    /// An id that no marker has had.
    pub(super) fn fresh_id() -> u64 {
        let mut bytes = [0; 8];
        // Without random numbers two markers may be alike; what they say of the store's process and of timestamps still counts.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut value = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        let number = |text: &str| text.parse::<u64>().ok();
        if value("countersign")? != VERSION {
            return None;
        }
        let marker = Self {
            run: value("run")?.to_owned(),
            id: u64::from_str_radix(value("id")?, 16).ok()?,
            from: Timestamp::from_seconds(number(value("from")?)?),
            agreed: Agreed {
                window: Window { max_age: number(value("max_age")?)?, max_ahead: number(value("max_ahead")?)? },
                key_check: value("key")?.to_owned(),
            },
        };
        (words.next().is_none() && marker.to_string() == text).then_some(marker)
    }
}

impl Agreed {
    /// The first stamp that can't have been accepted by anybody so far, however far ahead the clock of whoever signed is.
    pub(super) fn after_loss(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_seconds(now.seconds().saturating_add(self.window.max_ahead).saturating_add(SLACK).saturating_add(1))
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, id, from, agreed: Agreed { window: Window { max_age, max_ahead }, key_check } } = self;
        write!(f, "countersign={VERSION} run={run} id={id:016x} from={} ", from.seconds())?;
        write!(f, "max_age={max_age} max_ahead={max_ahead} key={key_check}")
    }
}

/// For how many seconds the store has to keep a nonce: until its stamp has left the window of every instance.
pub(super) fn keep_for(stamp: Timestamp, window: Window, now: Timestamp) -> u64 {
    stamp.seconds().saturating_add(window.max_age).saturating_sub(now.seconds()).saturating_add(1 + SLACK)
}

/// How far an instance's clock may be from the store's, in seconds. More is no clock that NTP looks after.
pub(super) const CLOCKS_AGREE: u64 = 30;

/// Then two instances' clocks differ by twice that at most; and a bit, for looks at a clock take time.
const SLACK: u64 = 2 * CLOCKS_AGREE + 10;

/// For so many seconds after its stamp has left the window by the store's clock a nonce is kept, whoever claimed it.
pub(super) const KEPT_AT_LEAST: u64 = SLACK - CLOCKS_AGREE;

/// The marker's key.
pub(super) const MARKER: &str = "countersign:store";

const VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn ours() -> Agreed {
        Agreed { window: Window { max_age: 300, max_ahead: 200 }, key_check: "0011223344556677".to_owned() }
    }

    fn marker() -> Marker {
        Marker { run: "abc".to_owned(), id: 0x1f, from: Timestamp::from_seconds(5), agreed: ours() }
    }

    fn judged(marker: &Marker, run: &str) -> Result<Judged, StoreTrouble> {
        Marker::judge(Some(marker.to_string().as_bytes()), run, &ours(), NOW)
    }

    #[test]
    fn a_marker_of_the_same_process_holds() {
        assert_eq!(judged(&marker(), "abc"), Ok(Judged::Sound(marker())));
    }

    #[test]
    fn an_empty_store_and_another_process_may_have_forgotten_what_was_accepted() {
        let after = |judged| match judged {
            Ok(Judged::Forgot { from, .. }) => from.seconds(),
            other => panic!("{other:?}"),
        };
        assert_eq!(after(Marker::judge(None, "abc", &ours(), NOW)), NOW.seconds() + 200 + 71);
        assert_eq!(after(judged(&marker(), "abd")), NOW.seconds() + 200 + 71);
        let later = Marker { from: Timestamp::from_seconds(NOW.seconds() + 5000), ..marker() };
        assert_eq!(after(judged(&later, "abd")), NOW.seconds() + 5000, "it never goes back");
    }

    #[test]
    fn instances_that_differ_in_key_or_window_share_nothing() {
        let other = Marker { agreed: Agreed { key_check: "ff".to_owned(), ..ours() }, ..marker() };
        assert_eq!(judged(&other, "abc"), Err(StoreTrouble::OtherKey));
        let theirs = Window { max_age: 301, max_ahead: 200 };
        let other = Marker { agreed: Agreed { window: theirs, ..ours() }, ..marker() };
        assert_eq!(judged(&other, "abc"), Err(StoreTrouble::OtherWindow { theirs, ours: ours().window }));
    }

    #[test]
    fn what_no_instance_writes_is_no_marker() {
        let text = marker().to_string();
        assert_eq!(Marker::parse(&text), Some(marker()));
        for length in 0..text.len() - ours().key_check.len() {
            assert_eq!(Marker::parse(&text[..length]), None, "cut after {length} bytes");
        }
        for (from, to) in [("=1 ", "=2 "), ("from=5", "from=05"), ("from=5", "from=-5"), (" id=", "  id="), ("max_age", "max")] {
            assert_eq!(Marker::parse(&text.replacen(from, to, 1)), None, "{from} -> {to}");
        }
        assert_eq!(Marker::judge(Some(b"\xff"), "abc", &ours(), NOW), Err(StoreTrouble::ForeignMarker));
    }

    #[test]
    fn two_markers_differ_though_they_say_the_same() {
        assert_ne!(Marker::fresh_id(), Marker::fresh_id());
    }

    #[test]
    fn a_nonce_is_kept_until_its_stamp_has_left_every_window() {
        let window = ours().window;
        let keep = |stamp| keep_for(Timestamp::from_seconds(stamp), window, NOW);
        assert_eq!(keep(NOW.seconds()), 300 + 71);
        assert_eq!(keep(NOW.seconds() + 200), 500 + 71);
        assert_eq!(keep(NOW.seconds() - 300), 71, "by a clock that is behind it is still accepted");
        assert_eq!(keep(0), 71);
        let ahead = Timestamp::from_seconds(NOW.seconds() + CLOCKS_AGREE);
        assert_eq!(keep_for(NOW, window, ahead), 300 + 1 + KEPT_AT_LEAST, "by the store's clock");
    }
}
