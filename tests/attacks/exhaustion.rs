//! Exhaustion, in short form for HTTP/1.1.

use std::time::{Duration, Instant};

use crate::denied;
use crate::support::wait::DEADLINE;
use crate::support::{Backend, Consumer, Gateway, Place, RSA_1024, RSA_1024_OTHER, by_reporting, eventually, response, signed};

/// Short to wait for, and long enough for who does nothing wrong on a busy machine.
const SHORT: &str = "timeouts: { header: 3s, body: 3s, idle: 3s, response: 10s, connect: 3s }";

/// A good client's request while others misbehave; it must not have to wait for their end.
#[track_caller]
fn a_good_client_is_served(gateway: &Gateway) {
    assert_eq!(gateway.ask(&by_reporting().get("/good")).status, 200);
}

#[test]
fn f38_a_head_that_never_comes_or_never_ends_is_given_up() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(SHORT).start();
    let bytes = by_reporting().get("/slow").bytes();
    let mut silent = gateway.client();
    let mut half = gateway.client();
    half.send(&bytes[..40]);
    let mut dripping = gateway.client();
    let start = Instant::now();
    // A byte at a time, each well within any time between two bytes: it is the whole head that has a deadline.
    for byte in bytes.iter().cycle().take(2000).filter(|byte| **byte != b'\n') {
        if !dripping.send([*byte]) || dripping.is_closed() {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "a dripped head is waited for");
    }
    a_good_client_is_served(&gateway);
    for (what, client) in [("silent", &mut silent), ("half a head", &mut half), ("dripping", &mut dripping)] {
        let last = String::from_utf8_lossy(&client.until_closed()).into_owned();
        assert!(last.is_empty() || last.starts_with("HTTP/1.1 4"), "{what}: {last}");
    }
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn f38_an_idle_connection_is_closed() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(SHORT).start();
    let request = by_reporting().bytes();
    let mut client = gateway.client();
    assert_eq!(client.ask(request).status, 200);
    assert_eq!(client.until_closed(), b"");
    a_good_client_is_served(&gateway);
}

#[test]
fn f38_a_body_that_stalls_is_given_up() {
    let backend = Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            wire.send(&response(200, &[], request.target.as_bytes()));
        }
    });
    let gateway = Gateway::builder().upstream(&backend).setting(SHORT).start();
    let stalls = [
        by_reporting().post("/stream").line("Content-Type: text/plain").line("Content-Length: 1000"),
        by_reporting()
            .post("/held")
            .in_place(Place::Query)
            .line("Content-Type: application/x-www-form-urlencoded")
            .line("Content-Length: 1000"),
    ];
    for request in stalls {
        let head = request.bytes();
        let mut client = gateway.client();
        client.send(head);
        client.send("a=1");
        a_good_client_is_served(&gateway);
        let last = String::from_utf8_lossy(&client.until_closed()).into_owned();
        assert!(last.starts_with("HTTP/1.1 408"), "it is not the backend's fault: {last}");
    }
    let told = |target: &str| gateway.wait_for_access(target, |line| line["path"] == target)["verdict"].clone();
    assert_eq!((told("/stream"), told("/held")), ("body_timeout".into(), "body_timeout".into()));
    assert!(backend.requests().iter().all(|request| request.target == "/good"), "a stalled body became a complete message");
}

#[test]
fn f38_a_client_that_does_not_read_is_given_up() {
    let backend = Backend::scripted(|wire| {
        while let Some(request) = wire.request() {
            if request.target == "/good" {
                wire.send(&response(200, &[], b"ok"));
                continue;
            }
            wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
            while wire.send(&chunk) {}
            // Shows the test that the gateway hung up.
            wire.until_closed();
            return;
        }
    });
    let gateway = Gateway::builder().upstream(&backend).setting(SHORT).start();
    let before = gateway.resident_kib();
    let request = by_reporting().get("/endless").bytes();
    let mut client = gateway.client();
    client.send(request);
    backend.wait("the gateway gives the slow reader up", |records| records.first()?.end);
    a_good_client_is_served(&gateway);
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 50 * 1024, "what was not read is held: {grown} KiB");
}

