//! Who asks: a person with a session, or a program with a token.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::Admin;
use super::cookies;
use super::return_path::ReturnPath;
use crate::accounts::{Live, Secret, UserName};
use crate::observe::Actor;

/// Somebody who is signed in. Nobody else gets to a handler that asks for this.
pub struct SignedIn {
    /// Who it is.
    pub user: UserName,
    /// What each form of the session has in it; [`super::forms::Submission`] looks for it.
    pub csrf: Secret,
}

impl SignedIn {
    /// For the audit log.
    pub fn actor(&self) -> Actor<'_> {
        Actor::User(self.user.as_str())
    }

    pub(super) fn find(headers: &HeaderMap, admin: &Admin) -> Option<Self> {
        let Live { user, csrf } = admin.accounts.session(cookies::find(headers, cookies::SESSION)?)?;
        Some(Self { user, csrf })
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
    /// 401 as JSON.
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Response> {
        // Who sends a token means that, and is not taken for the browser's user if it is wrong.
        if parts.headers.contains_key(AUTHORIZATION) {
            let name = bearer(&parts.headers).and_then(|token| admin.accounts.token(token));
            return name.map(|name| Self { name, by_token: true }).ok_or_else(|| {
                tracing::warn!(method = %parts.method, path = parts.uri.path(), "an unknown API token was refused");
                unauthorized("the token is unknown", "countersign admin list shows all tokens, add-token makes one")
            });
        }
        match SignedIn::find(&parts.headers, admin) {
            Some(SignedIn { user, .. }) => Ok(Self { name: user, by_token: false }),
            None => Err(unauthorized(
                "nobody is signed in",
                "send Authorization: Bearer TOKEN; countersign admin add-token makes one",
            )),
        }
    }
}

/// RFC 6750 §2.1; of several headers nobody knows which one is meant.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).into_iter();
    let line = lines.next()?.to_str().ok()?;
    let (scheme, token) = line.split_once(' ')?;
    (lines.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim_start_matches(' '))
}

fn unauthorized(message: &str, hint: &str) -> Response {
    let body = Json(json!({ "error": { "code": "not_signed_in", "message": message, "hint": hint } }));
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer realm=\"countersign admin\"")], body).into_response()
}

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
