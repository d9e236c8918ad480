//! What all pages of the dance have around them.

use super::doorkeeper::FormProof;
use super::visit::Visit;
use crate::web::words::shown;

/// What `base.html` shows around a page; each page's template has one as its field `layout`.
pub(super) struct Layout {
    /// Where the style sheet is.
    pub(super) style: String,
    /// Where the person believes to be.
    pub(super) host: String,
    /// Who it is; `None`: nobody, or it does not matter here.
    pub(super) person: Option<Person>,
}

/// Whoever sits at the browser.
pub(super) struct Person {
    /// The user's name, fit to be shown.
    pub(super) name: String,
    /// How to be somebody else; `None`: that is for the application or the single sign-on.
    pub(super) sign_out: Option<SignOut>,
}

/// The form that ends a session.
pub(super) struct SignOut {
    pub(super) action: String,
    pub(super) csrf: String,
    /// The request token to come back to; may be empty.
    pub(super) token: String,
}

impl Layout {
    /// Of a page for anybody.
    pub(super) fn of_nobody(visit: &Visit) -> Self {
        Self { style: visit.links.style(), host: visit.origin.authority.to_string(), person: None }
    }

    /// Of a page for somebody. `proof`: of the page's forms about this request token, where users sign out here.
    pub(super) fn of(visit: &Visit, user: &str, proof: Option<&FormProof>, token: &str) -> Self {
        let sign_out =
            proof.map(|proof| SignOut { action: visit.links.sign_out(), csrf: proof.0.clone(), token: token.to_owned() });
        Self { person: Some(Person { name: shown(user), sign_out }), ..Self::of_nobody(visit) }
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
