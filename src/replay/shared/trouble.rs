//! What can be wrong with the shared store: in a word for a refusal, and in full for the operator.

use std::fmt;

use super::marker::{CLOCKS_AGREE as AGREE, MARKER};
use crate::oauth::timestamp::Window;

/// Why the store did not grant a nonce, though it did not say that it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimFault {
    /// There is no connection to it.
    Unreachable,
    /// It did not answer within `replay.timeout`.
    Silent,
    /// It answered with an error.
    Failing,
    /// It answers, and is not one that nonces may be kept in.
    Unfit,
}

/// Why the store can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreTrouble {
    /// No connection.
    Unreachable(String),
    /// No answer in time.
    Silent,
    /// The password or the user is wrong, or one is missing.
    Denied(String),
    /// It answers with an error.
    Failing(String),
    /// What it says of itself is not what Redis and Valkey say.
    Unknown(&'static str),
    /// It throws out keys when its memory is full, by this policy.
    Evicts(String),
    /// It is a copy of another store.
    Replica,
    /// It is still reading its files.
    Loading,
    /// Its clock differs from ours by so many seconds.
    ClockOff(u64),
    /// What stands in the marker's place is none.
    ForeignMarker,
    /// The other instances have another `replay.key_file`.
    OtherKey,
    /// The other instances have another `verify.max_age` or `verify.max_ahead`.
    OtherWindow {
        /// What stands in the marker.
        theirs: Window,
        /// What this instance has.
        ours: Window,
    },
}

impl StoreTrouble {
    /// Whether only a person can mend it, so that a gateway must not start with it. The others may pass by themselves.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Denied(_)
            | Self::Unknown(_)
            | Self::Evicts(_)
            | Self::Replica
            | Self::ForeignMarker
            | Self::OtherKey
            | Self::OtherWindow { .. } => true,
            Self::Unreachable(_) | Self::Silent | Self::Failing(_) | Self::Loading | Self::ClockOff(_) => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "see whether it runs, and whether replay.shared is where",
            Self::Silent => "see what keeps it busy; replay.timeout is how long a request waits",
            Self::Denied(_) => {
                "see replay.password_file and the user in replay.shared; the user has to be allowed GET, SET, INFO and TIME"
            }
            Self::Failing(_) => "its log may say more",
            Self::Unknown(_) => "use a Redis from 6.2 on, or Valkey, without a proxy before it",
            Self::Evicts(_) => "set `maxmemory-policy noeviction` there: a nonce that it throws out could be used again",
            Self::Replica => "name the primary in replay.shared: what a copy has not heard of yet could be used again",
            Self::Loading => "it is ready when it has read its files",
            Self::ClockOff(_) => "have NTP look after both machines' clocks",
            Self::ForeignMarker => "give Countersign a database of its own in replay.shared",
            Self::OtherKey => "give all instances the same key file; with two keys they would not know each other's nonces",
            Self::OtherWindow { .. } => {
                "give all instances the same; to change it, stop all, change it, run `countersign store init`, and start them"
            }
        }
    }

    pub(super) fn fault(&self) -> ClaimFault {
        match self {
            Self::Unreachable(_) => ClaimFault::Unreachable,
            Self::Silent => ClaimFault::Silent,
            Self::Failing(_) | Self::Loading => ClaimFault::Failing,
            _ => ClaimFault::Unfit,
        }
    }
}

impl fmt::Display for StoreTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "it cannot be reached: {why}"),
            Self::Silent => f.write_str("it does not answer in time"),
            Self::Denied(why) => write!(f, "it does not let the gateway in: {why}"),
            Self::Failing(why) => write!(f, "it answers with an error: {why}"),
            Self::Unknown(what) => write!(f, "it does not say {what} as Redis and Valkey do"),
            Self::Evicts(policy) => write!(f, "its maxmemory-policy is {policy}: it throws out keys when its memory is full"),
            Self::Replica => f.write_str("it is a replica"),
            Self::Loading => f.write_str("it is still reading its files"),
            Self::ClockOff(seconds) => write!(f, "its clock differs from this machine's by {seconds} s, and may by {AGREE} s"),
            Self::ForeignMarker => write!(f, "what it has under {MARKER} is not Countersign's"),
            Self::OtherKey => f.write_str("the other instances have another replay.key_file"),
            Self::OtherWindow { theirs, ours } => write!(
                f,
                "the other instances have max_age {} s and max_ahead {} s, and this one has {} s and {} s",
                theirs.max_age, theirs.max_ahead, ours.max_age, ours.max_ahead
            ),
        }
    }
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "cannot be reached",
            Self::Silent => "did not answer within replay.timeout",
            Self::Failing => "answers with an error",
            Self::Unfit => "is not fit to keep nonces",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Each trouble, and the word for it in a refusal.
    fn all() -> [(StoreTrouble, ClaimFault); 12] {
        let window = |max_age| Window { max_age, max_ahead: 300 };
        [
            (StoreTrouble::Unreachable("no route".to_owned()), ClaimFault::Unreachable),
            (StoreTrouble::Silent, ClaimFault::Silent),
            (StoreTrouble::Failing("MISCONF".to_owned()), ClaimFault::Failing),
            (StoreTrouble::Loading, ClaimFault::Failing),
            (StoreTrouble::Denied("NOAUTH".to_owned()), ClaimFault::Unfit),
            (StoreTrouble::Unknown("what role it has"), ClaimFault::Unfit),
            (StoreTrouble::Evicts("allkeys-lru".to_owned()), ClaimFault::Unfit),
            (StoreTrouble::Replica, ClaimFault::Unfit),
            (StoreTrouble::ClockOff(31), ClaimFault::Unfit),
            (StoreTrouble::ForeignMarker, ClaimFault::Unfit),
            (StoreTrouble::OtherKey, ClaimFault::Unfit),
            (StoreTrouble::OtherWindow { theirs: window(301), ours: window(300) }, ClaimFault::Unfit),
        ]
    }

    #[test]
    fn every_trouble_has_its_word_for_a_refusal() {
        for (trouble, fault) in all() {
            assert_eq!(trouble.fault(), fault, "{trouble:?}");
        }
    }

    #[test]
    fn every_trouble_says_in_words_of_its_own_what_it_is_and_what_to_do_about_it() {
        let texts: HashSet<String> = all().iter().map(|(trouble, _)| trouble.to_string()).collect();
        let hints: HashSet<&str> = all().iter().map(|(trouble, _)| trouble.hint()).collect();
        assert_eq!((texts.len(), hints.len()), (all().len(), all().len()), "{texts:?} {hints:?}");
        assert!(StoreTrouble::Unreachable("no route".to_owned()).to_string().contains("no route"));
        let faults = [ClaimFault::Unreachable, ClaimFault::Silent, ClaimFault::Failing, ClaimFault::Unfit];
        let texts: HashSet<String> = faults.iter().map(ClaimFault::to_string).collect();
        assert_eq!(texts.len(), faults.len(), "{texts:?}");
    }
}
