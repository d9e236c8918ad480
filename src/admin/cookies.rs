//! Cookies: which one a browser sent, and how one is set.
//!
//! Without `Secure`, since this listener speaks no TLS; and so without the `__Host-` prefix, which browsers take with `Secure` only.

use axum::http::header::{COOKIE, HeaderName, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, SameSite};

use crate::secret::Secret;

/// Who is signed in.
pub(super) const SESSION: &str = "countersign_session";

/// What a form that is filled in before the sign-in has to have in it too.
pub(super) const FORM: &str = "countersign_form";

/// The cookie's value. Cookies know no ports: what another program on this machine sets comes too, and of two that are called the
/// same nobody can say which is ours.
pub(super) fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(other, _)| *other == name).map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

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
    fn the_cookie_is_found_among_others_if_it_is_the_only_one_of_its_name() {
        let headers = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            headers
        };
        for (lines, found) in [
            (&["a=1; countersign_session=x; b=2"][..], Some("x")),
            (&["a=1", "countersign_session=x=y"], Some("x=y")),
            (&["countersign_session=x; countersign_session=y"], None),
            (&["countersign_session=x", "countersign_session=x"], None),
            (&["xcountersign_session=x; Countersign_Session=y"], None),
            (&[], None),
        ] {
            assert_eq!(find(&headers(lines), SESSION), found, "{lines:?}");
        }
    }

    #[test]
    fn scripts_and_other_sites_do_not_get_the_cookie() {
        let secret = Secret::random().unwrap();
        let [(_, value)] = set(SESSION, &secret);
        assert_eq!(value, format!("{SESSION}={}; HttpOnly; SameSite=Strict; Path=/", secret.reveal()).as_str());
        let [(_, value)] = clear(SESSION);
        assert_eq!(value, format!("{SESSION}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0").as_str());
    }
}
