//! Whether a consumer can be used.

use crate::consumers::Consumer;
use crate::oauth::timestamp::Timestamp;

/// In the words of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConsumerState {
    Enabled,
    Disabled,
    Expired,
}

impl ConsumerState {
    pub(super) const ALL: [Self; 3] = [Self::Enabled, Self::Disabled, Self::Expired];

    pub(super) fn of(consumer: &Consumer, now: Timestamp) -> Self {
        if !consumer.enabled {
            Self::Disabled
        } else if consumer.is_active(now) {
            Self::Enabled
        } else {
            Self::Expired
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
        }
    }

    /// How the style sheet calls it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Enabled => "good",
            Self::Disabled => "",
            Self::Expired => "warning",
        }
    }
}
