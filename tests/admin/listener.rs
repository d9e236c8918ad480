//! The listener itself: where it is, who is let in, and what it does to connections that are no good.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::gateway::{Activated, Builder};
use crate::support::{Backend, Client, Gateway, Response, by_reporting, eventually};

/// A gateway with an administrator's listener on a free port.
fn builder(backend: &Backend) -> Builder {
    Gateway::builder().upstream(backend).setting("admin: { listen: 127.0.0.1:0 }")
}

fn get(path: &str, host: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn it_is_not_there_unless_the_configuration_says_so() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    assert_eq!(gateway.ask(&by_reporting()).status, 200);
    assert_eq!(gateway.count_lines("listening for administrators"), 0);
}

#[test]
fn the_public_listener_serves_nothing_of_it() {
    let backend = Backend::start();
    let gateway = builder(&backend).start();
    for path in ["/metrics", "/healthz", "/readyz", "/api/v1/consumers", "/"] {
        // The administrator's Host makes no difference there.
        let answer = gateway.ask_raw(get(path, &gateway.admin_address().to_string()));
        assert_eq!(answer.status, 401, "{path}");
    }
    backend.assert_untouched();
    assert_eq!(gateway.ask(&by_reporting().get("/metrics")).text(), "ok", "a signed one is the application's");
}

#[test]
fn every_answer_has_the_headers_that_keep_pages_to_themselves() {
    let gateway = builder(&Backend::start()).start();
    let answers: [(u16, Response); 4] = [
        (200, gateway.ask_admin("GET", "/healthz", &[], "")),
        (404, gateway.ask_admin("GET", "/nowhere", &[], "")),
        (405, gateway.ask_admin("POST", "/healthz", &[], "")),
        (403, Client::connect(gateway.admin_address()).ask(get("/healthz", "evil.example"))),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text());
        let policy = answer.field("Content-Security-Policy").unwrap();
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]
        {
            assert!(policy.split("; ").any(|it| it == part), "{part}: {policy}");
        }
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{status}");
        }
    }
}

#[test]
fn a_name_that_resolves_to_this_machine_is_still_a_strangers() {
    let gateway = builder(&Backend::start()).start();
    let address = gateway.admin_address();
    let port = address.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(Client::connect(address).ask(get("/healthz", &host)).status, 200, "{host}");
    }
    for host in [
        format!("evil.example:{port}"),
        "localhost".to_owned(),
        format!("localhost.evil.example:{port}"),
        format!("10.0.0.1:{port}"),
    ] {
        let answer = Client::connect(address).ask(get("/readyz", &host));
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.text().contains(&format!("http://localhost:{port}/")), "{}", answer.text());
        assert!(!answer.text().contains("ready"), "{}", answer.text());
    }
    for request in [
        "GET /healthz HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nHost: localhost:{port}\r\n\r\n"),
        format!("GET http://localhost:{port}/healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
    ] {
        let status = Client::connect(address).ask(&request).status;
        assert!([400, 403].contains(&status), "{request}: {status}");
    }
}

#[test]
fn a_socket_in_the_file_system_is_its_owners_alone_and_goes_with_the_gateway() {
    let mut gateway = Gateway::builder().upstream(&Backend::start()).setting("admin: { listen: unix:admin.sock }").start();
    gateway.wait_for_line("listening for administrators");
    let path = gateway.folder().join("admin.sock");
    assert_eq!(std::fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(over_unix(&path, "/readyz", "any-name").contains("ready: consumers 1"));
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_socket_that_a_killed_gateway_left_behind_is_taken_over() {
    let folder = Gateway::builder().upstream(&Backend::start()).setting("admin: { listen: unix:admin.sock }").write();
    let mut first = Gateway::start_in(folder);
    first.wait_for_line("listening for administrators");
    first.signal("KILL");
    first.wait_for_exit();
    let path = first.folder().join("admin.sock");
    assert!(path.exists());
    let second = Gateway::start_in(first.leave_folder());
    second.wait_for_line("listening for administrators");
    assert!(over_unix(&path, "/healthz", "x").contains("alive"));
}

#[test]
fn a_place_that_is_taken_is_an_error_with_a_hint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = format!("admin: {{ listen: {} }}", taken.local_addr().unwrap());
    let (status, said) = Gateway::builder().upstream(&Backend::start()).setting(&setting).start_in_vain();
    assert_eq!(status.code(), Some(1));
    assert!(
        said.contains("cannot listen for administrators on 127.0.0.1:") && said.contains("hint: see what has the port"),
        "{said}"
    );
    let (status, said) =
        Gateway::builder().upstream(&Backend::start()).setting("admin: { listen: unix:countersign.yaml }").start_in_vain();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("there is a file of another kind at that path"), "{said}");
}

