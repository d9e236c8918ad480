//! What somebody should know before a key is used.

use std::fmt;

use super::CheckedKey;
use crate::consumers::ConsumerKey;
use crate::consumers::keys::RECOMMENDED_BITS;
use crate::oauth::timestamp::Timestamp;

/// A key can be used nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Few bits.
    Weak {
        /// The key's.
        bits: u32,
    },
    /// Its private half stands in documentation.
    Published,
    /// Another consumer has it.
    UsedBy(ConsumerKey),
    /// The certificate's end is past.
    Expired {
        /// When it was.
        not_after: Timestamp,
    },
    /// The certificate's begin is still to come.
    NotYet {
        /// When it will be.
        not_before: Timestamp,
    },
}

pub(super) fn of(key: &CheckedKey, now: Timestamp) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if key.is_published() {
        warnings.push(Warning::Published);
    }
    if key.bits < RECOMMENDED_BITS {
        warnings.push(Warning::Weak { bits: key.bits });
    }
    if let Some(certificate) = &key.certificate {
        let (not_before, not_after) = (certificate.not_before, certificate.not_after);
        warnings.extend((not_after < now).then_some(Warning::Expired { not_after }));
        warnings.extend((now < not_before).then_some(Warning::NotYet { not_before }));
    }
    warnings
}

impl Warning {
    /// What somebody should know.
    pub fn message(&self) -> String {
        match self {
            Self::Weak { bits } => format!("the key has {bits} bits, and fewer than {RECOMMENDED_BITS} are weak today"),
            Self::Published => {
                "the private half of this key stands in public documentation, so anybody can sign with it".to_owned()
            }
            Self::UsedBy(consumer) => format!("consumer \"{}\" has this key already", consumer.as_str().escape_debug()),
            Self::Expired { not_after } => format!("the certificate expired on {}", date(*not_after)),
            Self::NotYet { not_before } => format!("the certificate begins only on {}", date(*not_before)),
        }
    }

    /// What that means, or what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Weak { .. } => "ask for a new one",
            Self::Published => "the gateway refuses it unless the consumer has allow_published_key: true",
            Self::UsedBy(_) => "each can sign as the other",
            Self::Expired { .. } | Self::NotYet { .. } => "that changes nothing, it is only a key holder",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message(), self.hint())
    }
}

/// The day in UTC.
pub(super) fn date(time: Timestamp) -> String {
    let known = i64::try_from(time.seconds()).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    known.map_or_else(|| format!("{} s after 1970", time.seconds()), |time| time.strftime("%Y-%m-%d").to_string())
}
