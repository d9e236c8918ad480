//! The pages' own cookies: how they are called and set, and that the application gets none of them.

use cookie::{Cookie, SameSite};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::visit::Visit;
use crate::admin;
use crate::oauth::base_string::Scheme;

/// A cookie of ours, by its plain name.
pub(super) struct OurCookie(&'static str);

/// Who signed in here.
pub(super) const USER: OurCookie = OurCookie("countersign_user");

/// What belongs to the forms that are open in a browser. Not called as the administrators' one: cookies know no ports.
pub(super) const FORM: OurCookie = OurCookie("countersign_consent");

impl OurCookie {
    /// Browsers take a cookie with that prefix over TLS alone, so that nobody in between plants one (RFC 6265bis §4.1.3). Not
    /// `__Host-`: its path would be all of the application's.
    pub(super) fn name(&self, visit: &Visit) -> String {
        let secure = if is_secure(visit) { SECURE_PREFIX } else { "" };
        format!("{secure}{}", self.0)
    }

    /// The header that sets it until the browser is closed.
    pub(super) fn set(&self, visit: &Visit, value: &str) -> String {
        self.cookie(visit, value).to_string()
    }

    /// The header that takes it away.
    pub(super) fn clear(&self, visit: &Visit) -> String {
        let mut cookie = self.cookie(visit, "");
        cookie.set_max_age(cookie::time::Duration::ZERO);
        cookie.to_string()
    }

    fn cookie<'v>(&self, visit: &'v Visit, value: &'v str) -> Cookie<'v> {
        let mut cookie = Cookie::new(self.name(visit), value);
        cookie.set_path(visit.links.cookie_path());
        cookie.set_http_only(true);
        // Not `Strict`: it is the consumer's site that leads the browser here.
        cookie.set_same_site(SameSite::Lax);
        cookie.set_secure(is_secure(visit));
        cookie
    }
}

/// Takes the gateway's own cookies out of the others; they are nobody else's business.
pub fn take_off_our_cookies(headers: &mut HeaderMap) {
    let is_foreign = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        !std::str::from_utf8(name).is_ok_and(is_ours)
    };
    if !headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).any(|pair| !is_foreign(&pair))
    {
        return;
    }
    let lines: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .map(|line| line.as_bytes().split(|byte| *byte == b';').filter(is_foreign).collect::<Vec<_>>().join(&b';'))
        .filter(|line| !line.trim_ascii().is_empty())
        .filter_map(|line| HeaderValue::from_bytes(line.trim_ascii()).ok())
        .collect();
    headers.remove(COOKIE);
    for line in lines {
        headers.append(COOKIE, line);
    }
}

/// Whether a cookie of that name is ours: the application gets none of them. An administrator's browser sends theirs to all ports
/// of a host.
fn is_ours(name: &str) -> bool {
    let plain = name.strip_prefix(SECURE_PREFIX).unwrap_or(name);
    [USER.0, FORM.0, admin::SESSION_COOKIE, admin::FORM_COOKIE].contains(&plain)
}

fn is_secure(visit: &Visit) -> bool {
    visit.origin.scheme == Scheme::Https
}

const SECURE_PREFIX: &str = "__Secure-";

#[cfg(test)]
mod tests {
    use super::super::visit::tests::visit;
    use super::*;

    #[test]
    fn our_cookies_are_taken_off_and_the_others_stay_as_they_are() {
        let left = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            take_off_our_cookies(&mut headers);
            headers.get_all(COOKIE).iter().map(|line| String::from_utf8(line.as_bytes().to_vec()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(left(&["a=1; countersign_user=x; b=2"]), ["a=1; b=2"]);
        assert_eq!(left(&["countersign_consent=x", "b=\u{fc};c"]), ["b=\u{fc};c"]);
        assert_eq!(left(&["__Secure-countersign_user=x"]), Vec::<String>::new());
        assert_eq!(left(&["a=1;  b=countersign_user=x;;"]), ["a=1;  b=countersign_user=x;;"]);
    }

    #[test]
    fn our_cookies_are_known_by_both_their_names() {
        for name in ["countersign_user", "__Secure-countersign_user", "countersign_consent", "__Secure-countersign_consent"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["countersign_session", "countersign_form"] {
            assert!(is_ours(name), "{name}: the administrators'");
        }
        for name in ["countersign", "JSESSIONID", "Countersign_user", "__Host-countersign_user", ""] {
            assert!(!is_ours(name), "{name}");
        }
        let secure = visit(Scheme::Https, "a", &[]);
        let set = USER.set(&secure, "x");
        assert_eq!(set, "__Secure-countersign_user=x; HttpOnly; SameSite=Lax; Secure; Path=/plugins/servlet/oauth");
    }
}
