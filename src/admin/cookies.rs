//! Cookies: how one is set.
//!
//! Without `Secure`, since this listener speaks no TLS; and so without the `__Host-` prefix, which browsers take with `Secure` only.

use axum::http::HeaderValue;
use axum::http::header::{HeaderName, SET_COOKIE};
use cookie::{Cookie, SameSite};

use crate::secret::Secret;
pub(super) use crate::web::cookies::find;

/// Who is signed in.
pub(crate) const SESSION: &str = "countersign_session";

/// What a form that is filled in before the sign-in has to have in it too.
pub(crate) const FORM: &str = "countersign_form";

/// The header that sets a cookie until the browser is closed; neither scripts nor other sites' requests get it.
pub(super) fn set(name: &'static str, secret: &Secret) -> [(HeaderName, HeaderValue); 1] {
    header(Cookie::new(name, secret.reveal().to_owned()))
}

/// The header that takes a cookie away.
pub(super) fn clear(name: &'static str) -> [(HeaderName, HeaderValue); 1] {
    let mut cookie = Cookie::new(name, "");
    cookie.set_max_age(cookie::time::Duration::ZERO);
    header(cookie)
}

fn header(mut cookie: Cookie<'_>) -> [(HeaderName, HeaderValue); 1] {
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    // Names and values of ours are plain ASCII.
    let value = HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""));
    [(SET_COOKIE, value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_other_sites_do_not_get_the_cookie() {
        let secret = Secret::random().unwrap();
        let [(_, value)] = set(SESSION, &secret);
        assert_eq!(value, format!("{SESSION}={}; HttpOnly; SameSite=Strict; Path=/", secret.reveal()).as_str());
        let [(_, value)] = clear(SESSION);
        assert_eq!(value, format!("{SESSION}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0").as_str());
    }
}
