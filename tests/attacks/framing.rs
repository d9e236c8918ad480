//! Framing: what an HTTP parser leaves to its user.

use crate::denied;
use crate::support::{Backend, Gateway, Response, Signing, by_reporting};

/// A request with an odd head, and what must become of it.
pub(crate) struct Case {
    pub(crate) what: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outcome: Outcome,
}

/// What is right for a [`Case`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A 4xx or 501, and nothing at the backend.
    Refused,
    /// That, or exactly one request with the one meaning that it has.
    OneMeaning,
}

/// The target of every [`Case`] that means anything.
pub(crate) const TARGET: &str = "/framed?a=1";
/// What no request is for; it stands where a smuggled request would begin.
pub(crate) const SMUGGLED: &str = "/smuggled";

impl Outcome {
    /// Whether the answer is a refusal; asserts that it is one of the two things that are right.
    #[track_caller]
    pub(crate) fn check(self, what: &str, response: &Response) -> bool {
        let refused = (400..500).contains(&response.status) || response.status == 501;
        let passed = response.status == 200 && self == Self::OneMeaning;
        assert!(refused || passed, "{what}: {} {}", response.status, response.text());
        refused
    }
}

/// Every odd head, validly signed.
pub(crate) fn cases() -> Vec<Case> {
    use Outcome::{OneMeaning, Refused};
    let get = || String::from_utf8(by_reporting().get(TARGET).bytes()).unwrap();
    let post = || String::from_utf8(by_reporting().post(TARGET).body("text/plain", "abc").bytes()).unwrap();
    let host = "Host: app.example.com\r\n";
    let line = format!("GET {TARGET} HTTP/1.1");
    let mut cases = Vec::new();
    let mut add = |what: &str, outcome, bytes: String| {
        cases.push(Case { what: what.to_owned(), bytes: bytes.into_bytes(), outcome });
    };

    add("no Host", Refused, get().replacen(host, "", 1));
    add("two Hosts", Refused, get().replacen(host, &format!("{host}Host: evil.example\r\n"), 1));
    add("the same Host twice", Refused, get().replacen(host, &format!("{host}{host}"), 1));
    for bad in [
        "a/b@c",
        "user@app.example.com",
        "app.example.com/",
        "app.example.com:80:80",
        "app.example.com,evil",
        "[::1",
        ":80",
        "app.example.com:99999",
        "app.example.com#",
        "app%2eexample.com",
    ] {
        add(&format!("Host: {bad}"), Refused, get().replacen(host, &format!("Host: {bad}\r\n"), 1));
    }
    for target in [
        "abc",
        "evil:80",
        "ftp://app.example.com/framed?a=1",
        "*",
        "http://evil.example/framed?a=1",
        "http://app.example.com:81/framed?a=1",
        "http:///framed?a=1",
        "http://user@app.example.com/framed?a=1",
        "?a=1",
        "javascript:1",
    ] {
        add(&format!("target {target}"), Refused, get().replacen(&line, &format!("GET {target} HTTP/1.1"), 1));
    }
    add("absolute-form of the same Host", OneMeaning, get().replacen(TARGET, &format!("http://app.example.com{TARGET}"), 1));
    add("a fragment", OneMeaning, get().replacen(TARGET, &format!("{TARGET}#x"), 1));
    for method in ["get", "Get", "FOO", "GET2", "G", "M-SEARCH", "PROPFIND"] {
        let request = by_reporting().method(method).target(TARGET);
        let outcome = if method == "PROPFIND" { OneMeaning } else { Refused };
        add(&format!("method {method}"), outcome, String::from_utf8(request.bytes()).unwrap());
    }
    let length = "Content-Length: 3\r\n";
    for lengths in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 4\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: 3 3\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
    ] {
        add(lengths.trim_end(), Refused, post().replacen(length, lengths, 1));
    }
    for lengths in [
        "Content-Length: 03\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "content-length:\t3 \r\n",
    ] {
        add(lengths.trim_end(), OneMeaning, post().replacen(length, lengths, 1));
    }
    let chunked = "3\r\nabc\r\n0\r\n\r\n";
    let with_coding = |lines: &str, body: &str| {
        let text = post().replacen(length, lines, 1);
        format!("{}{body}", text.strip_suffix("abc").unwrap())
    };
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
    ] {
        add(lines.trim_end(), Refused, with_coding(lines, chunked));
    }
    // RFC 9112 §6.3: the coding counts and the length is dropped, or the request is refused.
    for lengths in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 13\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    ] {
        add(lengths.trim_end(), OneMeaning, with_coding(lengths, chunked));
    }
    add("Transfer-Encoding: CHUNKED", OneMeaning, with_coding("Transfer-Encoding: CHUNKED\r\n", chunked));
    add("a chunk extension", OneMeaning, with_coding("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0\r\n\r\n"));
    add(
        "trailers",
        OneMeaning,
        with_coding("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\nAuthorization: Basic YTpi\r\n\r\n"),
    );
    add("no body where there is a type", OneMeaning, with_coding("", ""));
    add(
        "HTTP/1.0 with chunks",
        Refused,
        with_coding("Transfer-Encoding: chunked\r\n", chunked).replacen("HTTP/1.1", "HTTP/1.0", 1),
    );
    add("HTTP/1.0", OneMeaning, get().replacen("HTTP/1.1", "HTTP/1.0", 1));
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1x", "http/1.1", "HTTP/11"] {
        add(version, Refused, get().replacen("HTTP/1.1", version, 1));
    }
    add("no version", Refused, get().replacen(" HTTP/1.1", "", 1));
    for (what, field) in [
        ("a folded line", "X-A: 1\r\n 2\r\n"),
        ("a NUL in a value", "X-A: 1\u{0}2\r\n"),
        ("a bare CR in a value", "X-A: 1\r2\r\n"),
        ("a line without a colon", "nonsense\r\n"),
        ("an empty name", ": 1\r\n"),
        ("a blank in a name", "X A: 1\r\n"),
        ("a blank after a name", "Content-Length : 50\r\n"),
    ] {
        add(what, Refused, get().replacen(host, &format!("{host}{field}"), 1));
    }
    add("bare line feeds", OneMeaning, get().replace("\r\n", "\n"));
    add("blank lines before", OneMeaning, format!("\r\n\r\n{}", get()));
    add("500 KB of headers", Refused, get().replacen(host, &format!("{host}X-A: {}\r\n", "x".repeat(500_000)), 1));
    add("thousands of headers", Refused, get().replacen(host, &format!("{host}{}", "X: 1\r\n".repeat(5000)), 1));
    cases
}

