//! `/healthz` and `/readyz`.

#[path = "../service/held.rs"]
mod held;

use std::net::TcpStream;
use std::process::Command;

use held::Held;

use crate::support::gateway::Builder;
use crate::support::{Backend, Gateway, by_reporting, eventually};

fn builder(backend: &Backend) -> Builder {
    Gateway::builder().upstream(backend).setting("admin: { listen: 127.0.0.1:0 }")
}

fn get(gateway: &Gateway, path: &str) -> (u16, String) {
    let answer = gateway.ask_admin("GET", path, &[], "");
    (answer.status, answer.text())
}

#[test]
fn a_gateway_that_serves_is_alive_and_ready() {
    let gateway = builder(&Backend::start()).start();
    assert_eq!(get(&gateway, "/healthz"), (200, "alive\n".to_owned()));
    assert_eq!(get(&gateway, "/readyz"), (200, "ready: consumers 1\n".to_owned()));
    assert_eq!(gateway.ask_admin("HEAD", "/readyz", &[], "").status, 200);
}

#[test]
fn files_with_problems_are_told_and_send_nobody_away() {
    let gateway = builder(&Backend::start()).start();
    gateway.write_consumers("consumers: [");
    eventually("the problem is told", || {
        let (status, text) = get(&gateway, "/readyz");
        assert_eq!(status, 200, "{text}");
        text.contains("the files have problems, and older ones are in force").then_some(())
    });
}

#[test]
fn a_thread_that_stands_still_is_neither_and_one_that_goes_on_is_both() {
    let gateway = builder(&Backend::start()).start();
    assert_eq!(get(&gateway, "/healthz").0, 200);
    let held = Held::thread(gateway.pid(), "data-1");
    eventually("it is noticed", || (get(&gateway, "/healthz").0 == 503).then_some(()));
    let (status, text) = get(&gateway, "/readyz");
    assert_eq!((status, text.as_str()), (503, "not ready: a thread that handles requests does not answer\n"));
    drop(held);
    eventually("it is alive again", || (get(&gateway, "/healthz").0 == 200).then_some(()));
    assert_eq!(get(&gateway, "/readyz").0, 200);
}

#[test]
fn a_gateway_that_drains_is_alive_and_not_ready() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.until_closed();
    });
    let mut gateway = builder(&backend).setting("timeouts: { drain: 20s }").start();
    let mut client = gateway.client();
    client.send(by_reporting().bytes());
    backend.wait("the request arrives", |records| records.first().filter(|record| !record.bytes.is_empty()).map(drop));
    gateway.signal("TERM");
    gateway.wait_for_line("stopping: finishing what is in flight");
    eventually("it is not ready", || {
        (get(&gateway, "/readyz") == (503, "not ready: the gateway is stopping\n".to_owned())).then_some(())
    });
    assert_eq!(get(&gateway, "/healthz").0, 200);
    let address = gateway.admin_address();
    drop(client);
    // Taken or refused: the gateway may have ended by now. Nobody who comes so late holds it up.
    let _late = TcpStream::connect(address);
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
}

#[test]
fn a_journal_that_cannot_be_written_is_not_ready() {
    let gateway = builder(&Backend::start()).start();
    assert_eq!(get(&gateway, "/readyz").0, 200);
    set_file_limit(&gateway, "0");
    eventually("it is not ready", || {
        (get(&gateway, "/readyz") == (503, "not ready: the nonce journal cannot be written\n".to_owned())).then_some(())
    });
    let metrics = get(&gateway, "/metrics").1;
    for line in [
        "countersign_trouble{trouble=\"nonce_journal\"} 1",
        "countersign_trouble{trouble=\"nonce_store\"} 0",
        "countersign_ready 0",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    assert!(!metrics.contains("countersign_nonce_journal_errors_total 0\n"), "{metrics}");
    assert_eq!(get(&gateway, "/healthz").0, 200, "another process would fare no better");
    set_file_limit(&gateway, "unlimited");
    eventually("it is ready again", || (get(&gateway, "/readyz").0 == 200).then_some(()));
}

/// A limit on the size of files stands in for the full disk. The log goes to a pipe, which has none.
fn set_file_limit(gateway: &Gateway, bytes: &str) {
    let pid = gateway.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status().unwrap();
    assert!(set.success());
}
