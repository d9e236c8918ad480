//! The JSON API: who may use it, and which requests are none.

use serde_json::{Value, json};

use crate::browser::Site;
use crate::program::{JSON, Program};
use crate::support::{Client, RSA_2048_OTHER};

const ALL: &str = "/api/v1/consumers";
const CHECK: &str = "/api/v1/keys/check";

fn start() -> (Site, Program) {
    let site = Site::with_ada();
    let program = Program::at(&site);
    (site, program)
}

/// Every operation that is described, with a path that fits.
fn operations(program: &Program) -> Vec<(String, String)> {
    let paths = program.description()["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (path, method)));
    let operations = methods.filter(|(_, method)| *method != "parameters");
    operations.map(|(path, method)| (method.to_uppercase(), path.replace("{key}", "reporting"))).collect()
}

#[test]
fn nobody_comes_in_without_a_known_token() {
    let (site, program) = start();
    let consumers = std::fs::read(site.gateway.consumers_file()).unwrap();
    let other = program.token().replace("cst_", "cst_x");
    for authorization in
        [None, Some("Bearer cst_x".to_owned()), Some(format!("Bearer {other}")), Some(format!("Basic {}", program.token()))]
    {
        for (method, path) in operations(&program).iter().filter(|(_, path)| path != "/openapi.json") {
            let headers: Vec<_> =
                [JSON].into_iter().chain(authorization.as_deref().map(|value| ("authorization", value))).collect();
            let refused = program.send_without_token(method, path, &headers, "{}");
            assert_eq!(
                (refused.status, &refused.json["code"]),
                (401, &json!("not_signed_in")),
                "{method} {path} {authorization:?}"
            );
            assert_eq!(refused.response.field("www-authenticate"), Some("Bearer realm=\"countersign admin\""));
        }
    }
    assert_eq!(std::fs::read(site.gateway.consumers_file()).unwrap(), consumers);
    assert_eq!(program.get(ALL).status, 200);
    site.admin(&["remove", "deploy"], "");
    assert_eq!(program.get(ALL).status, 401, "a token ends at once");
}

#[test]
fn every_described_operation_is_served_and_no_other() {
    let (site, program) = start();
    let described = operations(&program);
    assert!(described.len() >= 10, "{described:?}");
    let mut paths: Vec<&String> = described.iter().map(|(_, path)| path).collect();
    paths.dedup();
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            let is_described = described.contains(&(method.to_owned(), path.clone()));
            let head =
                format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n", site.address, program.token());
            let response =
                Client::connect(site.address).ask(format!("{head}content-type: application/json\r\ncontent-length: 1\r\n\r\n["));
            assert_eq!(response.status != 405, is_described, "{method} {path}: {}", response.text());
            if is_described {
                continue;
            }
            let allowed = described.iter().filter(|(_, other)| other == path).map(|(method, _)| method.as_str());
            let told = response.field("allow").unwrap_or_default().split(',').map(str::trim).filter(|method| *method != "HEAD");
            let (mut allowed, mut told): (Vec<_>, Vec<_>) = (allowed.collect(), told.collect());
            allowed.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, allowed, "{method} {path}");
        }
    }
    assert_eq!(program.get("/api/v1/nothing").json["code"], "nothing_here");
}

