//! What hyper accepts in a request head and two servers may read differently is refused here (RFC 9112, RFC 9110).

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::oauth::base_string::{Authority, Scheme};
use crate::proxy::headers::has_known_transfer_coding;
use crate::refusal::Refusal;

/// The methods that are forwarded: RFC 9110's without CONNECT and TRACE, PATCH (RFC 5789), WebDAV's (RFC 4918, 3253,
/// 3744, 5323, 5842), which wikis and trackers of that time speak.
const METHODS: &[&str] = &[
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "CHECKOUT",
    "CHECKIN",
    "MKWORKSPACE",
    "UPDATE",
    "LABEL",
    "MERGE",
    "MKACTIVITY",
    "VERSION-CONTROL",
    "UNCHECKOUT",
    "BASELINE-CONTROL",
    "ACL",
    "SEARCH",
    "BIND",
    "UNBIND",
    "REBIND",
];

/// Refuses a head that does not have exactly one meaning, and returns the authority that it names.
pub(super) fn check(parts: &Parts, target_limit: usize) -> Result<Authority, Refusal> {
    check_method(&parts.method)?;
    check_target(parts, target_limit)?;
    check_framing(&parts.headers)?;
    let host = check_host(parts)?;
    for (name, message) in ONCE {
        if parts.headers.get_all(name).iter().nth(1).is_some() {
            return Err(Refusal::BadRequest(message));
        }
    }
    Ok(host)
}

/// Headers whose second line another server might read instead of the first.
const ONCE: [(header::HeaderName, &str); 3] = [
    (CONTENT_TYPE, "there is more than one Content-Type header"),
    (CONTENT_ENCODING, "there is more than one Content-Encoding header"),
    (header::EXPECT, "there is more than one Expect header"),
];

/// Whether requests with this method are forwarded at all.
pub fn is_forwarded(method: &Method) -> bool {
    METHODS.contains(&method.as_str())
}

fn check_method(method: &Method) -> Result<(), Refusal> {
    if is_forwarded(method) { Ok(()) } else { Err(Refusal::MethodUnknown) }
}

/// Origin form, or the absolute form that a proxy must take too (RFC 9112 §3.2).
fn check_target(parts: &Parts, limit: usize) -> Result<(), Refusal> {
    let actual = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if actual > limit {
        return Err(Refusal::TargetTooLong { limit, actual });
    }
    if !parts.uri.path().starts_with('/') {
        return Err(Refusal::BadRequest("the target must begin with a slash"));
    }
    // A target in authority form, which has no path, did not get here.
    match parts.uri.scheme_str() {
        Some(scheme) if Scheme::parse(scheme).is_none() => Err(Refusal::BadRequest("the target's scheme must be http or https")),
        _ => Ok(()),
    }
}

/// Exactly one valid Host (RFC 9112 §3.2); in absolute form the target must name the same one.
fn check_host(parts: &Parts) -> Result<Authority, Refusal> {
    let mut values = parts.headers.get_all(HOST).iter();
    let value = values.next().ok_or(Refusal::BadRequest("there is no Host header"))?;
    if values.next().is_some() {
        return Err(Refusal::BadRequest("there is more than one Host header"));
    }
    let host = value.to_str().ok().and_then(Authority::parse).ok_or(Refusal::BadRequest("the Host header is no host"))?;
    match parts.uri.authority() {
        Some(target) if Authority::parse(target.as_str()).as_ref() != Some(&host) => {
            Err(Refusal::BadRequest("the target names another host than the Host header"))
        }
        _ => Ok(host),
    }
}

/// `Transfer-Encoding: chunked` once, or none (RFC 9112 §6.1); hyper has dropped a Content-Length beside it.
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if has_known_transfer_coding(headers) { Ok(()) } else { Err(Refusal::TransferCodingUnknown) }
}

/// What the Authorization header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authorization {
    /// None.
    Absent,
    /// `OAuth`, in any case (RFC 9110 §11.1).
    OAuth,
    /// Any other scheme.
    Other,
    /// More than one header line: no two readers need to take the same.
    Several,
}

pub(super) fn authorization(headers: &HeaderMap) -> Authorization {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Authorization::Absent,
        (Some(_), Some(_)) => Authorization::Several,
        (Some(value), None) if oauth_credentials(value.as_bytes()).is_some() => Authorization::OAuth,
        (Some(_), None) => Authorization::Other,
    }
}

/// What follows the scheme `OAuth`.
pub(super) fn oauth_credentials(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii_start();
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let ends = rest.first().is_none_or(|b| matches!(b, b' ' | b'\t'));
    (scheme.eq_ignore_ascii_case(SCHEME) && ends).then_some(rest)
}

const SCHEME: &[u8] = b"OAuth";

/// Whether the body is a form: the media type alone decides, parameters such as `charset` do not (RFC 5849 §3.4.1.3.1).
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let media_type = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}

/// Whether the body has a content coding other than `identity`.
pub(super) fn has_content_coding(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_a_whole_word_in_any_case() {
        assert_eq!(oauth_credentials(b"oAuth a=\"1\""), Some(&b" a=\"1\""[..]));
        assert_eq!(oauth_credentials(b"OAuth"), Some(&b""[..]));
        for value in ["OAuth2 x", "OAut", "Bearer OAuth x", "OAuth,"] {
            assert_eq!(oauth_credentials(value.as_bytes()), None, "{value}");
        }
    }

    fn parts(target: &str) -> Parts {
        http::Request::get(target).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_target_is_a_path_or_an_http_url_of_at_most_so_many_bytes() {
        for target in ["/", "/a?b", "http://a.example/a", "HTTPS://a.example", "http://a.example?b"] {
            assert!(check_target(&parts(target), 10).is_ok(), "{target}");
        }
        for target in ["a.example:80", "a.example", "*", "ftp://a.example/a"] {
            assert!(matches!(check_target(&parts(target), 10), Err(Refusal::BadRequest(_))), "{target}");
        }
        assert!(check_target(&parts("/23456789?"), 10).is_ok());
        let refused = check_target(&parts("/23456789?1"), 10);
        assert!(matches!(refused, Err(Refusal::TargetTooLong { limit: 10, actual: 11 })), "{refused:?}");
    }

    #[test]
    fn a_transfer_coding_other_than_chunked_is_refused() {
        let framing = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::TRANSFER_ENCODING, line.parse().unwrap());
            }
            check_framing(&headers)
        };
        assert!(framing(&[]).is_ok() && framing(&["Chunked"]).is_ok());
        for lines in [&["gzip"][..], &["gzip, chunked"], &["chunked, chunked"], &["chunked", "chunked"], &["identity"], &[""]] {
            assert!(matches!(framing(lines), Err(Refusal::TransferCodingUnknown)), "{lines:?}");
        }
    }

    #[test]
    fn only_the_media_type_makes_a_form() {
        let form = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            is_form(&headers)
        };
        assert!(form("Application/X-WWW-Form-Urlencoded ; charset=UTF-8"));
        assert!(!form("text/plain; x=application/x-www-form-urlencoded"));
        assert!(!form("application/x-www-form-urlencoded2"));
    }
}
