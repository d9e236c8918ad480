//! Who sits at the browser.

use http::StatusCode;

use super::answer::DanceAnswer;
use super::desk::Desk;
use super::endpoint::Page;
use super::layout::Layout;
use crate::config::{ResourceOwner, SessionProbe};
use crate::consumers::user_name;
use crate::refusal::Refusal;
use crate::request::is_in;

/// What the application says about the browser's cookies.
#[derive(Debug)]
pub enum Probed {
    /// They are this user's.
    User(String),
    /// They are nobody's.
    Nobody,
}

impl Desk<'_> {
    /// The user, where that can be known without asking the application; a page instead where nobody is.
    ///
    /// # Errors
    /// What the browser is answered.
    pub fn owner(&self, page: Page) -> Result<String, Box<DanceAnswer>> {
        match &self.dance.resource_owner {
            ResourceOwner::TrustedHeader { name, from } => {
                if !is_in(from, self.visit.peer) {
                    let reason = format!("{} is not in resource_owner.trusted_header.from", self.visit.peer);
                    return Err(Box::new(self.only_by_single_sign_on(reason)));
                }
                one_value(&self.visit.headers, name)
                    .ok_or_else(|| Box::new(self.only_by_single_sign_on(format!("{name} is not there once with a user's name"))))
            }
            ResourceOwner::Users(_) => self.session().map(|(_, live)| live.user.as_str().to_owned()).ok_or_else(|| {
                let token = self.visit.token().filter(|_| page == Page::Authorize);
                Box::new(DanceAnswer::redirect(&self.visit.links.sign_in_for(token)))
            }),
            // The caller asks the application instead.
            ResourceOwner::SessionProbe(probe) => Err(Box::new(self.not_signed_in(probe, page))),
        }
    }

    /// Leads to the application's own sign-in page, once. Whoever comes back from there as nobody would be led in a circle.
    pub fn not_signed_in(&self, probe: &SessionProbe, page: Page) -> DanceAnswer {
        let links = &self.visit.links;
        let token = self.visit.token().filter(|_| page == Page::Authorize);
        let back = links.back_to(token);
        let login = probe.login_url.coming_back_to(&format!("{back}{}{CAME_BACK}=yes", if token.is_some() { '&' } else { '?' }));
        if self.visit.query.one(CAME_BACK).is_none() {
            return DanceAnswer::redirect(&login);
        }
        DanceAnswer::message(
            StatusCode::FORBIDDEN,
            Layout::of_nobody(&self.visit),
            "You are not signed in",
            "The application does not say who you are. Sign in there; if you just did, your browser may not keep its cookies.",
            Some((login, "Sign in")),
        )
        .noting("resource_owner.session_probe: the application names nobody to a browser that comes back from its sign-in page")
    }

    /// The application could not be asked; the access log has the reason.
    pub fn unasked(&self, refusal: &Refusal) -> DanceAnswer {
        DanceAnswer::message(
            refusal.status(),
            Layout::of_nobody(&self.visit),
            "The application does not answer",
            "Nobody could be asked whether you are signed in, so nothing was allowed to anybody. Try again in a moment.",
            None,
        )
        .because_of(refusal)
    }

    fn only_by_single_sign_on(&self, reason: String) -> DanceAnswer {
        let text = "This page is reached through your organisation's single sign-on, which says who you are. It did not say so.";
        self.message(StatusCode::FORBIDDEN, "You are not signed in", text).noting(reason)
    }
}

/// The header's one value: of several nobody knows whose the second is.
fn one_value(headers: &http::HeaderMap, name: &http::HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| user_name(value.as_bytes())).flatten()
}

/// The parameter by which a browser is known that was led to the sign-in page before.
const CAME_BACK: &str = "came_back";

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderName, HeaderValue};

    #[test]
    fn a_name_is_one_value_of_plain_text() {
        let name = HeaderName::from_static("x-sso-user");
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&name, HeaderValue::from_bytes(value).unwrap());
            }
            one_value(&headers, &name)
        };
        assert_eq!(of(&[b"ada"]).as_deref(), Some("ada"));
        assert_eq!(of(&["J\u{fc}rg O'Brien".as_bytes()]).as_deref(), Some("J\u{fc}rg O'Brien"));
        let too_long = "a".repeat(256);
        let wrong: [&[&[u8]]; 6] = [&[], &[b""], &[b"ada", b"ada"], &[b"a\xfcb"], &[b"a\tb"], &[too_long.as_bytes()]];
        for values in wrong {
            assert_eq!(of(values), None, "{values:?}");
        }
    }
}
