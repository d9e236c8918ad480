//! What the access log says of what never became a request, and how long its lines can get.

use serde_json::{Value, json};

use crate::support::{Backend, Gateway, by_reporting, request, signed};

/// Access lines are no diagnostics: the quietest level keeps them.
const QUIET: &str = "log: { level: error }";

#[test]
fn a_head_that_is_refused_before_it_is_a_request_has_its_access_line() {
    let backend = Backend::start();
    // 128 KiB, so that a target too long for the parser is reached before the head is too long.
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { header: 128KiB }").start();
    let long_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {}\r\n\r\n", "x".repeat(140 * 1024));
    let many_lines = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(200));
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000));
    let heads: [(&str, &str, Option<u16>); 8] = [
        ("a raw <", "GET /<x> HTTP/1.1\r\nHost: a\r\n\r\n", Some(400)),
        ("a TLS hello", "\u{16}\u{3}\u{1}\0\0\0", Some(400)),
        ("a NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX-A: \0\r\n\r\n", Some(400)),
        ("another version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", Some(400)),
        ("a long head", &long_head, Some(431)),
        ("many lines", &many_lines, Some(431)),
        ("a long target", &long_target, Some(414)),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
    ];
    for (number, (what, head, status)) in heads.into_iter().enumerate() {
        let peer = format!("127.0.10.{}", number + 1);
        let mut client = gateway.client_from(&peer);
        client.send(head);
        let answered = client.try_response().map(|answer| answer.status);
        assert_eq!(answered, status, "{what}");
        let line = gateway.wait_for_access(what, |line| line["peer"] == *peer);
        assert_eq!(line["verdict"], "bad_head", "{what}: {line}");
        assert_eq!(line["status"], json!(status), "{what}: {line}");
        assert_eq!((&line["method"], &line["path"], &line["consumer"]), (&Value::Null, &Value::Null, &Value::Null), "{line}");
        assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{what}: {line}");
        assert!(line["request_id"].as_str().is_some_and(|id| id.len() == 30), "{what}: {line}");
    }
    backend.assert_untouched();
}

#[test]
fn a_bad_head_behind_a_good_request_has_a_line_of_its_own() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(QUIET).start_silent();
    let mut client = gateway.client_from("127.0.10.20");
    assert_eq!(client.ask(by_reporting().get("/good").bytes()).status, 200);
    assert_eq!(client.ask("GET /<x> HTTP/1.1\r\nHost: a\r\n\r\n").status, 400);
    gateway.wait_for_access("the bad head", |line| line["verdict"] == "bad_head" && line["peer"] == "127.0.10.20");
    let verdicts: Vec<Value> = gateway.access_log().into_iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(verdicts, ["admitted", "bad_head"]);
}

#[test]
fn a_head_that_stops_coming_has_its_access_line_and_a_silent_connection_has_none() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { header: 4s, idle: 4s }").start();
    let [first, only] = ["/first", "/only"].map(|path| by_reporting().get(path).bytes());
    let mut silent = gateway.client_from("127.0.10.30");
    let mut slow = gateway.client_from("127.0.10.31");
    slow.send("GET / HTTP/1.1\r\nHo");
    let mut second = gateway.client_from("127.0.10.32");
    assert_eq!(second.ask(first).status, 200);
    second.send("G");
    let mut idle = gateway.client_from("127.0.10.33");
    assert_eq!(idle.ask(only).status, 200);
    for client in [&mut silent, &mut slow, &mut second, &mut idle] {
        assert_eq!(client.until_closed(), b"");
    }
    for peer in ["127.0.10.31", "127.0.10.32"] {
        let line = gateway.wait_for_access(peer, |line| line["peer"] == peer && line["verdict"] == "head_timeout");
        assert_eq!((&line["status"], &line["method"], &line["path"]), (&Value::Null, &Value::Null, &Value::Null), "{line}");
        assert!(line["reason"].as_str().unwrap().contains("timeouts.header (4 s)"), "{line}");
    }
    // Two requests and two slow heads: the silent and the idle connection add nothing.
    gateway.ask(&request().get("/last"));
    gateway.wait_for_access("the last", |line| line["path"] == "/last");
    assert_eq!(gateway.access_log().len(), 5, "{:#?}", gateway.access_log());
}

