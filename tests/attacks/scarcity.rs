//! What the system no longer gives: descriptors and memory.

use std::process::Command;

use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_1024_OTHER, Signing, eventually, response, signed};

fn by_one(target: &str) -> Signing {
    signed("one", &RSA_1024).get(target)
}

/// A backend that makes the gateway open a connection for each request.
fn never_keeps_a_connection() -> Backend {
    Backend::scripted(|wire| {
        if wire.request().is_some() {
            wire.send(&response(200, &[("Connection", "close")], b"ok"));
            wire.finish();
            wire.until_closed();
        }
    })
}

/// Sets a limit of the running gateway, such as `nofile=64:`; without a number behind the colon it can be raised again.
fn set_limit(gateway: &Gateway, limit: &str) {
    let pid = gateway.pid().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, &format!("--{limit}")]).status().unwrap().success());
}

#[test]
fn f40_a_request_that_finds_no_descriptor_is_answered_and_a_reload_that_finds_none_is_made_up_for() {
    let backend = never_keeps_a_connection();
    let one = Consumer::new("one", &RSA_1024);
    let gateway = Gateway::builder().upstream(&backend).consumer(one.clone()).start();
    let mut client = gateway.client();
    assert_eq!(client.ask(by_one("/before").bytes()).status, 200);
    backend.wait("the connection to the backend is over", |records| records.first()?.end);
    let arrived = backend.byte_count();
    // Descriptors below the limit may be free, so the lowest number that is not in use sets it.
    set_limit(&gateway, &format!("nofile={}:", first_free(&gateway)));

    for _ in 0..20 {
        let answer = client.ask(by_one("/without").bytes());
        assert!(matches!(answer.status, 502 | 503), "{} {}", answer.status, answer.text());
    }
    assert_eq!(backend.byte_count(), arrived);
    let line = gateway.wait_for_access("what the operator reads", |line| line["path"] == "/without");
    assert!(line["reason"].as_str().unwrap().contains("Too many open files"), "{line}");
    gateway.write_consumers(&Consumer::file(&[one, Consumer::new("two", &RSA_1024_OTHER)]));
    gateway.wait_for_line("the consumers can't be read");
    let before = gateway.processor_ticks();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let spent = gateway.processor_ticks() - before;
    assert!(spent < 50, "{spent} ticks of 100 spent on nothing");

    set_limit(&gateway, "nofile=1024:");
    assert_eq!(client.ask(by_one("/after").bytes()).status, 200);
    eventually("the list that could not be read is in force", || {
        (gateway.ask(&signed("two", &RSA_1024_OTHER)).status == 200).then_some(())
    });
}

/// What the limits allow has to fit: a gateway that asks for more memory than there is ends, and takes everybody with it.
#[test]
fn f40_with_little_memory_it_lives_through_all_that_its_limits_let_in() {
    let backend = never_keeps_a_connection();
    let limits = "limits: { connections: 300, signed_body: 1MiB, held_bodies: 8MiB, parameters: 1000, nonces: 10000 }";
    let builder = Gateway::builder().upstream(&backend).consumer(Consumer::new("one", &RSA_1024)).setting(limits);
    // A debug build takes 15 MiB, each of the 160 connections two buffers of 64 KiB, and what is held at most twice its bytes while it
    // grows: 51 MiB. Without the limits the floods alone would take 160 MiB.
    let mut gateway = builder.through(&["prlimit", &format!("--data={}", 80 * 1024 * 1024)]).start();
    for _ in 0..2 {
        let mut answered = 0;
        let mut clients: Vec<_> = (0..160).map(|number| gateway.client_from(&address(number))).collect();
        for (client, flood) in clients.iter_mut().zip(FLOODS.iter().cycle()) {
            client.send((flood.bytes)());
        }
        for (client, flood) in clients.iter_mut().zip(FLOODS.iter().cycle()) {
            client.finish();
            let end = client.try_response_to("POST").map(|answer| answer.status);
            // What is still coming when a refused connection is closed resets it, and may take the answer with it: the gateway
            // reads on for two seconds, and this client takes its answers when all have sent.
            assert!(end.is_none_or(|status| flood.ends.contains(&status)), "{}: {end:?}", flood.what);
            answered += usize::from(end.is_some());
        }
        assert!(answered > 0, "nobody was answered");
        assert_eq!(gateway.ask(&by_one("/good")).status, 200);
    }
    assert!(gateway.is_running());
    assert_eq!(backend.requests().len(), 2);
}

/// What fills memory, and what becomes of it.
struct Flood {
    what: &'static str,
    bytes: fn() -> Vec<u8>,
    /// The statuses that it may be answered with.
    ends: &'static [u16],
}

const FLOODS: [Flood; 4] = [
    Flood {
        what: "a form of 1 MiB that is never whole",
        bytes: || form_of(&vec![b'x'; 1024 * 1024 - 1], 1024 * 1024),
        ends: &[400, 503],
    },
    Flood { what: "a form of 100 MiB", bytes: || form_of(&vec![b'x'; 2 * 1024 * 1024], 100 * 1024 * 1024), ends: &[413] },
    Flood { what: "a head of 1 MiB", bytes: || [b"GET / HTTP/1.1\r\nX: ", &vec![b'x'; 1024 * 1024][..]].concat(), ends: &[431] },
    Flood { what: "100,000 parameters", bytes: || form_of("a=1&".repeat(100_000).as_bytes(), 400_000), ends: &[400, 503] },
];

fn form_of(begun: &[u8], length: usize) -> Vec<u8> {
    let head = signed("one", &RSA_1024).post("/form").line("Content-Type: application/x-www-form-urlencoded");
    [&head.line(&format!("Content-Length: {length}")).bytes()[..], begun].concat()
}

/// Shares of one address are not what is tested here.
fn address(number: usize) -> String {
    format!("127.0.7.{}", 1 + number % 200)
}

/// The lowest number that no descriptor has for long: one that is open just for a moment, such as that of a file that is looked at,
/// is not in use in all of the looks.
fn first_free(gateway: &Gateway) -> usize {
    let is_free = |number: &usize| !std::path::Path::new(&format!("/proc/{}/fd/{number}", gateway.pid())).exists();
    let look = |_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        (0..).find(is_free)
    };
    (0..30).filter_map(look).min().unwrap()
}
