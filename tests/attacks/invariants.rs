//! The four invariants.

use std::time::Duration;

use crate::support::{Backend, Consumer, Gateway, Place, RSA_2048, by_reporting, request, signed};
use crate::{admitted, denied_as};

#[test]
fn i1_what_is_verified_is_what_is_forwarded() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let queries =
        ["", "?", "?a=1", "?a=b%2Fc&a=&a&=x&+=+", "?q=%e4%bd%A0&z=%00&y=a;b", "?a=%20+%2B", "?b=2&a=1&", "?&&x", "?a==&b=%3D%26"];
    let paths = [
        "/",
        "/a/b",
        "/a%20b/c",
        "/%7Euser",
        "/~user",
        "/a+b",
        "/a:b@c",
        "/%C3%A9",
        "/(x)!*'",
        "//evil.example/x",
        "/a//b",
        "/a/../b",
        "/a/./b/",
        "/%2e%2e/x",
        "/a;b=c",
        "/a%2Fb",
        "/a%252Fb",
        "/:80/",
        "/@",
        "/*",
        "/a\\b",
        "/http://x/",
    ];
    let forms = ["", "a=1", "a=%e4+%20&b", "&&", "x=%2B%2f&x="];
    let mut sent = 0;
    for path in paths {
        for query in queries {
            let target = format!("{path}{query}");
            for form in forms {
                let request = by_reporting().post(&target).form(form);
                admitted(&gateway, &format!("{target} {form}"), &request);
                let got = backend.last_request();
                assert_eq!((got.method.as_str(), got.target.as_str()), ("POST", target.as_str()));
                assert_eq!(got.text(), form, "{target}");
                assert_eq!(got.field("Host"), Some("app.example.com"));
                sent += 1;
            }
        }
    }
    assert_eq!(backend.requests().len(), sent);
}

#[test]
fn i1_a_body_that_is_no_form_arrives_byte_for_byte() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for request in
        [by_reporting().body("application/octet-stream", body.clone()), by_reporting().body("a/b", body.clone()).chunked(777)]
    {
        admitted(&gateway, "100 kB", &request.post("/upload"));
        assert_eq!(backend.last_request().body, body);
    }
}

#[test]
fn i2_nothing_reaches_the_backend_before_the_verdict() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let forged = by_reporting().post("/x").body("text/plain", vec![b'x'; 50_000]).nonce("forged").signed_target("/y");
    let bytes = forged.bytes();
    let half = bytes.len() / 2;

    let mut slow = gateway.client();
    slow.send(&bytes[..half]);
    assert_eq!(slow.response().status, 401);
    backend.assert_untouched();

    // A form is held until it is judged: the backend sees nothing of a half one, good as its signature may be.
    let form = by_reporting().post("/x").form(&format!("a={}", "b".repeat(10_000))).bytes();
    let mut honest = gateway.client();
    honest.send(&form[..form.len() - 1]);
    assert_eq!(honest.waiting(Duration::from_millis(300)), 0);
    backend.assert_untouched();
    honest.send(&form[form.len() - 1..]);
    assert_eq!(honest.response().status, 200);
    assert_eq!(backend.connections(), 1);
}

#[test]
fn i3_identity_headers_start_from_empty_on_every_kind_of_route() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /open, access: open }")
        .route("{ path: /optional, access: optional }")
        .route("{ path: /observe, access: observe }")
        .start();
    for path in ["/open", "/optional", "/observe"] {
        let forged = request().get(path).line("X-OAuth-Consumer: admin").line("X-Forwarded-User: admin");
        admitted(&gateway, path, &forged);
        let got = backend.last_request();
        assert!(got.spellings_of("X-OAuth-Consumer").is_empty(), "{path}: {got:?}");
        assert!(got.spellings_of("X-Forwarded-User").is_empty(), "{path}: {got:?}");
    }
    for path in ["/signed", "/optional"] {
        admitted(&gateway, path, &by_reporting().get(path).line("X-OAuth-Consumer: admin").line("X-Forwarded-User: admin"));
        let got = backend.last_request();
        assert_eq!(got.spellings_of("X-OAuth-Consumer"), ["reporting"], "{path}");
        assert!(got.spellings_of("X-Forwarded-User").is_empty(), "{path}: {got:?}");
    }
    // Not even a good signature makes an identity where nothing is verified.
    for path in ["/open", "/observe"] {
        admitted(&gateway, path, &by_reporting().get(path));
        assert!(backend.last_request().spellings_of("X-OAuth-Consumer").is_empty(), "{path}");
    }
}