#[test]
fn f38_a_backend_that_does_not_read_fills_no_memory() {
    let backend = Backend::scripted(|wire| {
        wire.head();
        std::thread::sleep(Duration::from_secs(2));
    });
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { body: 1s, response: 10s }").start();
    let before = gateway.resident_kib();
    let mut client = gateway.client();
    client.send(by_reporting().post("/up").line("Content-Type: a/b").line("Content-Length: 500000000").bytes());
    let part = vec![b'x'; 1_000_000];
    let sent = (0..500).take_while(|_| client.send(&part)).count();
    assert!(sent < 100, "{sent} MB were taken from the client, and nobody read them");
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 30 * 1024, "memory grew by {grown} KiB");
}

#[test]
fn f38_hundreds_of_silent_connections_keep_nobody_out() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(SHORT).start();
    let mut silent: Vec<_> = (0..400).map(|number| gateway.client_from(&format!("127.0.4.{}", 1 + number % 4))).collect();
    for _ in 0..20 {
        a_good_client_is_served(&gateway);
    }
    for client in &mut silent {
        client.until_closed();
    }
    a_good_client_is_served(&gateway);
}

#[test]
fn f38_one_address_has_no_more_connections_than_its_share() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { connections_per_address: 10 }").start();
    let mut many: Vec<_> = (0..30).map(|_| gateway.client_from("127.0.5.1")).collect();
    let mut served = 0;
    for client in &mut many {
        client.send(by_reporting().get("/x").bytes());
        match client.try_response() {
            Some(answer) if answer.status == 200 => served += 1,
            Some(answer) => assert!(matches!(answer.status, 429 | 503), "{}", answer.status),
            None => {}
        }
    }
    assert_eq!(served, 10);
    let mut other = gateway.client_from("127.0.5.2");
    assert_eq!(other.ask(by_reporting().get("/x").bytes()).status, 200);
    let line = gateway.wait_for_line("limits.connections_per_address");
    assert!(line.contains("\"WARN\"") && line.contains("127.0.5.1"), "{line}");
    // Its places are free again once its connections are gone.
    drop(many);
    eventually("a place is free again", || {
        let mut again = gateway.client_from("127.0.5.1");
        again.send(by_reporting().get("/x").bytes());
        again.try_response().filter(|answer| answer.status == 200)
    });
}

#[test]
fn f38_there_are_no_more_connections_than_the_limit_and_the_operator_is_told() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { connections: 10 }").start();
    let mut many: Vec<_> = (1..=30).map(|number| gateway.client_from(&format!("127.0.6.{number}"))).collect();
    let mut served = 0;
    for client in &mut many {
        client.send(by_reporting().get("/x").bytes());
        served += usize::from(client.try_response().is_some_and(|answer| answer.status == 200));
    }
    assert_eq!(served, 10);
    // Each of the others is in some line, and there is no line for each.
    let told = eventually("the twenty others are told", || {
        let lines = gateway.lines().into_iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
        let told: Vec<u64> =
            lines.filter(|line| line["limit"] == "limits.connections").filter_map(|line| line["closed"].as_u64()).collect();
        (told.iter().sum::<u64>() == 20).then_some(told)
    });
    assert!(told.len() <= 10, "{told:?}");
    gateway.wait_for_line("\"allowed\":10");
    drop(many);
    eventually("there is room again", || {
        let mut again = gateway.client();
        again.send(by_reporting().get("/x").bytes());
        again.try_response().filter(|answer| answer.status == 200)
    });
}

