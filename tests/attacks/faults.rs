//! A backend in trouble.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::support::{Backend, Gateway, Wire, by_reporting, eventually, response};

/// A gateway that does not wait for long; it waits long enough for a backend that answers on a busy machine.
fn impatient_in_front_of(backend: &Backend) -> Gateway {
    Gateway::builder().upstream(backend).setting("timeouts: { response: 4s }").start()
}

/// The access line of a request.
#[track_caller]
fn told(gateway: &Gateway, path: &str) -> serde_json::Value {
    gateway.wait_for_access(path, |line| line["path"] == path)
}

fn echo(wire: &mut Wire) {
    while let Some(request) = wire.request() {
        if !wire.send(&response(200, &[], request.target.as_bytes())) {
            return;
        }
    }
}

#[test]
fn g44_a_backend_that_refuses_is_502_and_heals() {
    // Bound, so that nobody else gets the port, and not listening, so that connections are refused.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let gateway = Gateway::builder().upstream_setting(&format!("http://{address}")).start();
    for _ in 0..10 {
        let response = gateway.ask(&by_reporting().get("/x"));
        assert_eq!(response.status, 502);
        assert!(response.field("WWW-Authenticate").is_none());
        assert!(!response.text().contains(&address.to_string()), "the backend's address is nobody's business");
    }
    let line = told(&gateway, "/x");
    assert_eq!((&line["verdict"], &line["status"]), (&"upstream_unreachable".into(), &502.into()), "{line}");
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains(&address.to_string()) && reason.contains("refused"), "the operator is told which and why: {reason}");
    socket.listen(16).unwrap();
    let _backend = Backend::listening(socket.into(), echo);
    eventually("the gateway finds the backend again", || (gateway.ask(&by_reporting().get("/x")).status == 200).then_some(()));
}

#[test]
fn g44_a_backend_that_takes_no_connection_is_502_after_the_time_for_connecting() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // Nobody accepts: when the backlog is full, the system answers no further SYN.
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the backlog never fills");
    }
    let upstream = format!("http://{address}");
    let gateway = Gateway::builder().upstream_setting(&upstream).setting("timeouts: { connect: 1s, response: 25s }").start();
    let answer = gateway.ask(&by_reporting().post("/x").body("a/b", "abc"));
    assert_eq!(answer.status, 502);
    let line = told(&gateway, "/x");
    assert_eq!((&line["verdict"], &line["status"]), (&"upstream_unreachable".into(), &502.into()), "{line}");
    assert!(line["reason"].as_str().unwrap().contains("no connection within 1 s"), "{line}");
}

#[test]
fn g44_a_backend_that_hangs_is_504() {
    let backend = Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            if request.target == "/hang" {
                wire.until_closed();
                return;
            }
            wire.send(&response(200, &[], b"ok"));
        }
    });
    let gateway = impatient_in_front_of(&backend);
    assert_eq!(gateway.ask(&by_reporting().get("/hang")).status, 504);
    assert_eq!(gateway.ask(&by_reporting().post("/hang").form("a=1")).status, 504);
    assert_eq!(gateway.ask(&by_reporting().get("/x")).status, 200);
    let line = told(&gateway, "/hang");
    assert_eq!((&line["verdict"], &line["status"]), (&"upstream_timeout".into(), &504.into()), "{line}");
    assert!(line["reason"].as_str().unwrap().contains("timeouts.response (4 s)"), "{line}");
    let hung = backend.requests().iter().filter(|request| request.target == "/hang").count();
    assert_eq!(hung, 2, "a request that hung was sent again");
    backend.wait("the hanging connections are given up", |records| {
        (records.iter().filter(|record| record.end.is_some()).count() >= 2).then_some(())
    });
}