#[test]
fn a_form_that_is_refused_before_it_is_read_has_the_consumer_that_its_header_claims() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { signed_body: 1KiB }").start();
    let long = format!("a={}", "x".repeat(2000));
    assert_eq!(gateway.ask(&by_reporting().post("/long").form(&long)).status, 413);
    let line = gateway.wait_for_access("the form", |line| line["path"] == "/long");
    assert_eq!((&line["verdict"], &line["consumer"]), (&json!("body_too_large"), &json!("reporting")), "{line}");
    backend.assert_untouched();
}

#[test]
fn a_request_without_credentials_is_told_from_one_with_anothers() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for (path, request, reason) in [
        ("/none", request(), "carries no OAuth credentials"),
        ("/basic", request().line("Authorization: Basic YTpi"), "is of another scheme than OAuth"),
    ] {
        assert_eq!(gateway.ask(&request.get(path)).status, 401);
        let line = gateway.wait_for_access(path, |line| line["path"] == path);
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
    }
    backend.assert_untouched();
}

#[test]
fn no_value_of_the_client_makes_a_line_long() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { target: 16KiB }").start();
    let long = "k".repeat(10_000);
    let key = signed(&long, &crate::support::RSA_2048);
    let rows = [
        ("a key in the header", key.clone().get("/key")),
        ("a key in the query", key.get("/query").in_place(crate::support::Place::Query)),
        ("a path", by_reporting().get(&format!("/{long}"))),
        ("a method of signing", by_reporting().get("/method").set("oauth_signature_method", &long)),
        ("a parameter's name", by_reporting().get(&format!("/name?%zz{long}=1"))),
        ("a parameter in the header", by_reporting().get("/own").also(&format!("x{long}"), "1")),
        (
            "a repeated parameter",
            by_reporting().get("/twice").also(&format!("oauth_{long}"), "1").also(&format!("oauth_{long}"), "1"),
        ),
    ];
    let count = rows.len();
    for (what, request) in rows {
        let status = gateway.ask(&request).status;
        assert!(status == 200 || (400..500).contains(&status), "{what}: {status}");
    }
    crate::support::eventually("a line for each", || (gateway.access_log().len() == count).then_some(()));
    for line in gateway.lines() {
        assert!(line.len() < 2048, "{} bytes: {}…", line.len(), line.chars().take(300).collect::<String>());
    }
}

#[test]
fn a_signature_in_the_log_would_be_found_in_either_spelling() {
    let header = String::from_utf8(by_reporting().get("/").bytes()).unwrap();
    let (_, rest) = header.split_once("oauth_signature=\"").unwrap();
    let encoded = rest.split_once('"').unwrap().0;
    let plain = encoded.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    let lines = |signature: &str| [format!("{{\"path\":\"/\",\"reason\":\"oauth_signature={signature}\"}}")];
    assert!(crate::support::secrets::told_in(&lines(encoded)).is_some(), "{encoded}");
    assert!(crate::support::secrets::told_in(&lines(&plain[..60])).is_some(), "a piece of {plain}");
    assert!(crate::support::secrets::told_in(&lines(&"A".repeat(172))).is_none(), "another text");
}

#[test]
#[should_panic(expected = "a file tells what nobody may know")]
fn a_signature_in_a_file_of_the_state_would_be_found_at_the_end() {
    let gateway = Gateway::in_front_of(&Backend::start());
    std::fs::write(gateway.folder().join("state/left-behind"), by_reporting().get("/").bytes()).unwrap();
}
