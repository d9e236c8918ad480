//! The table of refusals, row by row: status, code, challenge and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{
    Backend, Consumer, Digest, Gateway, Place, RSA_2048, RSA_2048_OTHER, Response, Signing, by_reporting, now, request, signed,
};
use crate::{denied, denied_as};

fn gateway(backend: &Backend) -> Gateway {
    Gateway::builder()
        .upstream(backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("disabled", &RSA_2048_OTHER).with("enabled: false"))
        .consumer(Consumer::new("expired", &RSA_2048_OTHER).with("expires: 2020-01-01"))
        .consumer(Consumer::new("confined", &RSA_2048_OTHER).with("allow: [{ path: /rest/** }]"))
        .consumer(Consumer::new("elsewhere", &RSA_2048_OTHER).with("allow_from: [10.0.0.0/8]"))
        .consumer(Consumer::new("three-legged", &RSA_2048_OTHER).with("two_legged: { allowed: false }"))
        .route("{ path: /denied, access: deny }")
        .start()
}

/// The pairs of a challenge: `OAuth realm="..", name="value", ..`, decoded.
fn challenge(response: &Response) -> Vec<(String, String)> {
    let value = response.field("WWW-Authenticate").expect("a challenge");
    let pairs = value.strip_prefix("OAuth ").expect("the scheme is OAuth");
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
        (name.to_owned(), String::from_utf8(crate::support::percent::decode_form(value)).unwrap())
    };
    pairs.split(", ").map(pair).collect()
}

#[test]
fn each_problem_has_its_status_its_code_and_its_pairs() {
    let backend = Backend::start();
    let gateway = gateway(&backend);
    let other = |key: &str| signed(key, &RSA_2048_OTHER);
    let rows: Vec<(u16, &str, Option<&str>, Signing)> = vec![
        (
            400,
            "parameter_absent",
            Some("oauth_parameters_absent"),
            by_reporting().without("oauth_nonce").without("oauth_timestamp"),
        ),
        (400, "parameter_absent", Some("oauth_parameters_absent"), by_reporting().without("oauth_consumer_key")),
        (400, "parameter_absent", Some("oauth_parameters_absent"), by_reporting().without("oauth_signature_method")),
        (400, "parameter_absent", Some("oauth_parameters_absent"), request().set("oauth_consumer_key", "reporting")),
        (400, "parameter_rejected", Some("oauth_parameters_rejected"), by_reporting().also("oauth_nonce", "x")),
        (400, "parameter_rejected", Some("oauth_parameters_rejected"), by_reporting().timestamp("abc")),
        (400, "parameter_rejected", Some("oauth_parameters_rejected"), by_reporting().nonce("")),
        (400, "parameter_rejected", Some("oauth_parameters_rejected"), by_reporting().get("/x?a=%zz")),
        (400, "version_rejected", Some("oauth_acceptable_versions"), by_reporting().set("oauth_version", "2.0")),
        (
            400,
            "signature_method_rejected",
            Some("oauth_acceptable_signature_methods"),
            by_reporting().set("oauth_signature_method", "HMAC-SHA1"),
        ),
        (400, "signature_method_rejected", Some("oauth_acceptable_signature_methods"), by_reporting().digest(Digest::Sha256)),
        (401, "consumer_key_unknown", None, other("nobody")),
        (401, "consumer_key_rejected", None, other("disabled")),
        (401, "consumer_key_rejected", None, other("expired")),
        (401, "timestamp_refused", Some("oauth_acceptable_timestamps"), by_reporting().timestamp(now() - 1000)),
        (401, "timestamp_refused", Some("oauth_acceptable_timestamps"), by_reporting().timestamp(now() + 1000)),
        (401, "signature_invalid", None, by_reporting().signature("!!!")),
        (401, "signature_invalid", None, by_reporting().signature("AAAA")),
        (401, "signature_invalid", None, by_reporting().signed_target("/other")),
        (
            401,
            "signature_invalid",
            None,
            by_reporting().post("/x").body("text/plain", "abc").set("oauth_body_hash", &STANDARD.encode([0; 20])),
        ),
        (401, "token_rejected", None, by_reporting().set("oauth_token", "nobodys")),
    ];
    for (status, problem, extra, request) in rows {
        let response = denied_as(&gateway, &backend, (status, problem), problem, &request);
        let pairs = challenge(&response);
        assert_eq!(pairs[0].0, "realm", "{problem}");
        assert!(pairs[0].1.starts_with("http://app.example.com"), "{problem}: {pairs:?}");
        let content_type = response.field("Content-Type").unwrap_or_default();
        assert!(content_type.starts_with("application/x-www-form-urlencoded"), "{problem}: {content_type}");
        let body: Vec<(String, String)> = crate::support::percent::pairs(response.text().trim())
            .into_iter()
            .map(|(name, value)| (String::from_utf8(name).unwrap(), String::from_utf8(value).unwrap()))
            .collect();
        assert_eq!(pairs[1..], body, "{problem}: the same pairs without the realm");
        if let Some(extra) = extra {
            assert!(response.pair(extra).is_some_and(|value| !value.is_empty()), "{problem}: {body:?}");
        }
        // Code alone: no advice, no base string.
        assert!(
            response.pair("oauth_problem_advice").is_none() && response.pair("oauth_signature_base_string").is_none(),
            "{body:?}"
        );
    }
    let absent = gateway.ask(&by_reporting().without("oauth_nonce").without("oauth_timestamp"));
    let mut names: Vec<String> = absent.pair("oauth_parameters_absent").unwrap().split('&').map(str::to_owned).collect();
    names.sort();
    assert_eq!(names, ["oauth_nonce", "oauth_timestamp"]);
    backend.assert_untouched();
}