#[test]
fn g44_an_answer_cut_in_the_middle_never_looks_complete() {
    type Cut = fn(&mut Wire);
    let cuts: [(&str, &str, Cut); 4] = [
        ("end at half the length", "broke off", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        }),
        ("reset at half the length", "broke off", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            wire.reset();
        }),
        ("end between two chunks", "broke off", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        }),
        ("hang in the middle", "stopped coming", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            wire.until_closed();
        }),
    ];
    for (what, reason, cut) in cuts {
        let backend = Backend::scripted(move |wire| {
            if wire.request().is_some() {
                cut(wire);
            }
        });
        let gateway = impatient_in_front_of(&backend);
        let mut client = gateway.client();
        client.send(by_reporting().get("/cut").bytes());
        if let Some(answer) = client.try_response() {
            assert!(matches!(answer.status, 502 | 504), "{what}: {} {}", answer.status, answer.text());
        }
        assert_eq!(backend.requests().len(), 1, "{what}");
        let line = told(&gateway, "/cut");
        assert!(line["reason"].as_str().unwrap().contains(&format!("the backend's answer {reason}")), "{what}: {line}");
    }
}

#[test]
fn g44_no_post_is_delivered_twice() {
    // Every second connection takes a request and ends without an answer, in each way that there is.
    let backend = Backend::scripted(|wire| {
        let fault = wire.number % 4;
        while let Some(request) = wire.request() {
            match fault {
                1 => return,
                3 => return wire.reset(),
                _ => {
                    wire.send(&response(200, &[("Connection", "close")], request.target.as_bytes()));
                }
            }
            if fault == 2 {
                return;
            }
        }
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut answered = 0;
    for number in 0..60 {
        let target = format!("/order/{number}");
        let response = gateway.ask(&by_reporting().post(&target).body("text/plain", "buy"));
        match response.status {
            200 => answered += 1,
            502 => {}
            other => panic!("{target}: {other}"),
        }
    }
    assert!(answered >= 20, "only {answered} of 60 got through");
    let line = gateway.wait_for_access("an order that was lost", |line| line["status"] == 502);
    assert_eq!(line["verdict"], "upstream_broken", "{line}");
    assert!(line["reason"].as_str().unwrap().starts_with("the backend did not answer properly: "), "{line}");
    let mut targets: Vec<String> = backend.requests().into_iter().map(|request| request.target).collect();
    let delivered = targets.len();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), delivered, "some order was delivered twice");
}

#[test]
fn g44_pooled_connections_that_the_backend_closes_harm_nobody() {
    // Ends each connection after one answer, without saying so.
    let ended = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ended);
    let backend = Backend::scripted(move |wire| {
        if let Some(request) = wire.request() {
            wire.send(&response(200, &[], request.target.as_bytes()));
        }
        wire.finish();
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let gateway = Gateway::in_front_of(&backend);
    for number in 0..50 {
        let target = format!("/x/{number}");
        let got = gateway.ask(&by_reporting().get(&target));
        assert_eq!((got.status, got.text()), (200, target));
    }
    let mut refused = 0;
    for number in 0..50 {
        let target = format!("/order/{number}");
        let got = gateway.ask(&by_reporting().post(&target).body("text/plain", "buy"));
        // The end may be noticed while the order is on its way; then nobody knows, and it is not sent again.
        refused += usize::from(got.status == 502);
        assert!(matches!(got.status, 200 | 502), "{target}: {}", got.status);
        eventually("the backend has ended the connection", || {
            (ended.load(Ordering::SeqCst) == backend.connections()).then_some(())
        });
    }
    assert!(refused < 25, "{refused} of 50 orders met a dead connection");
    let mut orders: Vec<String> = backend.requests().into_iter().map(|r| r.target).filter(|t| t.starts_with("/order")).collect();
    let delivered = orders.len();
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), delivered, "some order was delivered twice");
}

#[test]
fn g44_a_slow_answer_passes_as_long_as_something_comes() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(500));
            wire.send(b"x");
        }
    });
    // Five seconds in all, and never as long as four between two pieces.
    let gateway = impatient_in_front_of(&backend);
    let response = gateway.ask(&by_reporting().get("/slow"));
    assert_eq!((response.status, response.text().as_str()), (200, "xxxxxxxxxx"));
}