#[test]
fn bodies_are_json_of_bounded_size_with_nothing_unknown_in_them() {
    let (_site, program) = start();
    let sent = |headers: &[(&str, &str)], body: &str| {
        let refused = program.send("POST", CHECK, headers, body);
        (refused.status, refused.json["code"].as_str().unwrap_or("ok").to_owned())
    };
    let good = json!({ "public_key": "x" }).to_string();
    assert_eq!(sent(&[("content-type", "Application/JSON; charset=utf-8")], &good), (200, "ok".into()));
    for headers in
        [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-www-form-urlencoded")], &[JSON, JSON]]
    {
        assert_eq!(sent(headers, &good), (415, "not_json".into()), "{headers:?}");
    }
    assert_eq!(sent(&[JSON, ("content-encoding", "gzip")], &good), (415, "not_json".into()));
    for body in ["", "{", "public_key=x", "{\"public_key\":\"x\"} x", "{'public_key':'x'}", "\u{feff}{}"] {
        assert_eq!(sent(&[JSON], body), (400, "bad_json".into()), "{body}");
    }
    for body in [
        json!({}),
        json!([]),
        json!(["x"]),
        json!("x"),
        json!(null),
        json!({ "public_key": 1 }),
        json!({ "public_key": null }),
        json!({ "public_key": "x", "Public_key": "x" }),
    ] {
        assert_eq!(sent(&[JSON], &body.to_string()), (422, "invalid".into()), "{body}");
    }
    assert_eq!(sent(&[JSON], r#"{ "public_key": "x", "public_key": "y" }"#), (422, "invalid".into()));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(sent(&[JSON], &format!("{{\"public_key\":{deep}}}")).0 / 100, 4);

    let large = |bytes: usize| json!({ "public_key": "x".repeat(bytes) }).to_string();
    assert_eq!(sent(&[JSON], &large(1024 * 1024)), (413, "too_large".into()));
    assert_eq!(sent(&[JSON], &large(1_000_000)).0, 200);
}

#[test]
fn unknown_members_are_named_together_with_those_that_are_known() {
    let (_site, program) = start();
    for body in [
        json!({ "key": "a", "nome": "n" }),
        json!({ "key": "a", "two_legged": { "nome": true } }),
        json!({ "allow": [{ "nome": 1 }] }),
    ] {
        let refused = program.post(ALL, &body);
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(refused.status == 422 && detail.contains("unknown field `nome`, expected"), "{detail}");
    }
    for (body, words) in [
        (json!({ "name": "n" }), "`key` is missing"),
        (json!({ "key": "a", "name": "n", "public_key": "x", "public_keys": [] }), "send one of the two"),
        (json!({ "key": "a", "allow": [{ "path": "/", "methods": [] }] }), "leave it out for all methods"),
    ] {
        let refused = program.post(ALL, &body);
        assert!(refused.status == 422 && refused.json["detail"].as_str().unwrap().contains(words), "{}", refused.json);
    }
}

#[test]
fn a_session_changes_something_from_its_own_pages_and_with_its_token_only() {
    let (site, _) = start();
    let (mut browser, mut stranger) = (site.signed_in(), site.signed_in());
    let (csrf, others) = (browser.session_csrf(), stranger.session_csrf());
    let body = json!({ "key": "invoices", "name": "n", "public_key": RSA_2048_OTHER.public_pem }).to_string();
    let (own, evil) = (format!("http://{}", site.address), "http://evil.example");
    let own_page = [("origin", &*own), ("sec-fetch-site", "same-origin"), JSON];
    let mut code = |headers: &[(&str, &str)]| {
        let response = browser.send("POST", ALL, headers, &body);
        let json: Value = serde_json::from_slice(&response.body).unwrap();
        assert!(response.fields.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("access-control")), "{response:?}");
        (response.status, json["code"].as_str().unwrap_or_default().to_owned())
    };
    for elsewhere in [
        &[("origin", evil)][..],
        &[("origin", evil), ("sec-fetch-site", "cross-site")],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-site")],
    ] {
        let headers = [elsewhere, &[JSON, ("x-csrf-token", &*csrf)]].concat();
        assert_eq!(code(&headers), (403, "other_origin".into()), "{elsewhere:?}");
    }
    assert_eq!(code(&own_page), (403, "no_csrf_token".into()));
    assert_eq!(code(&[JSON]), (403, "no_csrf_token".into()), "a program with a session's cookie and nothing else");
    for wrong in ["", "x", &others] {
        assert_eq!(code(&[&own_page[..], &[("x-csrf-token", wrong)]].concat()), (403, "no_csrf_token".into()), "{wrong}");
    }
    assert_eq!(
        code(&[&own_page[..], &[("x-csrf-token", &csrf), ("x-csrf-token", &csrf)]].concat()),
        (403, "no_csrf_token".into())
    );
    let unknown_token = [&own_page[..], &[("x-csrf-token", &*csrf), ("authorization", "Bearer cst_x")]].concat();
    assert_eq!(code(&unknown_token), (401, "not_signed_in".into()), "a wrong token is not made good by a cookie");
    assert_eq!(code(&[&own_page[..], &[("x-csrf-token", &*csrf)]].concat()).0, 201);
    let line = site.wait_for_audit("add_consumer", "done");
    assert_eq!((&line["who"], &line["by"]), (&json!("ada"), &json!("page")));
    assert_eq!(browser.get(ALL).status, 200, "to read takes no token");
}

#[test]
fn another_sites_page_may_not_ask_and_is_told_nothing() {
    let (site, program) = start();
    let preflight = format!(
        "OPTIONS {ALL} HTTP/1.1\r\nhost: {}\r\norigin: http://evil.example\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: authorization,content-type\r\n\r\n",
        site.address
    );
    let refused = Client::connect(site.address).ask(preflight);
    assert_eq!(refused.status, 403);
    let read = program.send("GET", ALL, &[("origin", "http://evil.example")], "");
    for response in [refused, read.response] {
        assert!(response.fields.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("access-control")), "{response:?}");
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.field("cross-origin-resource-policy"), Some("same-origin"));
    }
}

#[test]
fn the_public_listener_has_no_api() {
    let (site, program) = start();
    let head =
        format!("GET {ALL} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n", site.gateway.address(), program.token());
    let response = site.gateway.ask_raw(head);
    assert_eq!(response.status, 401);
    assert!(!response.text().contains("reporting"), "{}", response.text());
}
