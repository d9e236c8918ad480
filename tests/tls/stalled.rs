//! Attack 38: handshakes that stand still, drip in, or never begin.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::certificates::Authority;
use super::client::curl;
use super::gateway;
use super::support::{Backend, Gateway, eventually};

#[test]
fn f38_a_stalled_handshake_ends_by_its_timeout() {
    let authority = Authority::new();
    let backend = Backend::start();
    let tls = format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml());
    let gateway = gateway(&backend, &tls).setting("timeouts: { handshake: 1s }").start();
    let mut silent = connect(gateway.address());
    let mut half = connect(gateway.address());
    half.write_all(HALF_A_HELLO).unwrap();
    let mut dripping = connect(gateway.address());
    // Each byte is a sign of life, and none of them buys time.
    let fed = HALF_A_HELLO.iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(100));
        dripping.write_all(&[**byte]).is_ok() && !is_closed(&mut dripping)
    });
    assert!(fed.count() < HALF_A_HELLO.len(), "the dripping handshake went on to the end of what there was to drip");
    for stream in [&mut silent, &mut half] {
        eventually("the gateway hangs up", || is_closed(stream).then_some(()));
    }
    let line = gateway.wait_for_line("TLS handshakes failed");
    assert!(line.contains("timeouts.handshake (1 s)"), "{line}");
    backend.assert_untouched();
}

#[test]
fn f38_a_good_client_is_served_beside_stalled_handshakes() {
    // Each is a descriptor here and one in the gateway.
    let many = if std::env::var_os("COUNTERSIGN_LONG").is_some() { 5_000 } else { 200 };
    let authority = Authority::new();
    let backend = Backend::start();
    let tls = format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml());
    let limits = "limits: { connections_per_address: 6000 }";
    // They stand for as long as the test needs, so that the good client meets all of them.
    let gateway = gateway(&backend, &tls).setting("timeouts: { handshake: 60s }").setting(limits).start();
    let before = gateway.processor_ticks();
    let mut stalled: Vec<TcpStream> = (0..many).map(|_| connect(gateway.address())).collect();
    for stream in stalled.iter_mut().step_by(2) {
        stream.write_all(HALF_A_HELLO).unwrap();
    }
    for _ in 0..20 {
        let got = curl(gateway.address(), "localhost", &authority.ca()).get("/open/a");
        assert_eq!(got.status, 200, "{got:?}");
    }
    assert!(stalled.iter_mut().all(|stream| !is_closed(stream)), "the handshakes stood still all the time");
    std::thread::sleep(Duration::from_secs(1));
    let used = gateway.processor_ticks() - before;
    assert!(used < 1_000, "waiting costs no processor time: {used} ticks of 10 ms");
}

#[test]
fn f38_handshakes_count_as_connections_and_give_their_places_back() {
    let authority = Authority::new();
    let backend = Backend::start();
    let tls = format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml());
    let settings = ["limits: { connections: 5 }", "timeouts: { handshake: 10s }"];
    let gateway = settings.iter().fold(gateway(&backend, &tls), |builder, line| builder.setting(line)).start();
    let stalled: Vec<TcpStream> = (0..5).map(|_| connect(gateway.address())).collect();
    let ask = || curl(gateway.address(), "localhost", &authority.ca()).get("/open/a").status;
    eventually("there is no place left", || (ask() == 0).then_some(()));
    gateway.wait_for_line("connections were closed at once");
    eventually("the places come back", || (ask() == 200).then_some(()));
    drop(stalled);
}

#[test]
fn a_stalled_handshake_does_not_hold_up_the_end() {
    let authority = Authority::new();
    let backend = Backend::start();
    let tls = format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml());
    let settings = ["timeouts: { handshake: 1h, drain: 1h }"];
    let mut gateway: Gateway = settings.iter().fold(gateway(&backend, &tls), |builder, line| builder.setting(line)).start();
    let _stalled = connect(gateway.address());
    // The other connection was accepted after it.
    assert_eq!(curl(gateway.address(), "localhost", &authority.ca()).get("/open/a").status, 200);
    gateway.signal("TERM");
    assert!(gateway.wait_for_exit().success());
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether the gateway ended the connection; an alert before that may be read.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let closed = loop {
        match stream.read(&mut [0; 256]) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).unwrap();
    closed
}

/// The beginning of a ClientHello of 512 bytes (RFC 8446 §4.1.2).
pub(super) const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\
    0123456789abcdef0123456789abcdef\x200123456789abcdef0123456789abcdef\x00\x02\x13\x01\x01\x00";
