//! Wall clocks that are set while the gateway runs and while it does not. libfaketime tells the program the time; the
//! monotonic clock stays as it is, as on a machine whose clock somebody sets.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::site::{Site, end, from_now, kill};
use crate::support::{Gateway, by_reporting, eventually, now, request};
use crate::{admitted, refused};

/// The window of `verify`, in seconds.
const W: i64 = 300;

/// A site whose gateways read their wall clock's offset from a file.
struct Clocked {
    site: Site,
    offset: PathBuf,
}

impl Clocked {
    fn new() -> Self {
        let site = Site::new();
        let offset = site.folder().join("offset");
        let variables = [
            format!("LD_PRELOAD={}", library().display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", offset.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        let wrapper: Vec<&str> = ["env"].into_iter().chain(variables.iter().map(String::as_str)).collect();
        let clocked = Self { site: site.through(&wrapper), offset };
        clocked.set(0);
        clocked
    }

    /// Sets the gateway's clock that many seconds off the tests' own.
    fn set(&self, seconds: i64) {
        // Renamed, so that no half of it is read.
        let new = self.offset.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, &self.offset).unwrap();
    }

    /// Sets the clock under a running gateway, and waits until that goes by it and its sweep has run.
    fn set_under(&self, gateway: &Gateway, seconds: i64) {
        self.set(seconds);
        // The log tells which clock it goes by.
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let path = format!("/what-time-is-it/{}", ASKED.fetch_add(1, Ordering::SeqCst));
        assert_eq!(gateway.ask(&request().get(&path)).status, 401);
        let line = gateway.wait_for_access("the line that tells the time", |line| line["path"] == *path);
        let time = line["time"].as_str().unwrap();
        let time: jiff::Timestamp = time.parse().unwrap();
        let off = time.as_second() - from_now(seconds).cast_signed();
        assert!(off.abs() < 20, "the gateway's clock is {off} s off the wanted offset of {seconds} s");
        // Two of its sweeps, one a second.
        std::thread::sleep(Duration::from_millis(2500));
    }
}

/// Of Debian's package libfaketime, for programs with several threads.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
    found.expect("there is no libfaketime under /usr/lib: run ./tests/run, which installs it")
}

#[test]
fn a_clock_set_back_under_the_gateway_lets_no_replay_pass_and_refuses_nobody() {
    let clocked = Clocked::new();
    let gateway = clocked.site.start();
    let captured: Vec<_> = [-250, -61, -30, 0, 200].map(|age| by_reporting().timestamp(from_now(age))).into();
    captured.iter().for_each(|request| admitted(&gateway, "before", request));
    clocked.set_under(&gateway, -60);
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "captured", request));
    // By the gateway's clock, by the right one, and over the whole window of the gateway's.
    for age in [-60, 0, -60 - W + 20, -60 + W - 20] {
        admitted(&gateway, &format!("{age} s"), &by_reporting().timestamp(from_now(age)));
    }
    refused(&gateway, "timestamp_refused", "beyond the window", &by_reporting().timestamp(from_now(-60 + W + 20)));
}

#[test]
fn a_clock_set_forward_and_back_under_the_gateway_lets_no_replay_pass_and_refuses_nobody() {
    let clocked = Clocked::new();
    let gateway = clocked.site.start();
    let captured: Vec<_> = [-250, 0, 250].map(|age| by_reporting().timestamp(from_now(age))).into();
    captured.iter().for_each(|request| admitted(&gateway, "before", request));
    clocked.set_under(&gateway, 5000);
    captured.iter().for_each(|request| assert_eq!(gateway.ask(request).status, 401));
    let ahead = by_reporting().timestamp(from_now(5000));
    admitted(&gateway, "by the clock that is ahead", &ahead);
    clocked.set_under(&gateway, 0);
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "captured", request));
    for age in [-250, 0, 250] {
        admitted(&gateway, &format!("{age} s"), &by_reporting().timestamp(from_now(age)));
    }
    clocked.set_under(&gateway, 5000);
    refused(&gateway, "nonce_used", "of the time ahead", &ahead);
}

#[test]
fn a_clock_set_over_a_restart_lets_no_replay_pass_and_refuses_nobody() {
    for ends in [kill as fn(Gateway), end] {
        let clocked = Clocked::new();
        let gateway = clocked.site.start();
        let captured: Vec<_> = [-250, 0, 250].map(|age| by_reporting().timestamp(from_now(age))).into();
        captured.iter().for_each(|request| admitted(&gateway, "before", request));
        ends(gateway);
        for (offset, problem) in [(-60, Some("nonce_used")), (5000, None), (0, Some("nonce_used"))] {
            clocked.set(offset);
            let gateway = clocked.site.start_again();
            clocked.set_under(&gateway, offset);
            for request in &captured[..2] {
                let what = format!("captured, {offset} s");
                refused(&gateway, problem.unwrap_or("timestamp_refused"), &what, request);
            }
            assert_eq!(gateway.ask(&captured[2]).status, 401);
            for age in [-250, 0, 250] {
                admitted(&gateway, &format!("{age} s at {offset} s"), &by_reporting().timestamp(from_now(offset + age)));
            }
            ends(gateway);
        }
    }
}

#[test]
fn a_time_that_was_forgotten_stays_refused_when_the_clock_goes_back_also_after_a_restart() {
    let mut clocked = Clocked::new();
    clocked.site = clocked.site.setting("verify: { max_age: 2s, max_ahead: 40s }");
    let gateway = clocked.site.start();
    // Ahead, so that a machine that is busy has some seconds more than those two.
    let stamp = now() + 5;
    let set_to = |gateway: &Gateway, time: u64| clocked.set_under(gateway, time.cast_signed() - now().cast_signed());
    admitted(&gateway, "before", &by_reporting().timestamp(stamp));
    // Both clocks have to say that its time is over: the monotonic one soon does, the wall clock is helped on.
    set_to(&gateway, stamp + 120);
    eventually("its file is gone", || clocked.site.buckets().is_empty().then_some(()));
    set_to(&gateway, stamp - 20);
    refused(&gateway, "timestamp_refused", "forgotten", &by_reporting().timestamp(stamp));
    kill(gateway);
    let gateway = clocked.site.start_again();
    set_to(&gateway, stamp - 20);
    refused(&gateway, "timestamp_refused", "forgotten", &by_reporting().timestamp(stamp));
    // The minute's nonces are forgotten together; the next minute is another.
    let next = (stamp / 60 + 1) * 60;
    set_to(&gateway, next - 20);
    admitted(&gateway, "of the next minute", &by_reporting().timestamp(next));
}
