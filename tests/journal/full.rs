//! No room for nonces. A limit on the size of files stands in for the full disk: it needs no root, hits every file in the
//! same way, and can be raised under the running gateway.

use std::process::Command;

use crate::site::{Site, kill};
use crate::support::{Gateway, Signing, by_reporting, now};
use crate::{admitted, refused};

/// So large may a file get: a bucket's header and 19 records of 24 bytes each.
const FULL: u64 = 480;
const RECORDS: usize = 19;

/// Room for a piece of one more record, which is then written and has to be taken back.
const PIECE: u64 = 20;

/// prlimit(1) of util-linux leaves the hard limit as it is. The signal that comes with the limit may be ignored in the tests'
/// own process, and would be in the gateway too: env(1) of coreutils undoes that.
fn site(bytes: u64) -> Site {
    Site::new().through(&["env", "--default-signal=XFSZ", "prlimit", &format!("--fsize={bytes}:")])
}

/// Sets the limit of the running gateway.
pub(crate) fn set_limit(gateway: &Gateway, bytes: &str) {
    let pid = gateway.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status().unwrap();
    assert!(set.success());
}

#[track_caller]
pub(crate) fn not_written(gateway: &Gateway, request: &Signing) {
    let response = gateway.ask(request);
    assert_eq!((response.status, response.text().contains("nonce_not_written")), (503, true), "{}", response.text());
    assert!(response.field("Retry-After").is_some_and(|seconds| seconds.parse::<u64>().is_ok()), "{:?}", response.fields);
}

#[test]
fn a_full_disk_refuses_with_503_and_what_was_refused_passes_once_when_there_is_room() {
    for room in [FULL, FULL + PIECE] {
        fills_up(&site(room));
    }
}

fn fills_up(site: &Site) {
    let mut gateway = site.start();
    let stamp = now();
    let captured: Vec<_> = (0..RECORDS).map(|_| by_reporting().timestamp(stamp)).collect();
    captured.iter().for_each(|request| admitted(&gateway, "there is room", request));
    let arrived = site.backend.byte_count();
    let waiting: Vec<_> = (0..5).map(|_| by_reporting().timestamp(stamp)).collect();
    for _ in 0..2 {
        waiting.iter().for_each(|request| not_written(&gateway, request));
        captured.iter().for_each(|request| refused(&gateway, "nonce_used", "also while it is full", request));
    }
    assert_eq!(site.backend.byte_count(), arrived, "nothing of these reached the backend");
    let line = gateway.wait_for_access("its line", |line| line["verdict"] == "nonce_not_written");
    assert!(line["reason"].as_str().unwrap().contains("make room there"), "{line}");
    assert!(gateway.is_running());

    set_limit(&gateway, "unlimited");
    waiting.iter().for_each(|request| admitted(&gateway, "there is room again", request));
    waiting.iter().chain(&captured).for_each(|request| refused(&gateway, "nonce_used", "a replay", request));
    // The piece of a record that the limit let through stands in nobody's way.
    kill(gateway);
    let gateway = site.start_again();
    waiting.iter().chain(&captured).for_each(|request| refused(&gateway, "nonce_used", "after the restart", request));
}

#[test]
fn a_disk_on_which_no_file_can_be_begun_refuses_with_503_until_it_can() {
    let site = site(FULL);
    let mut gateway = site.start();
    let waiting = by_reporting();
    for bytes in ["10", "0"] {
        set_limit(&gateway, bytes);
        (0..3).for_each(|_| not_written(&gateway, &waiting));
    }
    site.backend.assert_untouched();
    assert!(site.buckets().is_empty(), "no half file stays behind");
    assert!(gateway.is_running());
    set_limit(&gateway, &FULL.to_string());
    admitted(&gateway, "there is room again", &waiting);
    refused(&gateway, "nonce_used", "a replay", &waiting);
}

#[test]
fn a_gateway_that_is_killed_while_the_disk_is_full_comes_back_with_all_that_it_accepted() {
    let site = site(FULL + PIECE);
    let gateway = site.start();
    let stamp = now();
    let captured: Vec<_> = (0..RECORDS).map(|_| by_reporting().timestamp(stamp)).collect();
    captured.iter().for_each(|request| admitted(&gateway, "there is room", request));
    let waiting = by_reporting().timestamp(stamp);
    not_written(&gateway, &waiting);
    kill(gateway);
    let gateway = site.start_again();
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "a replay", request));
    not_written(&gateway, &waiting);
    set_limit(&gateway, "unlimited");
    admitted(&gateway, "it was never accepted", &waiting);
}
