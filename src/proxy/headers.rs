//! Header hygiene: what the backend must not be told by a client, and what the gateway tells it.
//!
//! The identity headers start from empty: every spelling that a backend may read as one of them goes, ours are added last.

use std::fmt::Write;
use std::net::IpAddr;

use http::header::{self, CONNECTION, HeaderName, HeaderValue, UPGRADE, VIA};
use http::{HeaderMap, StatusCode};

use crate::config::IdentityHeaders;
use crate::refusal::Refusal;
use crate::request::{Origin, Peer};

/// Takes off what must not reach the backend. `believed`: the peer is a trusted proxy.
pub fn strip_request(headers: &mut HeaderMap, identity: &IdentityHeaders, believed: bool) {
    strip_hop_by_hop(headers);
    let unwanted: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            is_spelling_of(name, &identity.consumer) || is_spelling_of(name, &identity.user) || decides(name, believed)
        })
        .cloned()
        .collect();
    for name in unwanted {
        headers.remove(name);
    }
}

/// Takes off a header in every spelling that a backend may read as it.
pub fn strip_spellings(headers: &mut HeaderMap, wanted: &HeaderName) {
    let found: Vec<HeaderName> = headers.keys().filter(|name| is_spelling_of(name, wanted)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Takes off what concerns the connection only, in an answer, and adds `Via`.
pub fn strip_response(headers: &mut HeaderMap, status: StatusCode) {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        // RFC 9112 §6.3: the chunks decide; a length beside them would cut the answer or leave the client waiting.
        headers.remove(header::CONTENT_LENGTH);
    }
    let upgrade = (status == StatusCode::SWITCHING_PROTOCOLS).then(|| headers.get(UPGRADE).cloned()).flatten();
    strip_hop_by_hop(headers);
    if let Some(protocol) = upgrade {
        ask_for_upgrade(headers, protocol);
    }
    headers.append(VIA, HeaderValue::from_static(VIA_VALUE));
}

/// hyper takes `chunked` off an answer and would leave another coding on the bytes that nobody names any more.
///
/// # Errors
/// A coding other than `chunked` alone.
pub fn check_response_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    let broken = || Refusal::UpstreamBroken("its answer has a transfer coding other than chunked".to_owned());
    if has_known_transfer_coding(headers) { Ok(()) } else { Err(broken()) }
}

/// Whether there is no `Transfer-Encoding`, or one line of it that says `chunked` alone (RFC 9112 §6.1).
pub fn has_known_transfer_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

/// Says where the request came from. What a trusted peer said before stays in front in `X-Forwarded-For` and `Via`.
pub fn add_forwarding(headers: &mut HeaderMap, origin: &Origin, peer: Peer, believed: bool, request_id: &HeaderValue) {
    let chain = forwarded_for(headers, peer.address, believed);
    headers.insert(X_FORWARDED_FOR, chain);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(origin.scheme.as_str()));
    headers.insert(X_FORWARDED_HOST, forwarded_host(headers, origin));
    headers.insert(X_REQUEST_ID, request_id.clone());
    headers.append(VIA, HeaderValue::from_static(VIA_VALUE));
}

/// The request id: a trusted peer's, if it is one line of sound length, else `fresh`.
pub fn request_id(headers: &HeaderMap, believed: bool, fresh: impl FnOnce() -> HeaderValue) -> HeaderValue {
    let given = headers.get(X_REQUEST_ID).filter(|_| believed);
    let sound =
        |value: &&HeaderValue| (1..=MAX_REQUEST_ID).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic);
    given.filter(sound).cloned().unwrap_or_else(fresh)
}

/// The `Upgrade: websocket` of a request that asks for it; no other protocol is tunnelled (`h2c` would hide requests).
pub fn websocket_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE).filter(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))?;
    let single = headers.get_all(UPGRADE).iter().nth(1).is_none();
    let asked = connection_options(headers).any(|option| option.eq_ignore_ascii_case(b"upgrade"));
    (single && asked).then(|| protocol.clone())
}

