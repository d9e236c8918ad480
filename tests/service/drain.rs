//! The end of a gateway: what was sent before it is answered, what comes after it is the next one's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::held::Held;
use crate::manager::Manager;
use crate::support::{Backend, Client, Gateway, Signing, by_reporting, eventually, response};

/// Answers `/never` never, and anything else at once.
fn backend() -> Backend {
    slow_until(Arc::default())
}

/// As [`backend`]; answers `/slow` in two pieces, the second one when it is told to.
fn slow_until(told: Arc<AtomicBool>) -> Backend {
    Backend::scripted(move |wire| {
        while let Some(request) = wire.request() {
            match request.target.as_str() {
                "/slow" => {
                    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
                    eventually("the second piece is wanted", || told.load(SeqCst).then_some(()));
                    wire.send(b"-last");
                }
                "/never" => return wire.until_closed(),
                "/socket" => {
                    wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
                    return wire.until_closed();
                }
                _ => drop(wire.send(&response(200, &[], b"ok"))),
            }
        }
    })
}

fn wait_for(backend: &Backend, text: &str, times: usize) {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    backend.wait(text, |records| (records.iter().filter(|record| holds(&record.bytes)).count() == times).then_some(()));
}

fn upgrade() -> Signing {
    by_reporting().get("/socket").line("Connection: Upgrade").line("Upgrade: websocket")
}

#[test]
fn a_hundred_requests_in_flight_are_finished_idle_connections_are_closed_at_once() {
    let told = Arc::<AtomicBool>::default();
    let backend = slow_until(Arc::clone(&told));
    let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { drain: 60s }").start();
    let requests: Vec<Vec<u8>> = (0..100).map(|_| by_reporting().get("/slow").bytes()).collect();
    let mut idle: Vec<Client> = (0..20).map(|_| gateway.client()).collect();
    for client in &mut idle {
        assert_eq!(client.ask(by_reporting().bytes()).status, 200);
    }
    let mut busy: Vec<Client> = (0..100).map(|_| gateway.client()).collect();
    for (client, request) in busy.iter_mut().zip(requests) {
        client.send(request);
    }
    wait_for(&backend, "/slow", 100);
    gateway.signal("TERM");
    for client in &mut idle {
        assert_eq!(client.until_closed(), b"");
    }
    assert!(gateway.is_running(), "the slow ones are not done");
    eventually("nobody new comes in", || std::net::TcpStream::connect(gateway.address()).err());
    told.store(true, SeqCst);
    for client in &mut busy {
        let answer = client.response();
        assert_eq!((answer.status, answer.text().as_str()), (200, "first-last"));
        assert_eq!(client.until_closed(), b"");
    }
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    assert_eq!(gateway.count_lines("still open when the time to drain was over"), 0);
}

#[test]
fn tunnels_end_when_the_time_to_drain_is_over_and_not_before() {
    let backend = backend();
    let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { drain: 6s }").start();
    let mut tunnel = gateway.client();
    assert_eq!(tunnel.ask(upgrade().bytes()).status, 101);
    let mut idle = gateway.client();
    assert_eq!(idle.ask(by_reporting().bytes()).status, 200);
    gateway.signal("TERM");
    idle.until_closed();
    assert!(!tunnel.is_closed() && tunnel.send(b"still here"));
    wait_for(&backend, "still here", 1);
    tunnel.until_closed();
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    gateway.wait_for_line("connections were still open when the time to drain was over");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in ["TERM", "INT"] {
        let backend = backend();
        let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { drain: 1h }").start();
        let (mut idle, mut busy) = (gateway.client(), gateway.client());
        assert_eq!(idle.ask(by_reporting().bytes()).status, 200);
        busy.send(by_reporting().get("/never").bytes());
        wait_for(&backend, "/never", 1);
        gateway.signal("TERM");
        idle.until_closed();
        assert!(gateway.is_running() && !busy.is_closed());
        gateway.signal(second);
        assert_eq!(gateway.wait_for_exit().code(), Some(0), "{second}");
        gateway.wait_for_line("told again to stop");
        busy.until_closed();
    }
}

#[test]
fn a_request_whose_connection_or_head_had_begun_is_answered() {
    // Where this machine stands still in the middle, the next gateway has to show it.
    assert!((0..5).any(|_| answers_what_had_begun()), "what had begun was sent too late each time");
}

/// False: a request came so late that the gateway need not have waited for it.
fn answers_what_had_begun() -> bool {
    let backend = backend();
    let mut gateway = Gateway::builder().upstream(&backend).setting("threads: 1").start();
    let request = by_reporting().get("/begun").bytes();
    let (early, late) = request.split_at(20);
    let mut connected = gateway.client();
    let first = by_reporting().get("/connected").bytes();
    let mut first_head = gateway.client();
    first_head.send(early);
    let mut next_head = gateway.client();
    assert_eq!(next_head.ask(by_reporting().bytes()).status, 200);
    let other = by_reporting().get("/next").bytes();
    next_head.send(&other[..20]);
    // The only thread accepts in the order of arrival, so the others are in.
    let mut idle = gateway.client();
    assert_eq!(idle.ask(by_reporting().bytes()).status, 200);
    let begun = Instant::now();
    gateway.signal("TERM");
    assert_eq!(idle.until_closed(), b"");
    connected.send(first);
    // A new connection has a second for its first request; a head that has begun has more.
    if begun.elapsed() > Duration::from_millis(900) {
        return false;
    }
    first_head.send(late);
    next_head.send(&other[20..]);
    for client in [&mut first_head, &mut next_head, &mut connected] {
        let answer = client.response();
        assert_eq!((answer.status, answer.field("Connection")), (200, Some("close")));
        assert_eq!(client.until_closed(), b"");
    }
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    true
}

#[test]
fn a_connection_that_sends_nothing_does_not_hold_up_the_end() {
    let backend = backend();
    let mut gateway = Gateway::builder().upstream(&backend).setting("timeouts: { drain: 1h, header: 1h }").start();
    let mut silent = gateway.client();
    let mut idle = gateway.client();
    assert_eq!(idle.ask(by_reporting().bytes()).status, 200);
    gateway.signal("TERM");
    assert_eq!(silent.until_closed(), b"");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

/// Connections that the kernel accepts while nobody of the gateway does.
fn queued(count: usize, connect: impl Fn() -> Client) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| connect()).collect();
    for client in &mut clients {
        assert!(client.send(by_reporting().get("/queued").bytes()));
    }
    clients
}

#[test]
fn what_waits_in_the_queue_of_our_own_socket_is_answered_before_it_is_closed() {
    let backend = backend();
    let mut gateway = Gateway::builder().upstream(&backend).setting("threads: 1").start();
    let held = Held::thread(gateway.pid(), "data-0");
    // More than the thread accepts in one go, so that it hears of the end with some left.
    let mut clients = queued(120, || gateway.client());
    gateway.signal("TERM");
    gateway.wait_for_line("stopping: finishing what is in flight");
    drop(held);
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn what_waits_in_the_queue_of_a_passed_socket_is_answered_by_one_process_or_the_next() {
    let backend = backend();
    let mut manager = Manager::started(Gateway::builder().upstream(&backend).write());
    assert_eq!(manager.client().ask(by_reporting().bytes()).status, 200);
    manager.tell("stop");
    let mut clients = queued(50, || manager.client());
    manager.tell("term");
    manager.tell("cont");
    assert_eq!(manager.wait(), "0");
    // Nobody is there now, and still nobody is refused.
    clients.extend(queued(50, || manager.client()));
    manager.start();
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    manager.end();
}
