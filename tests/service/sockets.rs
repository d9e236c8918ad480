//! Sockets that somebody else opened.

use std::process::{Command, Stdio};

use crate::manager::Manager;
use crate::support::gateway::Activated;
use crate::support::{Backend, Client, Gateway, by_reporting, eventually};

#[test]
fn passed_sockets_are_used_by_address_and_by_name() {
    let backend = Backend::start();
    let mut manager = Manager::holding(&["first", "second", "third"], Gateway::builder().upstream(&backend).write());
    let [_, second, _] = manager.addresses() else { unreachable!("three were asked for") };
    // Not in the order of the sockets, and an address that is nobody's where the name decides.
    let listen =
        format!("listen: [{{ address: 127.0.0.1:0, socket: third }}, {second}, {{ address: 127.0.0.1:0, socket: first }}]");
    manager.configure("listen: 127.0.0.1:0", &listen);
    manager.start();
    for address in manager.addresses() {
        assert_eq!(Client::connect(*address).ask(by_reporting().bytes()).status, 200, "{address}");
    }
    eventually("three lines about passed sockets", || {
        let lines = manager.lines();
        let passed = lines.iter().filter(|line| line.contains("\"listening\"") && line.contains("\"socket\":\"passed\""));
        (passed.count() == 3).then_some(())
    });
    manager.end();
}

#[test]
fn a_passed_socket_that_no_listen_is_about_is_an_error() {
    let backend = Backend::start();
    let mut manager = Manager::holding(&["web"], Gateway::builder().upstream(&backend).write());
    manager.start();
    assert_eq!(manager.wait(), "1");
    let address = manager.address();
    manager.wait_for_line(&format!(
        "error: the service manager passed a socket on {address}, called `web`, that no `listen` is about"
    ));
    manager.wait_for_line("hint: let `listen` and ListenStream= name the same addresses");
}

#[test]
fn a_listen_that_no_passed_socket_is_for_is_bound_and_said() {
    let backend = Backend::start();
    let mut manager = Manager::holding(&["web"], Gateway::builder().upstream(&backend).write());
    let listen = format!("listen: [{}, 127.0.0.1:0]", manager.address());
    manager.configure("listen: 127.0.0.1:0", &listen);
    manager.start();
    manager.wait_for_line("no passed socket is for this address; it is closed at a restart");
    let bound = manager.wait_for_line("\"socket\":\"bound\"");
    let bound: serde_json::Value = serde_json::from_str(&bound).unwrap();
    let address = bound["fields"]["address"].as_str().or(bound["address"].as_str()).unwrap().parse().unwrap();
    for address in [manager.address(), address] {
        assert_eq!(Client::connect(address).ask(by_reporting().bytes()).status, 200, "{address}");
    }
}

#[test]
fn systemds_own_activation_passes_sockets_by_name() {
    let backend = Backend::start();
    // It takes no port 0; addresses of our own are free, ports that were free a moment ago mostly are.
    let free = |ip: &str| std::net::TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap();
    let [one, two] = [free("127.0.46.1"), free("127.0.46.2")];
    let listen = format!("listen: [{{ address: 127.0.0.1:0, socket: two }}, {one}]");
    let folder = Gateway::builder().upstream(&backend).setting(&listen).setting("log: { file: access.log }").write();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &one.to_string(), "-l", &two.to_string(), "--fdname=one:two", env!("CARGO_BIN_EXE_countersign")]);
    command.args(["serve", "--config"]).arg(folder.path().join("countersign.yaml"));
    let _activated = Activated(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("it listens", || std::net::TcpStream::connect(one).ok());
    for address in [one, two] {
        assert_eq!(Client::connect(address).ask(by_reporting().bytes()).status, 200, "{address}");
    }
    eventually("two lines about passed sockets", || {
        let log = std::fs::read_to_string(folder.path().join("access.log")).ok()?;
        (log.matches("\"socket\":\"passed\"").count() == 2).then_some(())
    });
}
