//! Start, end, and what is written down meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Backend, Consumer, Gateway, RSA_2048, by_reporting, eventually, request, response, signed};

#[test]
fn sigterm_finishes_what_is_in_flight_and_exits_0() {
    let released = Arc::new(AtomicBool::new(false));
    let waits_for = Arc::clone(&released);
    let backend = Backend::scripted(move |wire| {
        while let Some(request) = wire.request() {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
            while request.target == "/slow" && !waits_for.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
            wire.send(b"-last");
        }
    });
    let mut gateway = Gateway::in_front_of(&backend);
    let mut idle = gateway.client();
    assert_eq!(idle.ask(by_reporting().bytes()).status, 200);
    let mut busy: Vec<_> = (0..20).map(|_| gateway.client()).collect();
    for client in &mut busy {
        client.send(by_reporting().get("/slow").bytes());
    }
    backend.wait("all are in flight", |records| {
        let count = records.iter().filter(|record| record.bytes.windows(5).any(|five| five == b"/slow")).count();
        (count == 20).then_some(())
    });
    gateway.signal("TERM");
    // The idle one is closed at once, before the slow ones are done.
    assert_eq!(idle.until_closed(), b"");
    assert!(gateway.is_running());
    released.store(true, Ordering::SeqCst);
    for client in &mut busy {
        let answer = client.response();
        assert_eq!((answer.status, answer.text().as_str()), (200, "first-last"));
    }
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    for client in &mut busy {
        assert_eq!(client.until_closed(), b"");
    }
}

#[test]
fn a_drain_ends_even_if_a_request_does_not() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.until_closed();
    });
    let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { drain: 1s }").start();
    let mut client = gateway.client();
    client.send(by_reporting().get("/never").bytes());
    backend.wait("it is in flight", |records| (!records.is_empty() && !records[0].bytes.is_empty()).then_some(()));
    gateway.signal("TERM");
    gateway.wait_for_exit();
    client.until_closed();
}

#[test]
fn two_gateways_do_not_share_a_state_directory() {
    let backend = Backend::start();
    let first = Gateway::in_front_of(&backend);
    let state = first.folder().join("state");
    let (status, said) =
        Gateway::builder().upstream(&backend).setting(&format!("state_directory: {}", state.display())).start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&state.display().to_string()), "{said}");
    assert_eq!(first.ask(&by_reporting()).status, 200, "the first one goes on");
}

#[test]
fn access_log_lines_have_their_keys_and_no_secret() {
    let backend = Backend::answering(|_| response(200, &[], b"twelve bytes"));
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("reporting", &RSA_2048).with("two_legged: { execute_as: jdoe }"))
        .route("{ path: /open, access: open }")
        .setting("log: { level: trace }")
        .start();
    let good = by_reporting().get("/rest?token=query-secret").nonce("nonce-of-the-good-one");
    assert_eq!(gateway.client_from("127.0.9.9").ask(good.bytes()).status, 200);
    let forged = by_reporting().get("/forged").nonce("nonce-of-the-forged-one").signed_target("/other");
    assert_eq!(gateway.ask(&forged).status, 401);
    assert_eq!(
        gateway
            .ask(&request().get("/open").line("Authorization: Basic c2VjcmV0").line("Cookie: JSESSIONID=cookie-secret"))
            .status,
        200
    );
    assert_eq!(
        gateway.ask(&signed("nobody\r\n{\"verdict\":\"forged\"}\u{1b}[31m\u{2028}", &RSA_2048).get("/line")).status / 100,
        4
    );
    assert_eq!(gateway.ask(&request().get("/rest/%0d%0a").line("User-Agent: a\u{2028}[31m")).status, 401);

    let line = gateway.wait_for_access("the good one", |line| line["path"] == "/rest");
    let keys: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = "time request_id peer method path status consumer user verdict reason gateway_us upstream_us bytes_out";
    assert_eq!(keys, wanted.split(' ').collect());
    assert_eq!(line["method"], "GET");
    assert_eq!(line["status"], 200);
    assert_eq!(line["verdict"], "admitted");
    assert_eq!((line["consumer"].as_str(), line["user"].as_str()), (Some("reporting"), Some("jdoe")));
    assert_eq!(line["bytes_out"], 12);
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.9.9"), "{line}");
    assert!(line["gateway_us"].is_u64() && line["upstream_us"].is_u64(), "{line}");
    let sent = backend.requests();
    let ids: Vec<&str> = sent.iter().filter_map(|request| request.field("X-Request-Id")).collect();
    assert!(ids.contains(&line["request_id"].as_str().unwrap()), "the id in the log is the backend's");

    let line = gateway.wait_for_access("the forged one", |line| line["path"] == "/forged");
    assert_eq!((line["verdict"].as_str(), line["status"].as_u64()), (Some("signature_invalid"), Some(401)));
    assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
    assert!(line["consumer"].is_null() || line["consumer"] == "reporting", "{line}");
    let line = gateway.wait_for_access("the open one", |line| line["path"] == "/open");
    assert_eq!((line["verdict"].as_str(), line["consumer"].is_null()), (Some("anonymous"), true));
    gateway.wait_for_access("the odd path", |line| line["path"] == "/rest/%0d%0a");
    eventually("five lines", || (gateway.access_log().len() == 5).then_some(()));

    let all = gateway.lines().join("\n");
    let signatures = [good.signature_bytes(), forged.signature_bytes()].map(|bytes| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    });
    for secret in
        signatures.iter().map(String::as_str).chain(["query-secret", "cookie-secret", "c2VjcmV0", "oauth_signature=\\\""])
    {
        let start = &secret[..secret.len().min(40)];
        assert!(!all.contains(start), "{start} is in the log");
        assert!(!all.contains(&crate::support::percent::encode(start)) || !start.contains(['+', '/']), "{start} is in the log");
    }
    assert!(!all.contains(['\u{1b}', '\u{2028}', '\r']), "control characters in the log");
    for line in gateway.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "not one record: {line}");
    }
}

#[test]
fn a_tunnel_ends_with_the_drain() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        wire.until_closed();
    });
    let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { drain: 1s }").start();
    let mut client = gateway.client();
    let upgrade = by_reporting().line("Connection: Upgrade").line("Upgrade: websocket");
    assert_eq!(client.ask(upgrade.bytes()).status, 101);
    gateway.signal("TERM");
    client.until_closed();
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn a_client_that_went_away_is_no_success_in_the_log() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.until_closed();
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    client.send(by_reporting().get("/abandoned").bytes());
    backend.wait("the request arrives", |records| records.first().filter(|record| !record.bytes.is_empty()).map(drop));
    drop(client);
    let line = gateway.wait_for_access("the line", |line| line["path"] == "/abandoned");
    assert!(line["status"] != 200 && !line["reason"].is_null(), "nobody answered 200: {line}");
}

#[test]
fn the_log_file_is_opened_again_on_sighup() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("log: { file: access.log }").start_quietly();
    let (log, rotated) = (gateway.folder().join("access.log"), gateway.folder().join("access.log.1"));
    assert_eq!(gateway.ask(&by_reporting().get("/before")).status, 200);
    let holds = |path: &std::path::Path, text: &str| std::fs::read_to_string(path).is_ok_and(|log| log.contains(text));
    eventually("the line is written", || holds(&log, "/before").then_some(()));
    std::fs::rename(&log, &rotated).unwrap();
    gateway.signal("HUP");
    eventually("lines go to the new file", || {
        assert_eq!(gateway.ask(&by_reporting().get("/after")).status, 200);
        holds(&log, "/after").then_some(())
    });
    assert!(!holds(&log, "/before"));
}
