//! What all pages have around them.

use super::session::SignedIn;
pub use crate::web::{FieldError, FieldErrors};

/// What `base.html` shows around a page; each page's template has one as its field `layout`.
pub struct Layout {
    /// Who is signed in; `None`: nobody, and there is no navigation.
    pub person: Option<Person>,
    /// Whether there is a page about tokens.
    has_dance: bool,
    section: Option<Section>,
}

/// Whoever is signed in.
pub struct Person {
    /// The user's name.
    pub name: String,
    /// For each form on the page: `<input type="hidden" name="csrf" value="{{ csrf }}">`.
    pub csrf: String,
}

/// The parts of the site, in the order of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The list of consumers.
    Consumers,
    /// What users have allowed consumers.
    Tokens,
    /// What was refused lately.
    Refusals,
    /// What the gateway goes by, and what is wrong with it.
    Files,
    /// The page of whoever is signed in; it is reached by the name at the right end.
    Account,
}

impl Section {
    /// Those in the navigation.
    pub const LISTED: [Self; 4] = [Self::Consumers, Self::Tokens, Self::Refusals, Self::Files];

    /// What the navigation calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consumers => "Consumers",
            Self::Tokens => "Tokens",
            Self::Refusals => "Refusals",
            Self::Files => "Files",
            Self::Account => "Your account",
        }
    }

    /// Where it begins.
    pub fn path(self) -> &'static str {
        match self {
            Self::Consumers => "/",
            Self::Tokens => "/tokens",
            Self::Refusals => "/refusals",
            Self::Files => "/files",
            Self::Account => "/account",
        }
    }
}

impl Layout {
    /// Of a page for somebody who is signed in.
    pub fn of(signed_in: &SignedIn, section: Section) -> Self {
        let person = Person { name: signed_in.user.to_string(), csrf: signed_in.csrf.reveal().to_owned() };
        Self { person: Some(person), has_dance: signed_in.has_dance, section: Some(section) }
    }

    /// Of a page for anybody.
    pub fn of_nobody() -> Self {
        Self { person: None, has_dance: false, section: None }
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = Section> {
        Section::LISTED.into_iter().filter(|section| self.has_dance || *section != Section::Tokens)
    }

    pub(super) fn is_in(&self, section: &Section) -> bool {
        self.section.as_ref() == Some(section)
    }

    /// Where a page leads back to that only says something.
    pub(super) fn back(&self) -> (&'static str, &'static str) {
        match self.section {
            Some(Section::Tokens) => (Section::Tokens.path(), "Return to Tokens"),
            _ => (Section::Consumers.path(), "Return to Consumer List"),
        }
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
