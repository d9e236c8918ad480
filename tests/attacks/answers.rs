//! Answers that are none, that are too many, or that open a tunnel.

use crate::denied_bytes;
use crate::framing::SMUGGLED;
use crate::support::{Backend, Gateway, by_reporting, response};

#[test]
fn e36_what_a_backend_says_too_much_is_given_to_nobody() {
    type Answer = fn(&str) -> Vec<u8>;
    let misbehaviours: [(&str, Answer); 5] = [
        ("a second response", |own| [response(200, &[], own.as_bytes()), response(200, &[], b"SECOND")].concat()),
        ("extra bytes", |own| [&response(200, &[], own.as_bytes())[..], b"EXTRA EXTRA"].concat()),
        ("half a response more", |own| [&response(200, &[], own.as_bytes())[..], b"HTTP/1.1 200 SECOND\r\nContent-"].concat()),
        ("a body where there is none", |_| b"HTTP/1.1 204 No Content\r\n\r\nSECOND".to_vec()),
        ("1xx before and after", |own| {
            let early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(3);
            [&early[..], &response(200, &[], own.as_bytes()), &early].concat()
        }),
    ];
    for (what, answer) in misbehaviours {
        let backend = Backend::answering(move |request| answer(&request.target));
        let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 5s }").start();
        let mut clients = [gateway.client(), gateway.client()];
        for number in 0..40 {
            let target = format!("/own/{number}");
            let response = clients[number % 2].ask(by_reporting().get(&target).bytes());
            let own = response.status == 200 && response.text() == target;
            let nothing = response.status == 204 && response.body.is_empty();
            assert!(own || nothing || response.status == 502, "{what} {number}: {} {}", response.status, response.text());
        }
        // Many of them got through: a gateway that answers 502 to everything is not what is asked for.
        assert!(backend.requests().len() >= 20, "{what}");
    }
}

#[test]
fn e36_a_flood_of_1xx_and_a_short_body_end_as_failures() {
    let backend = Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            match request.target.as_str() {
                "/flood" => while wire.send(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)) {},
                "/short" => {
                    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
                    return;
                }
                "/cut-chunks" => {
                    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n");
                    return;
                }
                "/garbage" => {
                    wire.send(b"\0\0\0SSH-2.0-OpenSSH\r\n\r\n");
                    return;
                }
                "/long-head" => {
                    wire.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(10_000_000)).as_bytes());
                    return;
                }
                own => {
                    wire.send(&response(200, &[], own.as_bytes()));
                }
            }
        }
    });
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 4s }").start();
    for target in ["/flood", "/garbage", "/long-head"] {
        let response = gateway.ask(&by_reporting().get(target));
        assert!(matches!(response.status, 502 | 504), "{target}: {}", response.status);
        let line = gateway.wait_for_access(target, |line| line["path"] == target);
        let verdict = if response.status == 502 { "upstream_broken" } else { "upstream_timeout" };
        assert_eq!((&line["verdict"], &line["status"]), (&verdict.into(), &response.status.into()), "{line}");
        assert!(line["reason"].as_str().unwrap().starts_with("the backend did not answer "), "{line}");
    }
    for target in ["/short", "/cut-chunks"] {
        let mut client = gateway.client();
        client.send(by_reporting().get(target).bytes());
        if let Some(response) = client.try_response() {
            assert_eq!(response.status, 502, "{target}: a cut answer looks complete: {}", response.text());
        }
        let line = gateway.wait_for_access(target, |line| line["path"] == target);
        assert!(line["reason"].as_str().unwrap().starts_with("the backend's answer broke off: "), "{line}");
    }
    for number in 0..5 {
        let target = format!("/fine/{number}");
        assert_eq!(gateway.ask(&by_reporting().get(&target)).text(), target, "afterwards all is well");
    }
}

