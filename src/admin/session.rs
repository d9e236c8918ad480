//! Who asks: a person with a session, or a program with a token.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Redirect;

use super::Admin;
use super::cookies;
use super::problem::ProblemDocument;
use super::return_path::ReturnPath;
use crate::accounts::{Live, UserName};
use crate::observe::Actor;
use crate::secret::Secret;

/// Somebody who is signed in. Nobody else gets to a handler that asks for this.
pub struct SignedIn {
    /// Who it is.
    pub user: UserName,
    /// What each form of the session has in it; [`super::forms::Submission`] looks for it.
    pub csrf: Secret,
    /// Whether the gateway gives tokens, so that there is a page about them.
    pub has_dance: bool,
}

impl SignedIn {
    /// For the audit log.
    pub fn actor(&self) -> Actor<'_> {
        Actor::User(self.user.as_str())
    }

    pub(super) fn find(headers: &HeaderMap, admin: &Admin) -> Option<Self> {
        let Live { user, csrf } = admin.accounts.session(cookies::find(headers, cookies::SESSION)?)?;
        Some(Self { user, csrf, has_dance: admin.shared.gateway.tokens.is_some() })
    }
}

impl FromRequestParts<Admin> for SignedIn {
    /// The sign-in page, which leads back.
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Redirect> {
        Self::find(&parts.headers, admin).ok_or_else(|| {
            // What was sent to be changed is lost; only pages can be come back to.
            let reads = matches!(parts.method, Method::GET | Method::HEAD);
            let path = parts.uri.path_and_query().filter(|_| reads).map_or("/", |path| path.as_str());
            Redirect::to(&ReturnPath::of(path).sign_in())
        })
    }
}

/// Whoever may use the API: a program with a token, or the page of somebody who is signed in.
pub struct ApiCaller {
    /// The token's name, or the user's.
    pub name: UserName,
    by_token: bool,
}

impl ApiCaller {
    /// For the audit log.
    pub fn actor(&self) -> Actor<'_> {
        if self.by_token { Actor::Token(self.name.as_str()) } else { Actor::User(self.name.as_str()) }
    }
}

impl FromRequestParts<Admin> for ApiCaller {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, ProblemDocument> {
        // Who sends a token means that, and is not taken for the browser's user if it is wrong.
        if parts.headers.contains_key(AUTHORIZATION) {
            let name = bearer(&parts.headers).and_then(|token| admin.accounts.token(token));
            return name.map(|name| Self { name, by_token: true }).ok_or_else(|| {
                tracing::warn!(method = %parts.method, path = parts.uri.path(), "an unknown API token was refused");
                unauthorized("the token is unknown", "countersign admin list shows all tokens, add-token makes one")
            });
        }
        let Some(SignedIn { user, csrf, .. }) = SignedIn::find(&parts.headers, admin) else {
            return Err(unauthorized(
                "nobody is signed in",
                "send Authorization: Bearer TOKEN; countersign admin add-token makes one",
            ));
        };
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        // Beside the rule of `same_origin`, which holds for all routes.
        if !reads && !one(&parts.headers, CSRF_HEADER).is_some_and(|token| csrf.is(token)) {
            let detail = "a session's cookie alone changes nothing: the token of its forms is missing, or is another one's";
            return Err(ProblemDocument::new(StatusCode::FORBIDDEN, "no_csrf_token", detail)
                .hint("send the `csrf` of a form as X-CSRF-Token; a program sends Authorization: Bearer TOKEN and needs none"));
        }
        Ok(Self { name: user, by_token: false })
    }
}

/// RFC 6750 §2.1; of several headers nobody knows which one is meant.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut lines = headers.get_all(name).into_iter();
    let line = lines.next()?.to_str().ok()?;
    lines.next().is_none().then_some(line)
}

fn unauthorized(detail: &str, hint: &str) -> ProblemDocument {
    ProblemDocument::new(StatusCode::UNAUTHORIZED, "not_signed_in", detail).hint(hint)
}

/// No form of another site's can send it.
const CSRF_HEADER: &str = "x-csrf-token";

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_token_is_taken_from_exactly_one_header_of_the_bearer_scheme() {
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_static(line));
            }
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(of(&["Bearer cst_x"]).as_deref(), Some("cst_x"));
        assert_eq!(of(&["bearer  cst_x"]).as_deref(), Some("cst_x"));
        for lines in [&["Basic cst_x"][..], &["Bearer"], &["cst_x"], &["Bearer cst_x", "Bearer cst_x"], &[]] {
            assert_eq!(of(lines), None, "{lines:?}");
        }
    }
}