/// Puts the upgrade back that the hop-by-hop stripping took.
pub fn ask_for_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// RFC 9110 §7.6.1: every `Connection` line is read, and what it names goes, but for what must not be talked away.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = connection_options(headers)
            .filter_map(|option| HeaderName::from_bytes(option).ok())
            .filter(|name| !END_TO_END.contains(name) && !BELIEVED.contains(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    let found: Vec<HeaderName> = headers.keys().filter(|name| HOP_BY_HOP.contains(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Read as bytes: one that is no ASCII must not hide the others on its line.
fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|line| line.split(|b| *b == b',')).map(<[u8]>::trim_ascii).filter(|option| !option.is_empty())
}

/// Whether a backend may read `name` as `wanted`: CGI and its heirs turn all but letters and digits into `_`.
fn is_spelling_of(name: &HeaderName, wanted: &HeaderName) -> bool {
    name.as_str().len() == wanted.as_str().len() && folded(name).eq(folded(wanted))
}

/// Headers by which a backend may decide on another client, host, path or method than what was verified, or where its own requests go.
fn decides(name: &HeaderName, believed: bool) -> bool {
    let text = name.as_str().as_bytes();
    // All of them begin with one of these letters; most headers of a request do not.
    if !matches!(text.first(), Some(b'x' | b'f' | b't' | b'c' | b'p')) {
        return false;
    }
    let is = |wanted: &HeaderName| is_spelling_of(name, wanted);
    if believed && BELIEVED.contains(name) {
        // Exactly spelled ones of a trusted proxy are overwritten or kept; another spelling would stand beside them.
        return false;
    }
    DECIDING.iter().any(is)
        || begins_like(name, "x-original-")
        || begins_like(name, "x-rewrite-")
        || begins_like(name, "x-forwarded-")
}

fn begins_like(name: &HeaderName, prefix: &str) -> bool {
    name.as_str().len() >= prefix.len() && folded(name).zip(prefix.bytes()).all(|(a, b)| a == b)
}

fn folded(name: &HeaderName) -> impl Iterator<Item = u8> {
    name.as_str().bytes().map(|b| if b.is_ascii_alphanumeric() { b } else { b'-' })
}

/// The authority that was signed; the Host header's own value where that is the same.
fn forwarded_host(headers: &HeaderMap, origin: &Origin) -> HeaderValue {
    let received = headers.get(header::HOST).filter(|host| origin.authority.is_written(host.as_bytes()));
    let made = || HeaderValue::try_from(origin.authority.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
    received.cloned().unwrap_or_else(made)
}

fn forwarded_for(headers: &HeaderMap, peer: IpAddr, believed: bool) -> HeaderValue {
    let mut chain = String::with_capacity(46);
    if believed {
        for line in headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()) {
            chain.push_str(line);
            chain.push_str(", ");
        }
    }
    write!(chain, "{}", peer.to_canonical()).expect("writing to a String does not fail");
    HeaderValue::try_from(chain).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

const VIA_VALUE: &str = "1.1 countersign";

/// As long as common tracing ids get, in bytes.
const MAX_REQUEST_ID: usize = 128;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// RFC 9110 §7.6.1 and RFC 9112 §6; `Content-Length` and `Transfer-Encoding` are made anew from the body.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    UPGRADE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What `Connection` cannot name away: it decides what the message means, or who it is from.
const END_TO_END: [HeaderName; 16] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::CONTENT_LOCATION,
    header::COOKIE,
    header::SET_COOKIE,
    header::EXPECT,
    header::DATE,
    header::LOCATION,
    header::CACHE_CONTROL,
    header::WWW_AUTHENTICATE,
    header::VARY,
    VIA,
];

/// What a trusted proxy may tell. `Connection` cannot name it away either: a client's own would cut the chain through a
/// proxy that passes it on.
const BELIEVED: [HeaderName; 6] =
    [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PREFIX, X_REQUEST_ID];

const DECIDING: [HeaderName; 15] = [
    // As HTTP_PROXY, many a CGI program's own requests would go where it says (httpoxy, CVE-2016-5385).
    HeaderName::from_static("proxy"),
    header::FORWARDED,
    X_REQUEST_ID,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-cluster-client-ip"),
    HeaderName::from_static("x-remote-ip"),
    HeaderName::from_static("x-remote-addr"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("client-ip"),
    HeaderName::from_static("x-host"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> IdentityHeaders {
        IdentityHeaders {
            consumer: HeaderName::from_static("x-oauth-consumer"),
            user: HeaderName::from_static("x-forwarded-user"),
        }
    }

    fn stripped(lines: &[(&'static str, &str)], believed: bool) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        strip_request(&mut headers, &identity(), believed);
        let mut left: Vec<String> = headers.keys().map(ToString::to_string).collect();
        left.sort();
        left
    }

    #[test]
    fn an_answer_with_another_transfer_coding_than_chunked_is_broken() {
        let framed = |coding| {
            let headers = HeaderMap::from_iter([(header::TRANSFER_ENCODING, HeaderValue::from_static(coding))]);
            check_response_framing(&headers)
        };
        assert!(check_response_framing(&HeaderMap::new()).is_ok() && framed("Chunked").is_ok());
        assert!(matches!(framed("gzip, chunked"), Err(Refusal::UpstreamBroken(_))));
    }

    #[test]
    fn every_spelling_of_an_identity_header_goes() {
        let user = ["x-forwarded-user", "x_forwarded_user", "x.forwarded.user", "x-forwarded_user", "x~forwarded!user"];
        let consumer = ["x-oauth-consumer", "x_oauth_consumer", "x.oauth.consumer", "x-oauth_consumer", "x~oauth!consumer"];
        for name in user.into_iter().chain(consumer) {
            assert_eq!(stripped(&[(name, "admin")], true), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn every_connection_line_counts_and_none_names_away_what_matters() {
        let lines = [
            ("connection", "close, x-a"),
            ("connection", "X-B, host, Content-Type, Cookie, \u{e9}, X-D"),
            ("x-a", "1"),
            ("x-b", "1"),
            ("x-c", "1"),
            ("x-d", "1"),
            ("host", "h"),
            ("content-type", "t"),
            ("cookie", "c"),
        ];
        assert_eq!(stripped(&lines, false), ["content-type", "cookie", "host", "x-c"]);
    }

    #[test]
    fn forwarding_headers_of_an_unlisted_peer_go() {
        let lines = [
            ("forwarded", "for=1"),
            ("x-forwarded-for", "1"),
            ("x-forwarded-prefix", "/"),
            ("x_forwarded_host", "h"),
            ("x-real-ip", "1"),
            ("x-original-url", "/"),
            ("x-rewrite-url", "/"),
            ("x-http-method-override", "DELETE"),
            ("true-client-ip", "1"),
            ("proxy", "http://evil.example"),
            ("x-custom", "1"),
        ];
        assert_eq!(stripped(&lines, false), ["x-custom"]);
        assert_eq!(stripped(&lines, true), ["x-custom", "x-forwarded-for", "x-forwarded-prefix"]);
    }

    #[test]
    fn connection_does_not_name_away_what_a_trusted_peer_says() {
        let lines = [("connection", "X-Forwarded-For, x-forwarded-prefix, x-a"), ("x-forwarded-for", "1"), ("x-a", "1")];
        assert_eq!(stripped(&lines, true), ["x-forwarded-for"]);
        assert_eq!(stripped(&lines, false), Vec::<String>::new());
    }

    #[test]
    fn a_response_keeps_its_cookie_whatever_connection_says() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("Set-Cookie, x-hop"));
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("a=1"));
        headers.insert("x-hop", HeaderValue::from_static("1"));
        strip_response(&mut headers, StatusCode::OK);
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert!(headers.contains_key(header::SET_COOKIE) && headers.contains_key(VIA));
    }

    #[test]
    fn a_header_that_only_resembles_one_of_those_stays() {
        // As long as the identity header, and as the beginnings of what decides.
        let alike = [
            "x-requested-with",
            "content-location",
            "x-oauth-consumers",
            "x-forward",
            "x-originals",
            "x-rewritten",
            "cookie",
            "pragma",
        ];
        let lines = alike.map(|name| (name, "1"));
        let mut expected: Vec<String> = alike.map(str::to_owned).into();
        expected.sort();
        assert_eq!(stripped(&lines, false), expected);
    }

    #[test]
    fn a_trusted_peers_request_id_is_kept_if_it_is_sound() {
        let id = |lines: &[&str], believed| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(X_REQUEST_ID, line.parse().unwrap());
            }
            request_id(&headers, believed, || HeaderValue::from_static("fresh"))
        };
        let (longest, longer) = ("x".repeat(MAX_REQUEST_ID), "x".repeat(MAX_REQUEST_ID + 1));
        assert_eq!(id(&["abc-1"], true), "abc-1");
        assert_eq!(id(&[&longest], true), longest);
        for (lines, believed) in
            [(&["abc-1"][..], false), (&[&*longer], true), (&["a b"], true), (&["\u{e9}"], true), (&[""], true), (&[], true)]
        {
            assert_eq!(id(lines, believed), "fresh", "{lines:?}");
        }
    }

    #[test]
    fn an_upgrade_is_one_line_that_connection_names() {
        let asked = |connection: &[&'static str], upgrade: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for (name, lines) in [(CONNECTION, connection), (UPGRADE, upgrade)] {
                for line in lines {
                    headers.append(&name, HeaderValue::from_static(line));
                }
            }
            websocket_upgrade(&headers).is_some()
        };
        assert!(asked(&["keep-alive", "x, upgrade"], &["websocket"]));
        assert!(!asked(&["keep-alive"], &["websocket"]), "not named");
        assert!(!asked(&[], &["websocket"]), "not named");
        assert!(!asked(&["upgrade"], &["websocket", "websocket"]), "two lines");
        assert!(!asked(&["upgrade"], &[]));
    }

    #[test]
    fn only_a_websocket_upgrade_is_passed_on() {
        let asked = |protocol: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static(protocol));
            websocket_upgrade(&headers).is_some()
        };
        assert!(asked("WebSocket"));
        assert!(!asked("h2c"));
        assert!(!asked("websocket, h2c"));
    }
}
