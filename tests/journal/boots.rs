//! The machine went down, or the state directory went away.

use crate::site::{Site, end, from_now, kill};
use crate::support::{Gateway, by_reporting, now};
use crate::{admitted, refused};

/// The window of `verify`, in seconds.
const W: u64 = 300;

#[test]
fn after_a_machine_crash_the_window_is_refused_and_the_log_says_until_when() {
    let site = Site::new().setting("admin: { listen: 127.0.0.1:0 }");
    let gateway = site.start();
    assert_eq!(gateway.ask_admin("GET", "/readyz", &[], "").status, 200);
    let captured = [by_reporting().timestamp(from_now(-200)), by_reporting(), by_reporting().timestamp(from_now(290))];
    captured.iter().for_each(|request| admitted(&gateway, "before", request));
    kill(gateway);
    site.another_boot();
    let (before, connections) = (now(), site.backend.connections());
    let gateway = site.start_in_doubt("the machine went down before the nonce journal was on the disk");

    captured.iter().for_each(|request| refused(&gateway, "timestamp_refused", "a captured one", request));
    let fresh = gateway.ask(&by_reporting());
    assert_eq!((fresh.status, fresh.problem().as_deref()), (401, Some("timestamp_refused")), "{}", fresh.text());
    let (_, rest) = fresh.text().split_once("oauth_acceptable_timestamps=").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let first: u64 = rest.split('-').next().unwrap().parse().unwrap();
    // One more than the last that is refused: the window's end, or up to 20 s beyond that of the last mark.
    assert!((before + W + 1..=now() + W + 21).contains(&first), "{first} at {before}");
    assert_eq!(site.backend.connections(), connections, "nothing of these reached the backend");

    let ready = gateway.ask_admin("GET", "/readyz", &[], "");
    assert_eq!(ready.status, 503, "nobody should be sent here: {}", ready.text());
    assert!(ready.text().contains("requests with present timestamps are refused"), "{}", ready.text());

    let line: serde_json::Value = serde_json::from_str(&gateway.wait_for_line("what was accepted before is not known")).unwrap();
    let fields = line.get("fields").unwrap_or(&line);
    let until: jiff::Timestamp = fields["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.as_second().cast_unsigned() + 1, first, "{line}");

    // It is said once: what is refused now is remembered like anything else.
    kill(gateway);
    let gateway = site.start_again();
    gateway.wait_for_line("an earlier start did not know what was accepted");
    refused(&gateway, "timestamp_refused", "still", &by_reporting());
}

#[test]
fn after_a_machine_crash_the_window_of_the_process_before_counts() {
    let wide = Site::new().setting("verify: { max_ahead: 3000s }");
    let gateway = wide.start();
    let captured = by_reporting().timestamp(from_now(2900));
    admitted(&gateway, "before", &captured);
    kill(gateway);
    wide.another_boot();
    let gateway = wide.setting_replaced("verify: { max_ahead: 200s }").start_in_doubt("the machine went down");
    let line = gateway.wait_for_line("what was accepted before is not known");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let seconds = line.get("fields").unwrap_or(&line)["seconds"].as_u64().unwrap();
    assert!(seconds > 2800, "{line}");
}

#[test]
fn after_a_clean_end_a_machine_that_goes_down_forgets_nothing() {
    let site = Site::new();
    let gateway = site.start();
    let captured = [by_reporting().timestamp(from_now(-200)), by_reporting(), by_reporting().timestamp(from_now(290))];
    captured.iter().for_each(|request| admitted(&gateway, "before", request));
    end(gateway);
    site.another_boot();
    let gateway = site.start_again();
    captured.iter().for_each(|request| refused(&gateway, "nonce_used", "a captured one", request));
    admitted(&gateway, "a fresh one", &by_reporting());
    // The clean end counts for one start.
    kill(gateway);
    site.another_boot();
    site.start_in_doubt("the machine went down");
}

#[test]
fn a_state_directory_that_is_replaced_under_the_gateway_ends_it_and_the_window_is_refused_then() {
    type Change = fn(&Site);
    let changes: [(&str, Change); 3] = [
        ("moved away", |site| std::fs::rename(site.state(), site.folder().join("elsewhere")).unwrap()),
        ("its lock removed", |site| std::fs::remove_file(site.state().join("lock")).unwrap()),
        ("its nonces removed", |site| std::fs::remove_dir_all(site.file("")).unwrap()),
    ];
    for (what, change) in changes {
        let site = Site::new();
        let mut gateway = site.start();
        let captured = by_reporting();
        admitted(&gateway, what, &captured);
        change(&site);
        assert_eq!(gateway.wait_for_exit().code(), Some(1), "{what}");
        gateway.wait_for_line("the state directory was removed or replaced under the running gateway");
        let again: Gateway = site.start();
        let problem = if what == "its lock removed" { "nonce_used" } else { "timestamp_refused" };
        refused(&again, problem, what, &captured);
    }
}