#[test]
fn f40_a_large_form_is_refused_without_being_held() {
    const LENGTH: usize = 100 * 1024 * 1024;
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    a_good_client_is_served(&gateway);
    let before = gateway.resident_kib();
    let post = || by_reporting().post("/x").line("Content-Type: application/x-www-form-urlencoded");
    let declared = denied(&gateway, &backend, "by its length", &post().line(&format!("Content-Length: {LENGTH}")));
    assert_eq!(declared.status, 413);

    let mut client = gateway.client();
    client.send(post().line("Transfer-Encoding: chunked").bytes());
    let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
    let mut sent = 0;
    while sent < LENGTH && client.send(&chunk) {
        sent += 0x10000;
        if client.waiting(Duration::from_millis(1)) > 0 {
            break;
        }
    }
    if let Some(answer) = client.try_response() {
        assert_eq!(answer.status, 413);
    }
    assert!(sent < LENGTH / 4, "{sent} bytes of a refused form were taken");
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 20 * 1024, "memory grew by {grown} KiB");
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn f40_many_forms_at_once_share_a_bounded_memory() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { signed_body: 1MiB, held_bodies: 4MiB }").start();
    let before = gateway.resident_kib();
    let body = format!("a={}", "b".repeat(1024 * 1024 - 2));
    let mut clients: Vec<_> = (0..12).map(|_| gateway.client()).collect();
    for client in &mut clients {
        let bytes = by_reporting().post("/x").form(&body).bytes();
        client.send(&bytes[..bytes.len() - 1]);
    }
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 40 * 1024, "memory grew by {grown} KiB");
    let statuses: Vec<Option<u16>> = clients
        .iter_mut()
        .map(|client| {
            client.send("b");
            let answer = client.try_response()?;
            assert_eq!(answer.status == 503, answer.field("Retry-After").is_some(), "{:?}", answer.fields);
            Some(answer.status)
        })
        .collect();
    assert!(statuses.contains(&Some(200)) && statuses.contains(&Some(503)), "{statuses:?}");
    let line = gateway.wait_for_access("one of those without room", |line| line["status"] == 503);
    assert_eq!(line["verdict"], "held_bodies_full", "{line}");
    assert!(line["reason"].as_str().unwrap().contains("limits.held_bodies (4194304 bytes)"), "{line}");
    // And it is given back.
    for _ in 0..8 {
        assert_eq!(gateway.ask(&by_reporting().post("/x").form(&body)).status, 200);
    }
}

#[test]
fn f40_a_full_nonce_table_is_said_and_nothing_in_it_is_given_up() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("one", &RSA_1024))
        .consumer(Consumer::new("two", &RSA_1024_OTHER))
        .setting("limits: { nonces: 1000, nonces_per_consumer: 100% }")
        .start();
    let mut client = gateway.client();
    let first = signed("one", &RSA_1024);
    assert_eq!(client.ask(first.bytes()).status, 200);
    for _ in 1..1000 {
        assert_eq!(client.ask(signed("one", &RSA_1024).bytes()).status, 200);
    }
    for (consumer, key) in [("one", &RSA_1024), ("two", &RSA_1024_OTHER)] {
        let beyond = client.ask(signed(consumer, key).get("/beyond").bytes());
        assert_eq!((beyond.status, beyond.field("Retry-After").is_some()), (503, true), "{consumer}");
        let line = gateway.wait_for_access(consumer, |line| line["path"] == "/beyond" && line["consumer"] == consumer);
        assert_eq!((&line["verdict"], &line["status"]), (&"nonce_table_full".into(), &503.into()), "{line}");
        assert!(line["reason"].as_str().unwrap().contains("limits.nonces (1000)"), "{line}");
    }
    let replayed = client.ask(first.bytes());
    assert_eq!((replayed.status, replayed.problem().as_deref()), (401, Some("nonce_used")));
    assert_eq!(backend.requests().len(), 1000);
}

#[test]
fn f40_a_hundred_thousand_parameters_are_refused() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let form = "a=1&".repeat(100_000);
    let many = denied(&gateway, &backend, "in the form", &by_reporting().post("/x").form(&form));
    assert!(matches!(many.status, 400 | 413), "{}", many.status);
    let fitting = vec!["a=1"; 9_000].join("&");
    crate::admitted(&gateway, "9,000 of them", &by_reporting().post("/x").form(&fitting));
}

#[test]
fn f40_without_descriptors_it_neither_spins_nor_dies_and_recovers() {
    let backend = Backend::start();
    let mut gateway = Gateway::in_front_of(&backend);
    a_good_client_is_served(&gateway);
    let limited = std::process::Command::new("prlimit").args(["--nofile=64:64", "--pid", &gateway.pid().to_string()]).status();
    assert!(limited.unwrap().success());
    let many: Vec<_> = (0..200).map(|_| gateway.client()).collect();
    let before = gateway.processor_ticks();
    std::thread::sleep(Duration::from_secs(1));
    // A hundred ticks a second and core: an accept loop that spins takes all of one.
    let spent = gateway.processor_ticks() - before;
    assert!(spent < 50, "{spent} ticks spent on nothing");
    assert!(gateway.is_running());
    drop(many);
    eventually("it serves again", || {
        let mut client = gateway.client();
        client.send(by_reporting().get("/x").bytes());
        client.try_response().filter(|answer| answer.status == 200)
    });
}