#[test]
fn e33_an_odd_head_is_refused_or_has_one_meaning() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for case in cases() {
        let before = (backend.byte_count(), backend.requests().len());
        let mut client = gateway.client();
        client.send(&case.bytes);
        client.send(format!("GET {SMUGGLED} HTTP/1.1\r\nHost: app.example.com\r\n\r\n"));
        let method = if case.bytes.starts_with(b"HEAD") { "HEAD" } else { "GET" };
        let response = client.response_to(method);
        if case.outcome.check(&case.what, &response) {
            assert_eq!(backend.byte_count(), before.0, "{}: refused, but bytes reached the backend", case.what);
        } else {
            let got = backend.last_request();
            assert_eq!(backend.requests().len(), before.1 + 1, "{}", case.what);
            assert_eq!(got.target, TARGET, "{}", case.what);
            assert!(["", "abc"].contains(&got.text().as_str()), "{}: {}", case.what, got.text());
            assert!(got.field("Authorization").is_none() && got.trailers.is_empty(), "{}: {got:?}", case.what);
        }
    }
    assert!(!String::from_utf8_lossy(&backend.bytes()).contains(SMUGGLED), "a smuggled request");
}

#[test]
fn e33_a_long_target_and_a_long_head_have_statuses_of_their_own() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let long_target = by_reporting().get(&format!("/{}", "x".repeat(9 * 1024)));
    assert_eq!(denied(&gateway, &backend, "target", &long_target).status, 414);
    let long_head = by_reporting().line(&format!("X-A: {}", "x".repeat(33 * 1024)));
    assert_eq!(denied(&gateway, &backend, "head", &long_head).status, 431);
    let fitting = by_reporting().get(&format!("/{}", "x".repeat(8 * 1024 - 1))).line(&format!("X-A: {}", "x".repeat(16 * 1024)));
    crate::admitted(&gateway, "within both limits", &fitting);
}

#[test]
fn e37_connect_trace_and_options_for_the_server_go_no_further() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /**, access: open }").start();
    let bytes = |signing: Signing| signing.bytes();
    let signed_connect = by_reporting().method("CONNECT").target("evil.example:443").host("evil.example:443");
    for (what, request) in [
        ("CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n".into()),
        ("signed CONNECT", bytes(signed_connect)),
        ("TRACE", bytes(by_reporting().method("TRACE").target("/x"))),
        ("TRACK", bytes(by_reporting().method("TRACK").target("/x"))),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: app.example.com\r\n\r\n".into()),
    ] {
        let response = gateway.ask_raw(&request);
        let ours =
            (400..500).contains(&response.status) || response.status == 501 || what == "OPTIONS *" && response.status < 300;
        assert!(ours, "{what}: {}", response.status);
        backend.assert_untouched();
    }
}

#[test]
fn e37_nobody_is_asked_to_go_on_before_the_verdict() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let bad = [by_reporting().signature("AAAA"), by_reporting().timestamp(1), crate::support::request()];
    for request in bad {
        let mut client = gateway.client();
        let head = request.post("/x").line("Content-Type: text/plain").line("Content-Length: 1000").line("Expect: 100-continue");
        let response = client.ask(head.bytes());
        assert_eq!((response.status, &response.informational[..]), (401, &[][..]));
    }
    let mut client = gateway.client();
    // A form is part of what is signed: it is asked for if all that can be judged without it is good.
    let form = by_reporting().post("/x").timestamp(1).line("Content-Type: application/x-www-form-urlencoded");
    let answer = client.ask(form.line("Content-Length: 1000").line("Expect: 100-continue").bytes());
    assert_eq!((answer.status, &answer.informational[..]), (401, &[][..]));
    backend.assert_untouched();
}
