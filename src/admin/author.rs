//! Who does something that goes on when nobody waits for it any more.

use crate::observe::Actor;

/// An [`Actor`] that outlives its request.
#[derive(Debug)]
pub(super) enum Author {
    Nobody,
    User(String),
    Token(String),
    Owner(String),
    Visitor,
    Command(u32),
}

impl Author {
    pub(super) fn of(actor: Actor<'_>) -> Self {
        match actor {
            Actor::Nobody => Self::Nobody,
            Actor::User(name) => Self::User(name.to_owned()),
            Actor::Token(name) => Self::Token(name.to_owned()),
            Actor::Owner(name) => Self::Owner(name.to_owned()),
            Actor::Visitor => Self::Visitor,
            Actor::Command(uid) => Self::Command(uid),
        }
    }

    pub(super) fn actor(&self) -> Actor<'_> {
        match self {
            Self::Nobody => Actor::Nobody,
            Self::User(name) => Actor::User(name),
            Self::Token(name) => Actor::Token(name),
            Self::Owner(name) => Actor::Owner(name),
            Self::Visitor => Actor::Visitor,
            Self::Command(uid) => Actor::Command(*uid),
        }
    }
}
