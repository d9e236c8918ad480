//! Connections on both sides, and what passes over them.

use std::time::Duration;

use crate::support::{Backend, Gateway, by_reporting, request, response};

#[test]
fn connections_are_kept_on_both_sides() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("threads: 1").start();
    let mut client = gateway.client();
    for number in 0..100 {
        let request =
            if number % 2 == 0 { by_reporting() } else { by_reporting().post("/x").body("text/plain", "abc").chunked(2) };
        assert_eq!(client.ask(request.bytes()).status, 200);
    }
    assert_eq!(backend.requests().len(), 100);
    assert!(backend.connections() <= 2, "{} connections for one request after the other", backend.connections());
}

#[test]
fn refusals_keep_the_connection_too() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    for _ in 0..10 {
        assert_eq!(client.ask(by_reporting().signature("AAAA").bytes()).status, 401);
        assert_eq!(client.ask(request().bytes()).status, 401);
        assert_eq!(client.ask(by_reporting().bytes()).status, 200);
    }
}

#[test]
fn a_refusal_closes_the_connection_only_where_the_body_was_not_read() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    for _ in 0..2 {
        let refused = client.ask(by_reporting().post("/form").form("a=1").signature("AAAA").bytes());
        assert_eq!((refused.status, refused.field("Connection")), (401, None), "its form was read");
    }
    let refused = client.ask(by_reporting().post("/text").body("text/plain", "abc").signature("AAAA").bytes());
    assert_eq!((refused.status, refused.field("Connection")), (401, Some("close")), "its body was not");
    assert_eq!(client.until_closed(), b"");
    backend.assert_untouched();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = Backend::answering(|request| response(200, &[], request.target.as_bytes()));
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let all: Vec<u8> = (0..10).flat_map(|number| by_reporting().get(&format!("/{number}")).bytes()).collect();
    client.send(all);
    for number in 0..10 {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
}

#[test]
fn connection_close_is_obeyed_on_both_sides() {
    let backend = Backend::answering(|_| response(200, &[("Connection", "close")], b"ok"));
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    for _ in 0..3 {
        let answer = client.ask(by_reporting().bytes());
        assert_eq!(answer.status, 200);
        // The backend's wish concerns the backend's connection.
        assert!(answer.values("Connection").is_empty(), "{:?}", answer.fields);
    }
    assert_eq!(client.ask(by_reporting().line("Connection: close").bytes()).status, 200);
    assert_eq!(client.until_closed(), b"");
}

#[test]
fn an_old_client_is_answered_and_its_connection_closed() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let old = String::from_utf8(by_reporting().bytes()).unwrap().replacen("HTTP/1.1", "HTTP/1.0", 1);
    let answer = client.ask(old);
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(client.until_closed(), b"");
    assert_eq!(backend.only_request().field("Host"), Some("app.example.com"));
}

