//! What all pages answer with, in one value.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::StatusCode;

use super::answer::DanceAnswer;
use super::doorkeeper::{Doorkeeper, FormProof};
use super::layout::Layout;
use super::visit::Visit;
use crate::config::DanceSettings;
use crate::oauth::timestamp::Timestamp;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::tokens::{StoreFault, TokenStore};

/// One request to a page, and what is needed to answer it.
pub struct Desk<'a> {
    /// What is asked.
    pub visit: Visit,
    /// Sessions, forms, and the audit log.
    pub keeper: &'a Arc<Doorkeeper>,
    /// The tokens.
    pub tokens: &'a Arc<TokenStore>,
    /// Who may ask for one.
    pub policy: &'a Policy,
    /// The dance's settings.
    pub dance: &'a DanceSettings,
    /// The time.
    pub now: Timestamp,
}

impl Desk<'_> {
    /// The style sheet.
    pub fn style() -> DanceAnswer {
        DanceAnswer::style()
    }

    /// What is answered to a form that another site's page sent.
    pub fn of_another_site(&self) -> DanceAnswer {
        let text = "This came from another site's page, and nothing was changed.";
        let answer = self.message(StatusCode::FORBIDDEN, "Nothing was changed", text);
        answer.noting(format!("Origin or Sec-Fetch-Site names another site than {}", self.visit.origin.base_url()))
    }

    /// What is answered to a body that none of our forms sends.
    pub fn no_form(&self, status: StatusCode) -> DanceAnswer {
        self.message(status, "This cannot be read", "What was sent is not a form of this page, and nothing was changed.")
    }

    /// The client's address as the audit log has it.
    pub(super) fn from(&self) -> Option<IpAddr> {
        Some(self.visit.origin.client)
    }

    pub(super) fn message(&self, status: StatusCode, title: &str, text: &str) -> DanceAnswer {
        DanceAnswer::message(status, Layout::of_nobody(&self.visit), title, text, None)
    }

    /// What is answered to a form that is not this browser's, or not for this user any more; `again`: where it is opened anew.
    pub(super) fn not_ours(&self, again: String) -> DanceAnswer {
        let text = "Nothing was changed: this page was not opened in this browser, was open for too long, or was made for somebody else. \
                    Open it again and look at it anew.";
        let layout = Layout::of_nobody(&self.visit);
        DanceAnswer::message(StatusCode::FORBIDDEN, layout, "Please look again", text, Some((again, "Open the page again")))
            .noting("csrf was not made for this browser, this user and this request token")
    }

    /// The store does not do what it was asked for: nothing has changed.
    pub(super) fn store_fault(&self, fault: StoreFault) -> DanceAnswer {
        let text =
            "The gateway's list of allowed applications cannot be used now, and nothing was changed. Try again in a moment.";
        self.message(StatusCode::SERVICE_UNAVAILABLE, "This cannot be done now", text)
            .because_of(&Refusal::TokensUnavailable(fault))
    }

    /// No random numbers, no memory, no threads.
    pub(super) fn system_fault(&self, error: &io::Error) -> DanceAnswer {
        tracing::error!(%error, "a page cannot be made");
        self.message(
            StatusCode::SERVICE_UNAVAILABLE,
            "This cannot be done now",
            "The gateway's log says why. Try again in a moment.",
        )
    }

    /// What is around a page for somebody; where users sign in here, with the form that ends that.
    pub(super) fn layout_of(&self, user: &str, proof: &FormProof, token: &str) -> Layout {
        Layout::of(&self.visit, user, self.keeper.accounts.as_ref().map(|_| proof), token)
    }
}