#[test]
fn what_is_rejected_is_sent_back_in_pairs_without_secrets() {
    let backend = Backend::start();
    let acting = Consumer::new("reporting", &RSA_2048).with("two_legged: { impersonation: true }");
    let gateway = Gateway::builder().upstream(&backend).consumer(acting).setting("limits: { parameters: 100 }").start();
    let doubled = |name: &str| by_reporting().also(name, "one").also(name, "two");
    // Each name and value is encoded by itself, and the whole once more where it is sent.
    let rows: Vec<(Option<&str>, Signing)> = vec![
        (Some("oauth_nonce=a&oauth_nonce=b"), by_reporting().nonce("a").also("oauth_nonce", "b")),
        (Some("oauth_nonce=a&oauth_nonce=b"), by_reporting().nonce("b").also_in(Place::Query, "oauth_nonce", "a")),
        (Some("oauth_callback=one&oauth_callback=two"), doubled("oauth_callback")),
        (
            Some("oauth_nonce=a&oauth_nonce=b&oauth_version=1.0&oauth_version=2"),
            by_reporting().nonce("a").also("oauth_nonce", "b").also("oauth_version", "2"),
        ),
        (Some("oauth_timestamp=%2B1%26%20%C3%A9"), by_reporting().timestamp("+1& é")),
        (Some("oauth_nonce="), by_reporting().nonce("")),
        (Some("oauth_consumer_key="), by_reporting().set("oauth_consumer_key", "")),
        (Some("user_id=anna&user_id=bert"), by_reporting().get("/x?user_id=bert&user_id=anna")),
        // Worth something to whoever reads the answer: their names alone.
        (Some("oauth_signature=&oauth_signature="), doubled("oauth_signature")),
        (Some("oauth_verifier=&oauth_verifier="), doubled("oauth_verifier")),
        (Some("oauth_token_secret=&oauth_token_secret="), doubled("oauth_token_secret")),
        (Some("oauth_token=&oauth_token="), doubled("oauth_token")),
        (Some("password="), by_reporting().also("password", "one")),
        // A value that cannot be read.
        (Some("a%20b="), by_reporting().get("/x?a%20b=%zz")),
        // No parameter can be named.
        (None, by_reporting().authorization(|value| value + "oauth_x")),
        (None, by_reporting().line("Authorization: OAuth oauth_nonce=\"a\"")),
        (None, by_reporting().get(&format!("/x?{}", "a&".repeat(100)))),
    ];
    for (expected, request) in rows {
        let what = expected.unwrap_or("nothing");
        let response = denied_as(&gateway, &backend, (400, "parameter_rejected"), what, &request);
        let expected = expected.map(str::to_owned);
        assert_eq!(response.pair("oauth_parameters_rejected"), expected, "{}", response.text());
        let challenged = challenge(&response).into_iter().find(|(name, _)| name == "oauth_parameters_rejected");
        assert_eq!(challenged.map(|(_, value)| value), expected);
        let all = format!("{:?} {}", response.fields, response.text());
        assert!(expected.is_some_and(|pairs| pairs.contains("one")) || !all.contains("one"), "{what}: {all}");
    }
    let plain = gateway.ask(&by_reporting().nonce("a").also("oauth_nonce", "b"));
    assert_eq!(plain.text(), "oauth_problem=parameter_rejected&oauth_parameters_rejected=oauth_nonce%3Da%26oauth_nonce%3Db");
    let many = (0..60).fold(by_reporting(), |request, _| request.also("oauth_nonce", &"é".repeat(60)));
    let response = denied_as(&gateway, &backend, (400, "parameter_rejected"), "many", &many);
    let sent = response.pair("oauth_parameters_rejected").unwrap();
    assert!((500..=1024).contains(&sent.len()) && sent.split('&').count() > 1, "{sent}");
    assert!(response.field("WWW-Authenticate").unwrap().len() < 4096);
    backend.assert_untouched();
}

