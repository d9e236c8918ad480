//! Which tokens a page is about, as its address or a form says it: all of it text, so that no link is refused.

use serde::Deserialize;

use super::super::consumers::link;
use crate::consumers::ConsumerKey;
use crate::tokens::{Selection, TokenId};

/// A number, a consumer's key, a user's name; what is empty is not asked for.
#[derive(Debug, Deserialize, Default, Clone, PartialEq, Eq)]
#[serde(default)]
pub(super) struct Wanted {
    pub(super) id: String,
    pub(super) consumer: String,
    pub(super) user: String,
}

impl Wanted {
    /// Whether it is not about all of them.
    pub(super) fn is_some(&self) -> bool {
        *self != Self::default()
    }

    /// `None`: no token can be like that.
    pub(super) fn selection(&self) -> Option<Selection> {
        let id = (!self.id.is_empty()).then(|| self.id.parse().map(TokenId)).transpose().ok()?;
        let consumer = if self.consumer.is_empty() { None } else { Some(ConsumerKey::new(&self.consumer)?) };
        Some(Selection { id, consumer, user: (!self.user.is_empty()).then(|| self.user.clone()) })
    }

    /// A page about them.
    pub(super) fn link(&self, path: &str) -> String {
        self.link_saying(path, "")
    }

    /// The same, with what was done to them.
    pub(super) fn link_saying(&self, path: &str, done: &str) -> String {
        link(path, &[("id", &self.id), ("consumer", &self.consumer), ("user", &self.user), ("done", done)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(id: &str, consumer: &str, user: &str) -> Wanted {
        Wanted { id: id.to_owned(), consumer: consumer.to_owned(), user: user.to_owned() }
    }

    #[test]
    fn what_is_empty_is_not_asked_for_and_what_cannot_be_selects_nothing() {
        assert_eq!(wanted("", "", "").selection(), Some(Selection::default()));
        let all = Selection { id: Some(TokenId(7)), consumer: ConsumerKey::new("a"), user: Some("u".to_owned()) };
        assert_eq!(wanted("7", "a", "u").selection(), Some(all));
        for impossible in [wanted("x", "", ""), wanted("99999999999999999999", "", ""), wanted("", "a\n", "")] {
            assert_eq!(impossible.selection(), None, "{impossible:?}");
        }
    }

    #[test]
    fn a_link_has_what_is_asked_for_and_nothing_else() {
        assert_eq!(wanted("", "a&b", "").link("/tokens"), "/tokens?consumer=a%26b");
        assert_eq!(wanted("7", "", "ü").link_saying("/tokens", "revoked"), "/tokens?id=7&user=%C3%BC&done=revoked");
    }
}
