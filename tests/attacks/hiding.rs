//! Whether the answers tell which consumers there are, where they must not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{
    Backend, Client, Consumer, Digest, Gateway, Place, RSA_1024, RSA_1024_OTHER, Response, Signing, now, signed,
};

/// Consumers that differ in everything that is asked before a signature is looked at.
fn consumers() -> Vec<(&'static str, Consumer)> {
    let of = |key: &'static str, line: &str| (key, Consumer::new(key, &RSA_1024_OTHER).with(line));
    let off = Consumer::new("off", &RSA_1024_OTHER).with("enabled: false").with("signature_methods: [RSA-SHA512]");
    vec![
        of("plain", "enabled: true"),
        of("modern", "signature_methods: [RSA-SHA256]"),
        of("disabled", "enabled: false"),
        of("expired", "expires: 2020-01-01"),
        ("off", off),
        of("talkative", "refusals: { reveal: base_string }"),
        of("elsewhere", "allow_from: [10.0.0.0/8]"),
        of("confined", "allow: [{ path: /rest/** }]"),
        of("three-legged", "two_legged: { allowed: false }"),
        of("two-legged", "three_legged: false"),
        of("slow", "rate_limit: { requests: 1, per: 1h }"),
    ]
}

/// What is done to a request in a consumer's name by somebody who has no key of its.
type Probe = fn(Signing) -> Signing;

fn probes() -> Vec<(&'static str, Probe)> {
    vec![
        ("a wrong signature", |it| it.get("/x")),
        ("of another length", |it| it.get("/x").signature("AAAA")),
        ("no base64", |it| it.get("/x").signature("!!!")),
        ("no signature", |it| it.get("/x").signature("")),
        ("an old timestamp", |it| it.get("/x").timestamp(now() - 3600)),
        ("an old timestamp and no base64", |it| it.get("/x").timestamp(now() - 3600).signature("!!!")),
        ("a timestamp to come", |it| it.get("/x").timestamp(now() + 3600)),
        ("no timestamp", |it| it.get("/x").without("oauth_timestamp")),
        ("SHA-256", |it| it.get("/x").digest(Digest::Sha256)),
        ("SHA-512", |it| it.get("/x").digest(Digest::Sha512)),
        ("SHA-256 and an old timestamp", |it| it.get("/x").digest(Digest::Sha256).timestamp(now() - 3600)),
        ("SHA-512 and a timestamp to come", |it| it.get("/x").digest(Digest::Sha512).timestamp(now() + 3600)),
        ("no method", |it| it.get("/x").without("oauth_signature_method")),
        ("a method that nobody has", |it| it.get("/x").set("oauth_signature_method", "HMAC-SHA1")),
        ("another version", |it| it.get("/x").set("oauth_version", "2.0")),
        ("a token", |it| it.get("/x").set("oauth_token", "nobodys")),
        ("a user", |it| it.get("/x?xoauth_requestor_id=anna")),
        ("a user in the header", |it| it.get("/x").set("xoauth_requestor_id", "anna")),
        ("a body hash", |it| it.post("/x").body("text/plain", "abc").set("oauth_body_hash", &STANDARD.encode([0; 20]))),
        ("a body", |it| it.post("/x").body("text/plain", "abc")),
        ("a form", |it| it.post("/x").form("a=1")),
        ("a form that is waited with", |it| it.post("/x").form("a=1").line("Expect: 100-continue")),
        ("a form and SHA-256", |it| it.post("/x").form("a=1").line("Expect: 100-continue").digest(Digest::Sha256)),
        ("a form and an old timestamp", |it| it.post("/x").form("a=1").line("Expect: 100-continue").timestamp(now() - 3600)),
        ("all in a form", |it| it.post("/x").in_place(Place::Form)),
        ("a form with a coding", |it| it.post("/x").form("a=1").line("Content-Encoding: gzip")),
        ("all in the query", |it| it.get("/x").in_place(Place::Query)),
        ("what is optional", |it| it.get("/optional")),
        ("what is denied", |it| it.get("/denied")),
        ("a destination", |it| it.method("MOVE").target("/x").line("Destination: /y")),
        ("temporary credentials", |it| it.post("/plugins/servlet/oauth/request-token").set("oauth_callback", "oob")),
        ("temporary credentials, late", |it| it.post("/plugins/servlet/oauth/request-token").timestamp(now() - 3600)),
        ("token credentials", |it| {
            it.post("/plugins/servlet/oauth/access-token").set("oauth_token", "x").set("oauth_verifier", "y")
        }),
    ]
}

/// All that a client sees of an answer, but for the date and for numbers that go with the time.
fn seen(client: &mut Client, request: &Signing) -> (u16, Vec<u16>, Vec<String>, String) {
    let Response { status, fields, body, informational, .. } = client.ask(request.bytes());
    let timeless = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    let fields = fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
    let fields = fields.map(|(name, value)| format!("{name}: {}", timeless(value))).collect();
    (status, informational, fields, timeless(&String::from_utf8_lossy(&body)))
}

#[test]
fn c25_no_probe_tells_one_consumer_from_another_or_from_none_where_configured() {
    let backend = Backend::start();
    let builder = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /optional, access: optional }")
        .route("{ path: /denied, access: deny }")
        .setting("refusals: { reveal: base_string, reveal_unknown_consumer: false }")
        .setting("oauth: {}")
        .setting("resource_owner: { trusted_header: { name: X-SSO-User, from: [127.0.0.1] } }");
    let gateway = consumers().into_iter().fold(builder, |builder, (_, entry)| builder.consumer(entry)).start();
    for (what, probe) in probes() {
        let ask = |key: &str| seen(&mut gateway.client(), &probe(signed(key, &RSA_1024)));
        let nobodys = ask("nobody");
        assert!((400..500).contains(&nobodys.0), "{what}: {nobodys:?}");
        for (key, _) in consumers() {
            assert_eq!(ask(key), nobodys, "{what}: {key} is told apart from nobody");
        }
    }
    backend.assert_untouched();
}