#[test]
fn e36_an_upgrade_is_a_tunnel_only_after_the_backends_101() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let upgrade =
        by_reporting().get("/socket").line("Connection: Upgrade").line("Upgrade: websocket").line("Sec-WebSocket-Key: x");
    let mut client = gateway.client();
    client.send([&upgrade.bytes()[..], b"GET /smuggled HTTP/1.1\r\nHost: app.example.com\r\n\r\n"].concat());
    assert_eq!(client.response().status, 200, "the backend did not upgrade");
    if let Some(second) = client.try_response() {
        assert_eq!(second.status, 401, "what follows is a request like any other");
    }
    assert_eq!(backend.requests().len(), 1);
    assert!(!String::from_utf8_lossy(&backend.bytes()).contains(SMUGGLED));
    let unsigned = "GET /socket HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(denied_bytes(&gateway, &backend, "unsigned upgrade", unsigned.as_bytes()).status, 401);
    for upgrade in ["h2c", "HTTP/2.0", "TLS/1.0"] {
        let request = by_reporting().get("/x").line("Connection: Upgrade, HTTP2-Settings").line(&format!("Upgrade: {upgrade}"));
        let response = gateway.ask(&request.line("HTTP2-Settings: AAMAAABkAAQAAP__"));
        assert!(response.status == 200 || (400..502).contains(&response.status), "{upgrade}: {}", response.status);
        assert!(!String::from_utf8_lossy(&backend.bytes()).to_lowercase().contains("http2-settings"), "{upgrade}");
    }
}

#[test]
fn e36_a_101_that_nobody_asked_for_opens_nothing() {
    let backend = Backend::scripted(|wire| {
        while wire.request().is_some() {
            wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        }
        wire.until_closed();
    });
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 2s }").start();
    let other = by_reporting().get("/x").line("Connection: Upgrade").line("Upgrade: something-else");
    for request in [by_reporting().get("/x"), by_reporting().post("/x").body("a/b", "abc"), other] {
        let mut client = gateway.client();
        client.send(request.bytes());
        client.send(format!("GET {SMUGGLED} HTTP/1.1\r\nHost: app.example.com\r\n\r\n"));
        let answer = client.response();
        assert!(matches!(answer.status, 502 | 504), "{}", answer.status);
        assert!(!String::from_utf8_lossy(&backend.bytes()).contains(SMUGGLED));
    }
}

#[test]
fn e36_an_upgrade_with_a_body_is_no_way_around() {
    // The bytes behind the head are the body's to its length, and the tunnel's only after the 101.
    let backend = Backend::scripted(|wire| {
        if let Some(request) = wire.request() {
            assert!(request.text().is_empty() || request.text() == "abc");
            wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        }
        wire.until_closed();
    });
    let gateway = Gateway::in_front_of(&backend);
    let upgrade = by_reporting().post("/socket").body("a/b", "abc").line("Connection: Upgrade").line("Upgrade: websocket");
    let answer = gateway.ask(&upgrade);
    assert!(answer.status == 101 || (400..600).contains(&answer.status), "{}", answer.status);
    for record in backend.records() {
        assert!(crate::support::message::requests(&record.bytes).is_ok(), "{}", record.bytes.escape_ascii());
    }
}

#[test]
fn e36_an_answer_with_two_framings_reaches_nobody_in_two_pieces() {
    let answers: [(&str, &[u8]); 8] = [
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nabcHTTP/1.1 200 SECOND\r\n\r\n"),
        ("a length that is none", b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"),
        ("length and coding", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("a coding within", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("a coding last", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("a bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
        ("a bare CR in a header", b"HTTP/1.1 200 OK\r\nX-A: 1\rSet-Cookie: evil=1\r\nContent-Length: 3\r\n\r\nabc"),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ];
    for (what, answer) in answers {
        let backend = Backend::scripted(move |wire| {
            if wire.request().is_some() {
                wire.send(answer);
            }
        });
        let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 20s }").start();
        let mut client = gateway.client();
        client.send(by_reporting().get("/x").bytes());
        client.send(by_reporting().get("/y").bytes());
        // The strict parser of these tests has to make sense of whatever comes.
        if let Some(first) = client.try_response() {
            assert!(matches!(first.status, 200 | 502), "{what}: {}", first.status);
            let body_ends_with_the_connection = what == "a coding last";
            let whole = first.text().starts_with("abc") || body_ends_with_the_connection;
            assert!(first.status == 502 || whole, "{what}: {}", first.text());
            assert!(first.field("Set-Cookie").is_none(), "{what}");
        }
        if let Some(second) = client.try_response() {
            assert!(matches!(second.status, 200 | 502) && !second.text().contains("SECOND"), "{what}: {}", second.text());
        }
    }
}
