//! A gateway that runs while its list is edited.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::desk::Screen;
use crate::support::{Backend, Gateway, RSA_2048_OTHER, by_reporting, eventually, signed};

fn consumers(gateway: &Gateway, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("consumers").args(arguments).arg("--config").arg(gateway.folder().join("countersign.yaml"));
    let screen = Screen::of(command.output().unwrap());
    assert_eq!(screen.code, Some(0), "{}", screen.err);
}

#[test]
fn an_added_consumer_is_let_in_within_a_second_and_a_removed_one_is_not() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).start();
    let key = gateway.folder().join("new.pub");
    std::fs::write(&key, &RSA_2048_OTHER.public_pem).unwrap();
    let status = || gateway.ask(&signed("new", &RSA_2048_OTHER)).status;
    let mut times = Vec::new();
    let mut until = |expected: u16| {
        let start = Instant::now();
        eventually("the change is live", || (status() == expected).then_some(()));
        times.push(start.elapsed());
    };
    until(401);
    for _ in 0..3 {
        consumers(&gateway, &["add", "--key", "new", "--name", "New", "--public-key", key.to_str().unwrap()]);
        until(200);
        consumers(&gateway, &["edit", "new", "--disabled"]);
        until(401);
        consumers(&gateway, &["edit", "new", "--enabled"]);
        until(200);
        consumers(&gateway, &["remove", "new", "--yes"]);
        until(401);
    }
    assert_eq!(gateway.ask(&by_reporting()).status, 200, "nobody else noticed");
    times.sort_unstable();
    println!("live after {times:?}");
    // A quarter: a machine that stands still now and then breaks no promise, and a gateway that is always late does.
    assert!(times[times.len() / 4] < Duration::from_secs(1), "{times:?}");
    assert_eq!(gateway.count_lines("KeptOld"), 0);
}