#[test]
fn without_credentials_there_is_a_bare_challenge() {
    let backend = Backend::start();
    let gateway = gateway(&backend);
    let callback = request().get("/callback?oauth_token=a&oauth_verifier=b");
    for request in
        [request().get("/x"), request().post("/x").body("text/plain", "abc"), callback, request().get("/x?oauth_nonce=1")]
    {
        let response = denied(&gateway, &backend, "no credentials", &request);
        assert_eq!(response.status, 401);
        let pairs = challenge(&response);
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        assert_eq!(pairs[0].0, "realm");
        assert!(response.problem().is_none(), "{}", response.text());
    }
    let other_scheme = request().get("/x").line("Authorization: Basic YTpi");
    assert_eq!(challenge(&denied(&gateway, &backend, "Basic", &other_scheme)).len(), 1);
    backend.assert_untouched();
}

#[test]
fn what_is_forbidden_is_403_without_a_challenge() {
    let backend = Backend::start();
    let gateway = gateway(&backend);
    let rows = [
        ("a denied route", by_reporting().get("/denied")),
        ("a denied route, unsigned", request().get("/denied")),
        ("outside its allow list", signed("confined", &RSA_2048_OTHER).get("/admin")),
        ("from elsewhere", signed("elsewhere", &RSA_2048_OTHER)),
    ];
    for (what, request) in rows {
        let response = denied_as(&gateway, &backend, (403, "permission_denied"), what, &request);
        assert!(response.field("WWW-Authenticate").is_none(), "{what}");
    }
    // Without a token, where only tokens are allowed: another request of this consumer may pass, so there is a challenge.
    let tokenless = signed("three-legged", &RSA_2048_OTHER);
    let response = denied_as(&gateway, &backend, (401, "permission_denied"), "two-legged", &tokenless);
    assert_eq!(challenge(&response)[1], ("oauth_problem".to_owned(), "permission_denied".to_owned()));
    // A forger is not told what the consumer may do.
    let forged = signed("confined", &RSA_2048_OTHER).get("/admin").signature("AAAA");
    denied_as(&gateway, &backend, (401, "signature_invalid"), "forged", &forged);
    backend.assert_untouched();
}

#[test]
fn sizes_and_codings_have_http_statuses_and_no_challenge() {
    let backend = Backend::start();
    let gateway = gateway(&backend);
    let form = || by_reporting().post("/x").line("Content-Type: application/x-www-form-urlencoded");
    let rows: Vec<(u16, &str, Vec<u8>)> = vec![
        (413, "form", form().line("Content-Length: 1048577").bytes()),
        (
            413,
            "hashed body",
            by_reporting()
                .set("oauth_body_hash", &STANDARD.encode([0; 20]))
                .post("/x")
                .line("Content-Type: a/b")
                .line("Content-Length: 1048577")
                .bytes(),
        ),
        (414, "target", by_reporting().get(&format!("/{}", "x".repeat(8 * 1024))).bytes()),
        (431, "header", by_reporting().line(&format!("X-A: {}", "x".repeat(32 * 1024))).bytes()),
        (415, "coding", form().line("Content-Encoding: gzip").line("Content-Length: 3").bytes()),
        (501, "transfer coding", by_reporting().post("/x").line("Transfer-Encoding: gzip, chunked").bytes()),
        (501, "method", by_reporting().method("FOO").bytes()),
    ];
    for (status, what, bytes) in rows {
        let response = gateway.ask_raw(bytes);
        assert_eq!(response.status, status, "{what}");
        assert!(response.field("WWW-Authenticate").is_none(), "{what}");
    }
    backend.assert_untouched();
}

#[test]
fn what_is_revealed_is_configured_for_all_or_for_one() {
    let backend = Backend::start();
    let open = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("quiet", &RSA_2048).with("refusals: { reveal: code }"))
        .consumer(Consumer::new("talkative", &RSA_2048).with("refusals: { reveal: base_string }"))
        .setting("refusals: { reveal: diagnosis }")
        .start();
    let ask = |key: &str| {
        let request = signed(key, &RSA_2048).get("/x?a=1").signed_target("/x?a=2");
        let base = request.base_string().replace("a%3D2", "a%3D1");
        (denied_as(&open, &backend, (401, "signature_invalid"), key, &request), base)
    };
    let (told, _) = ask("reporting");
    assert!(told.pair("oauth_problem_advice").is_some_and(|advice| advice.len() > 10), "{}", told.text());
    assert!(told.pair("oauth_signature_base_string").is_none());
    let (told, _) = ask("quiet");
    assert!(told.pair("oauth_problem_advice").is_none() && told.pair("oauth_signature_base_string").is_none(), "{}", told.text());
    let (told, base) = ask("talkative");
    assert_eq!(told.pair("oauth_signature_base_string"), Some(base));
    assert!(told.pair("oauth_problem_advice").is_some());
}
