//! The second path that a request may name: `Destination` (RFC 4918 §10.3), where COPY and MOVE put what they take.
//!
//! The header is not signed, and the backend obeys it. So it has one reading, like the target, and is asked about as the target is.

use http::header::{HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

use super::origin::Origin;
use crate::oauth::base_string::{Authority, Scheme};
use crate::refusal::Refusal;

/// The paths that the header names, one for each way to read it; none where it is not there, or the method gives it no meaning.
///
/// There are two where a trusted proxy took a prefix off the target and left the header as it was: who knows whether the backend
/// takes it off there, too? Then it has to begin with that very prefix: the backend may find it in other spellings.
pub(super) fn read(method: &Method, headers: &HeaderMap, origin: &Origin, limit: usize) -> Result<Vec<String>, Refusal> {
    if HAVE_NONE.contains(method) {
        return Ok(Vec::new());
    }
    let mut lines = headers.get_all(DESTINATION).iter();
    let Some(line) = lines.next() else { return Ok(Vec::new()) };
    if lines.next().is_some() {
        return Err(Refusal::BadRequest("there is more than one Destination header"));
    }
    if line.len() > limit {
        return Err(Refusal::BadRequest("the Destination header is longer than limits.target"));
    }
    let unclear = "the Destination header is neither an absolute path nor an http or https URL without user, query and fragment";
    let (authority, path) = line.to_str().ok().and_then(split).ok_or(Refusal::BadRequest(unclear))?;
    if authority.is_some_and(|named| !is_own(&named, headers, origin)) {
        return Err(Refusal::BadRequest("the Destination header names another host than the request"));
    }
    if origin.prefix.is_empty() {
        return Ok(vec![path.to_owned()]);
    }
    let below = path.strip_prefix(origin.prefix.as_str()).map(|below| if below.is_empty() { "/" } else { below });
    let below = below.filter(|below| below.starts_with('/'));
    below
        .map(|below| vec![path.to_owned(), below.to_owned()])
        .ok_or(Refusal::BadRequest("the Destination header names a path that is not below X-Forwarded-Prefix"))
}

/// The authority, if there is one, and the path of a `Simple-ref` (RFC 4918 §8.3), in the characters that a target may have.
fn split(text: &str) -> Option<(Option<Authority>, &str)> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>')) {
        return None;
    }
    if text.starts_with('/') {
        // Two slashes begin an authority (RFC 3986 §4.2), or an empty segment.
        return (!text.starts_with("//")).then_some((None, text));
    }
    let (scheme, rest) = text.split_once("://")?;
    Scheme::parse(scheme)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some((Some(Authority::parse(authority)?), if path.is_empty() { "/" } else { path }))
}

/// Whether it is the authority that clients write, or the one that the last hop wrote. The scheme says nothing, and neither do the
/// two schemes' own ports: TLS may end in front.
fn is_own(named: &Authority, headers: &HeaderMap, origin: &Origin) -> bool {
    let received = headers.get(HOST).map(HeaderValue::to_str).and_then(|host| Authority::parse(host.ok()?));
    let port = |authority: &Authority| authority.port().filter(|port| !USUAL_PORTS.contains(port));
    let is_same = |own: &Authority| own.host() == named.host() && port(own) == port(named);
    is_same(&origin.authority) || received.is_some_and(|received| is_same(&received))
}

/// Methods in which the header is an application's own, if it is there (RFC 9110 §9.3, RFC 5789).
const HAVE_NONE: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

const DESTINATION: HeaderName = HeaderName::from_static("destination");

const USUAL_PORTS: [u16; 2] = [Scheme::Http.default_port(), Scheme::Https.default_port()];

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn paths(prefix: &str, lines: &[&str]) -> Option<Vec<String>> {
        let (scheme, authority) = (Scheme::Https, Authority::parse("jira.example").unwrap());
        let origin = Origin { scheme, authority, prefix: prefix.to_owned(), client: Ipv4Addr::LOCALHOST.into() };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("inner:8080"));
        for line in lines {
            headers.append(DESTINATION, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        read(&Method::from_bytes(b"MOVE").unwrap(), &headers, &origin, 60).ok()
    }

    #[test]
    fn a_path_and_a_url_of_the_requests_own_host_are_a_destination() {
        assert_eq!(paths("", &[]), Some(vec![]));
        for text in [
            "/a%20b/c",
            "https://jira.example/a%20b/c",
            "HTTP://JIRA.example:80/a%20b/c",
            "http://jira.example:443/a%20b/c",
            "http://inner:8080/a%20b/c",
        ] {
            assert_eq!(paths("", &[text]), Some(vec!["/a%20b/c".to_owned()]), "{text}");
        }
        assert_eq!(paths("", &["https://jira.example"]), Some(vec!["/".to_owned()]));
    }

    #[test]
    fn what_has_no_single_reading_is_no_destination() {
        for text in [
            "",
            "a",
            "../a",
            "*",
            "//jira.example/a",
            "//a",
            "https:/a",
            "https:///a",
            "ftp://jira.example/a",
            "https://other.example/a",
            "https://jira.example:8443/a",
            "http://inner/a",
            "https://u@jira.example/a",
            "https://jira.example\\a",
            "https://jira.example/a?b",
            "/a#b",
            "/a b",
            "/a\tb",
            "/\u{e9}",
            "</a>",
            "\"/a\"",
            "/a, /b c",
        ] {
            assert_eq!(paths("", &[text]), None, "{text}");
        }
        assert_eq!(paths("", &["/a", "/a"]), None, "two lines");
        assert!(paths("", &[&format!("/{}", "a".repeat(59))]).is_some());
        assert_eq!(paths("", &[&format!("/{}", "a".repeat(60))]), None, "longer than a target");
    }

    #[test]
    fn behind_a_prefix_both_readings_count() {
        let both = |text: &str| paths("/jira", &[text]).unwrap();
        assert_eq!(both("/jira/a"), ["/jira/a", "/a"]);
        assert_eq!(both("https://jira.example/jira"), ["/jira", "/"]);
        for other in ["/a", "/jirafoo/a", "/%6Aira/a", "/JIRA/a", "/jira./a", "/jira;x/a"] {
            assert_eq!(paths("/jira", &[other]), None, "{other}");
        }
    }

    #[test]
    fn in_other_methods_it_is_an_applications_own() {
        let origin = Origin {
            scheme: Scheme::Http,
            authority: Authority::parse("a").unwrap(),
            prefix: String::new(),
            client: Ipv4Addr::LOCALHOST.into(),
        };
        let headers = HeaderMap::from_iter([(DESTINATION, HeaderValue::from_static("a queue"))]);
        for (method, is_read) in
            [("GET", false), ("POST", false), ("DELETE", false), ("MOVE", true), ("COPY", true), ("MKCOL", true)]
        {
            assert_eq!(
                read(&Method::from_bytes(method.as_bytes()).unwrap(), &headers, &origin, 60).is_err(),
                is_read,
                "{method}"
            );
        }
    }
}
