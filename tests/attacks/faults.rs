//! G, row 44: a backend in trouble.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Backend, Gateway, Wire, by_reporting, eventually, response};

fn in_front_of(backend: &Backend) -> Gateway {
    Gateway::builder().upstream(backend).setting("timeouts: { response: 1s, connect: 1s }").start()
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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway = Gateway::builder().upstream_setting(&format!("http://{address}")).start();
    for _ in 0..10 {
        let response = gateway.ask(&by_reporting().get("/x"));
        assert_eq!(response.status, 502);
        assert!(response.field("WWW-Authenticate").is_none());
        assert!(!response.text().contains(&address.to_string()), "the backend's address is nobody's business");
    }
    let Ok(listener) = TcpListener::bind(address) else {
        println!("not run to its end: another program took the port meanwhile");
        return;
    };
    let _backend = Backend::listening(listener, echo);
    eventually("the gateway finds the backend again", || (gateway.ask(&by_reporting().get("/x")).status == 200).then_some(()));
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
    let gateway = in_front_of(&backend);
    assert_eq!(gateway.ask(&by_reporting().get("/hang")).status, 504);
    assert_eq!(gateway.ask(&by_reporting().post("/hang").form("a=1")).status, 504);
    assert_eq!(gateway.ask(&by_reporting().get("/x")).status, 200);
    let hung = backend.requests().iter().filter(|request| request.target == "/hang").count();
    assert_eq!(hung, 2, "a request that hung was sent again");
    backend.wait("the hanging connections are given up", |records| {
        (records.iter().filter(|record| record.end.is_some()).count() >= 2).then_some(())
    });
}

#[test]
fn g44_an_answer_cut_in_the_middle_never_looks_complete() {
    type Cut = fn(&mut Wire);
    let cuts: [(&str, Cut); 4] = [
        ("end at half the length", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        }),
        ("reset at half the length", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            wire.reset();
        }),
        ("end between two chunks", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        }),
        ("hang in the middle", |wire| {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            wire.until_closed();
        }),
    ];
    for (what, cut) in cuts {
        let backend = Backend::scripted(move |wire| {
            if wire.request().is_some() {
                cut(wire);
            }
        });
        let gateway = in_front_of(&backend);
        let mut client = gateway.client();
        client.send(by_reporting().get("/cut").bytes());
        if let Some(answer) = client.try_response() {
            assert!(matches!(answer.status, 502 | 504), "{what}: {} {}", answer.status, answer.text());
        }
        assert_eq!(backend.requests().len(), 1, "{what}");
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
    let gateway = in_front_of(&backend);
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
    let mut targets: Vec<String> = backend.requests().into_iter().map(|request| request.target).collect();
    let delivered = targets.len();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), delivered, "some order was delivered twice");
}

#[test]
fn g44_pooled_connections_that_the_backend_closes_harm_nobody() {
    // Ends each connection after one answer, without saying so.
    let backend = Backend::scripted(|wire| {
        if let Some(request) = wire.request() {
            wire.send(&response(200, &[], request.target.as_bytes()));
        }
    });
    let gateway = in_front_of(&backend);
    for number in 0..50 {
        let target = format!("/x/{number}");
        let got = gateway.ask(&by_reporting().get(&target));
        assert_eq!((got.status, got.text()), (200, target));
    }
    let mut refused = 0;
    for number in 0..50 {
        let target = format!("/order/{number}");
        let got = gateway.ask(&by_reporting().post(&target).body("text/plain", "buy"));
        // The end may come while the order is on its way; then nobody knows, and it is not sent again.
        refused += usize::from(got.status == 502);
        assert!(matches!(got.status, 200 | 502), "{target}: {}", got.status);
        std::thread::sleep(Duration::from_millis(2));
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
            std::thread::sleep(Duration::from_millis(200));
            wire.send(b"x");
        }
    });
    // Two seconds in all, and never as long as one between two pieces.
    let gateway = in_front_of(&backend);
    let response = gateway.ask(&by_reporting().get("/slow"));
    assert_eq!((response.status, response.text().as_str()), (200, "xxxxxxxxxx"));
}