#[test]
fn two_hundred_connections_at_once_are_all_answered() {
    let gateway = builder(&Backend::start()).start();
    let address = gateway.admin_address();
    let mut clients: Vec<Client> = (0..200).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.send(get("/healthz", &address.to_string()));
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn connections_that_say_nothing_or_drip_end_and_keep_nobody_out() {
    let backend = Backend::start();
    let gateway = builder(&backend).start();
    let address = gateway.admin_address();
    // More than there are places for.
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut dripping = Client::connect(address);
    let opened = Instant::now();
    let answered = std::thread::spawn(move || Client::connect(address).ask(get("/healthz", &address.to_string())).status);
    let ended = eventually("the drip is cut off", || {
        dripping.send("G");
        dripping.is_closed().then(|| opened.elapsed())
    });
    assert!(ended >= Duration::from_secs(5), "a slow administrator has more time than {ended:?}");
    assert_eq!(answered.join().unwrap(), 200);
    assert_eq!(gateway.ask(&by_reporting()).status, 200, "the public listener has not noticed");
    drop(silent);
}

#[test]
fn heads_and_bodies_have_a_size() {
    let gateway = builder(&Backend::start()).start();
    let address = gateway.admin_address();
    let long = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(Client::connect(address).ask(long).status, 431);
    // A form that says how long it is, and one that does not.
    let form = "Content-Type: application/x-www-form-urlencoded";
    let (fits, too_long) = (format!("a={}", "x".repeat(1000 * 1024)), format!("a={}", "x".repeat(1100 * 1024)));
    assert_ne!(gateway.ask_admin("POST", "/sign-in", &[form], &fits).status, 413);
    assert_eq!(gateway.ask_admin("POST", "/sign-in", &[form], &too_long).status, 413);
    let head = format!("POST /sign-in HTTP/1.1\r\nHost: {address}\r\n{form}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunked = format!("{head}{:x}\r\n{too_long}\r\n0\r\n\r\n", too_long.len());
    assert_eq!(Client::connect(address).ask(chunked).status, 413);
    // Nobody reads a body that nobody asked for.
    let flood = send_a_lot(address);
    assert!(flood < 16 * 1024 * 1024, "{flood} bytes were taken");
}

#[test]
fn what_is_in_flight_at_the_end_is_answered_and_the_end_is_not_held_up() {
    let mut gateway = builder(&Backend::start()).start();
    let mut kept = Client::connect(gateway.admin_address());
    assert_eq!(kept.ask(get("/healthz", &gateway.admin_address().to_string())).status, 200);
    let _silent = TcpStream::connect(gateway.admin_address()).unwrap();
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    kept.until_closed();
    assert_eq!(gateway.count_lines("the administrator's listener hangs"), 0);
}

#[test]
fn systemds_own_activation_passes_its_socket_too() {
    let backend = Backend::start();
    // It takes no port 0; the address is nobody else's.
    let public = std::net::TcpListener::bind("127.0.48.1:0").unwrap().local_addr().unwrap();
    let folder = Gateway::builder()
        .upstream(&backend)
        .setting(&format!("listen: {public}"))
        .setting("admin: { socket: administrators }")
        .setting("log: { file: access.log }")
        .write();
    let path = folder.path().join("passed.sock");
    let mut command = Command::new("systemd-socket-activate");
    command
        .args(["-l", &public.to_string(), "-l"])
        .arg(&path)
        .args(["--fdname=public:administrators", env!("CARGO_BIN_EXE_countersign")]);
    command.args(["serve", "--config"]).arg(folder.path().join("countersign.yaml"));
    let _activated = Activated(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("it listens", || UnixStream::connect(&path).ok());
    assert!(over_unix(&path, "/readyz", "any").contains("ready: consumers 1"));
    assert_eq!(Client::connect(public).ask(by_reporting().bytes()).status, 200);
}

fn over_unix(path: &Path, target: &str, host: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a body without end and tells how much of it was taken.
fn send_a_lot(address: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    write!(stream, "POST /healthz HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000000\r\n\r\n").unwrap();
    let (mut sent, piece) = (0, [b'x'; 64 * 1024]);
    while let Ok(written) = stream.write(&piece) {
        sent += written;
        if sent > 64 * 1024 * 1024 {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    sent
}

#[test]
fn administrators_who_expect_a_passed_socket_are_told_that_there_is_none() {
    let setting = "admin: { listen: 127.0.0.1:0, socket: administrators }";
    let gateway = Gateway::builder().upstream(&Backend::start()).setting(setting).start();
    assert!(gateway.wait_for_line("no socket of this name was passed").contains("\"administrators\""));
}