#[test]
fn i4_a_nonce_is_keyed_on_decoded_signed_values() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("billing", &RSA_2048))
        .start();
    let nonce = "a b/c+d%é";
    let first = by_reporting().nonce(nonce);
    admitted(&gateway, "first", &first);
    // Another consumer, another timestamp, another nonce: each is another key.
    admitted(&gateway, "other consumer", &signed("billing", &RSA_2048).nonce(nonce));
    admitted(&gateway, "other time", &by_reporting().nonce(nonce).timestamp(crate::support::now() - 7));
    admitted(&gateway, "other nonce", &by_reporting().nonce("a b/c+d%e"));
    // The same key in another request is the same nonce, whatever else is signed.
    for again in [first.clone(), first.clone().get("/other?x=1"), first.clone().in_place(Place::Query), first.method("DELETE")] {
        denied_as(&gateway, &backend, (401, "nonce_used"), "again", &again);
    }
}

#[test]
fn i4_the_checks_come_in_their_order() {
    let backend = Backend::start();
    let reporting = || Consumer::new("reporting", &RSA_2048);
    let gateway = Gateway::builder().upstream(&backend).consumer(reporting()).start();
    // Time before the signature: no RSA operation for what is too old anyway.
    let old = by_reporting().timestamp(crate::support::now() - 1000).signature(&"A".repeat(344));
    denied_as(&gateway, &backend, (401, "timestamp_refused"), "an old stamp with a bad signature", &old);
    // The signature before the nonce: a stranger does not learn which nonces were used.
    let used = by_reporting().get("/x");
    admitted(&gateway, "first", &used);
    let forged = used.clone().signature(&"A".repeat(344));
    denied_as(&gateway, &backend, (401, "signature_invalid"), "forged, with a used nonce", &forged);
    // The nonce before what the consumer may do, and before its rate.
    let narrowed = reporting().with("allow: [{ path: /rest/** }]").with("rate_limit: { requests: 1, per: 3600s }");
    gateway.write_consumers(&Consumer::file(&[narrowed]));
    let forbidden = || gateway.ask(&by_reporting().get("/x")).status == 403;
    crate::support::eventually("the narrower list is in force", || forbidden().then_some(()));
    denied_as(&gateway, &backend, (401, "nonce_used"), "a replay of what may no longer be reached", &used);
    let allowed = by_reporting().get("/rest/x");
    admitted(&gateway, "all of the rate", &allowed);
    denied_as(&gateway, &backend, (401, "nonce_used"), "a replay beyond the rate", &allowed);
    assert_eq!(crate::denied(&gateway, &backend, "beyond the rate", &by_reporting().get("/rest/x")).status, 429);
}

#[test]
fn i4_what_is_refused_before_the_commit_uses_up_no_nonce() {
    let backend = Backend::start();
    let consumer =
        Consumer::new("reporting", &RSA_2048).with("rate_limit: { requests: 1, per: 5s }").with("allow: [{ path: /rest/** }]");
    let gateway = Gateway::builder().upstream(&backend).consumer(consumer).start();
    let forbidden = by_reporting().get("/admin").nonce("kept-1");
    denied_as(&gateway, &backend, (403, "permission_denied"), "not allowed", &forbidden);
    let token = by_reporting().get("/rest/x").nonce("kept-1").set("oauth_token", "nobody");
    denied_as(&gateway, &backend, (401, "token_rejected"), "unknown token", &token);
    // Neither used up the nonce, nor the rate budget of one request.
    admitted(&gateway, "the first that may pass", &by_reporting().get("/rest/x").nonce("kept-1"));

    let limited = by_reporting().get("/rest/x").nonce("kept-2");
    let response = crate::denied(&gateway, &backend, "beyond the rate", &limited);
    assert_eq!(response.status, 429);
    assert!(response.field("Retry-After").is_some());
    let passed = crate::support::eventually("the budget is refilled", || {
        let response = gateway.ask(&limited);
        (response.status != 429).then_some(response)
    });
    assert_eq!(passed.status, 200, "{}", passed.text());
}