#[test]
fn head_204_and_304_have_no_body_and_keep_their_headers() {
    let backend = Backend::answering(|request| match request.target.as_str() {
        "/head" => b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"x\"\r\n\r\n".to_vec(),
        "/204" => b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 12345\r\n\r\n".to_vec(),
        _ => response(200, &[], b"ok"),
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let head = client.ask(by_reporting().method("HEAD").target("/head").bytes());
    assert_eq!((head.status, head.field("Content-Length"), head.field("ETag")), (200, Some("12345"), Some("\"x\"")));
    let nothing = client.ask(by_reporting().get("/204").bytes());
    assert_eq!((nothing.status, nothing.field("X-A"), nothing.field("Content-Length")), (204, Some("1"), None));
    let unchanged = client.ask(by_reporting().get("/304").bytes());
    assert_eq!((unchanged.status, unchanged.field("ETag")), (304, Some("\"x\"")));
    assert_eq!(client.ask(by_reporting().bytes()).text(), "ok", "the connection is still in step");
    let refused = client.ask(request().method("HEAD").bytes());
    assert_eq!(refused.status, 401);
    assert_eq!(client.ask(by_reporting().bytes()).text(), "ok", "after a refused HEAD too");
}

#[test]
fn statuses_and_reasons_of_the_application_are_its_own() {
    let backend = Backend::answering(|request| {
        let status = request.target[1..].parse().unwrap();
        response(status, &[("WWW-Authenticate", "Basic realm=\"app\""), ("X-App", "1")], b"said the application")
    });
    let gateway = Gateway::in_front_of(&backend);
    for status in [200, 201, 302, 400, 401, 403, 404, 418, 429, 500, 502, 503, 599] {
        let answer = gateway.ask(&by_reporting().get(&format!("/{status}")));
        assert_eq!((answer.status, answer.text().as_str()), (status, "said the application"));
        assert_eq!((answer.field("WWW-Authenticate"), answer.field("X-App")), (Some("Basic realm=\"app\""), Some("1")));
    }
}

#[test]
fn continue_is_said_only_after_the_verdict() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let head = by_reporting().post("/x").line("Content-Type: text/plain").line("Content-Length: 5").line("Expect: 100-continue");
    client.send(head.bytes());
    let going_on = client.take(b"HTTP/1.1 100 Continue\r\n\r\n".len());
    assert!(going_on.starts_with(b"HTTP/1.1 100"), "{}", going_on.escape_ascii());
    client.send("hello");
    assert_eq!(client.response().status, 200);
    assert_eq!(backend.only_request().text(), "hello");

    let mut stranger = gateway.client();
    let head = request().post("/x").line("Content-Length: 5").line("Expect: 100-continue");
    let answer = stranger.ask(head.bytes());
    assert_eq!((answer.status, answer.informational.len()), (401, 0));
    // A held form is asked for as well: its client would wait for ever.
    let mut form = gateway.client();
    let bytes = by_reporting().post("/x").form("a=1").line("Expect: 100-continue").bytes();
    form.send(&bytes[..bytes.len() - 3]);
    assert!(form.take(25).starts_with(b"HTTP/1.1 100"));
    form.send(&bytes[bytes.len() - 3..]);
    assert_eq!(form.response().status, 200);
}

#[test]
fn a_websocket_becomes_a_tunnel() {
    let backend = Backend::scripted(|wire| {
        let request = wire.request().unwrap();
        assert_eq!(request.field("Upgrade"), Some("websocket"));
        assert!(request.field("Connection").unwrap().to_ascii_lowercase().contains("upgrade"));
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\nfirst");
        wire.until_closed();
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let upgrade = by_reporting().get("/socket?x=1").line("Connection: keep-alive, Upgrade").line("Upgrade: websocket");
    let answer = client.ask(upgrade.line("Sec-WebSocket-Key: x").line("Sec-WebSocket-Version: 13").bytes());
    assert_eq!(
        (answer.status, answer.field("Upgrade"), answer.field("Sec-WebSocket-Accept")),
        (101, Some("websocket"), Some("y"))
    );
    assert_eq!(client.take(5), b"first");
    client.send(b"\0\x01 anything \xff");
    backend.wait("the client's bytes arrive", |records| records[0].bytes.ends_with(b"\0\x01 anything \xff").then_some(()));
    client.finish();
    backend.wait("the client's end arrives", |records| records[0].end);
}

#[test]
fn a_tunnel_passes_large_data_both_ways_and_both_ends() {
    const SIZE: usize = 4 * 1024 * 1024;
    let backend = Backend::scripted(|wire| {
        let head = wire.request().map(|_| ());
        assert!(head.is_some());
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        wire.send(&vec![b'd'; SIZE]);
        wire.finish();
        wire.until_closed();
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let upgrade = by_reporting().get("/socket").line("Connection: Upgrade").line("Upgrade: websocket");
    assert_eq!(client.ask(upgrade.bytes()).status, 101);
    assert_eq!(client.take(SIZE), vec![b'd'; SIZE]);
    client.send(vec![b'u'; SIZE]);
    client.finish();
    backend.wait("all of it arrives", |records| (records[0].bytes.len() > SIZE && records[0].end.is_some()).then_some(()));
}

#[test]
fn a_slow_answer_is_passed_on_as_it_comes() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        // Goes on only when the client has said, by another connection, that it got the first part.
        std::thread::sleep(Duration::from_millis(300));
        wire.send(b"6\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n");
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    let answer = client.ask(by_reporting().line("TE: trailers").bytes());
    assert_eq!((answer.status, answer.text().as_str()), (200, "firstsecond"));
}
