//! A store that is not there, does not answer, or answers with an error: 503, and nothing at the backend.

use std::time::{Duration, Instant};

use crate::relay::Relay;
use crate::store::Store;
use crate::support::{Gateway, by_reporting, eventually};
use crate::{Pair, admitted};

#[test]
fn a10_a_store_that_was_killed_lets_nothing_pass() {
    let mut store = Store::ready();
    let pair = Pair::on(&store);
    let accepted = by_reporting();
    admitted(&pair.first, "before", &accepted);
    store.kill();
    for gateway in [&pair.first, &pair.second] {
        for _ in 0..20 {
            pair.unclaimed(gateway, "no store", &by_reporting());
        }
    }
    pair.unclaimed(&pair.second, "a replay at the other instance", &accepted);
    pair.refused_as(&pair.first, (401, "nonce_used"), "what an instance accepted itself it knows", &accepted);
    let line = pair.first.wait_for_access("a refusal", |line| line["verdict"] == "nonce_unclaimed");
    assert!(line["reason"].as_str().unwrap().contains("replay.shared"), "{line}");
    pair.first.wait_for_line("signed requests are answered 503");
}

#[test]
fn a10_a_store_that_hangs_lets_nothing_pass_and_nobody_wait_for_long() {
    let store = Store::ready();
    let pair = Pair::with(&store.setting_with(""));
    eventually("before", || (pair.first.ask(&by_reporting()).status == 200).then_some(()));
    store.signal("STOP");
    let start = Instant::now();
    let request = by_reporting();
    pair.unclaimed(&pair.first, "a store that hangs", &request);
    // Its timeout is 100 ms. A machine that is busy is slow; one without a timeout would be waiting still.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    pair.first.wait_for_line("it does not answer in time");
    for _ in 0..20 {
        pair.unclaimed(&pair.first, "one that is known to hang", &by_reporting());
    }
    store.signal("CONT");
    eventually("it goes on", || (pair.first.ask(&by_reporting()).status == 200).then_some(()));
    eventually("at the other instance, too", || (pair.second.ask(&by_reporting()).status == 200).then_some(()));
    // Nobody told the client whether the first one counts; twice it never does.
    let passed = [&pair.first, &pair.second, &pair.first].iter().filter(|gateway| gateway.ask(&request).status == 200).count();
    assert!(passed <= 1, "{passed}");
}

#[test]
fn a_request_that_the_store_had_no_room_for_may_be_sent_again() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    let request = by_reporting();
    store.command(&["CONFIG", "SET", "maxmemory", "1"]);
    pair.unclaimed(&pair.first, "a full store", &request);
    pair.unclaimed(&pair.first, "again", &request);
    store.command(&["CONFIG", "SET", "maxmemory", "0"]);
    admitted(&pair.second, "the same bytes, where there is room again", &request);
    pair.refused_as(&pair.first, (401, "nonce_used"), "once", &request);
}

#[test]
fn without_a_store_the_gateway_starts_and_serves_what_needs_none() {
    let mut store = Store::with(&[]);
    store.kill();
    let pair = Pair::on(&store);
    pair.unclaimed(&pair.first, "no store yet", &by_reporting());
    let open = Gateway::builder().upstream(&pair.backend).setting(&store.setting());
    let open = open.route("{ path: /status, access: open }").start();
    assert_eq!(open.ask(&crate::support::request().get("/status")).status, 200);
    store.start();
    open.wait_for_line("the shared nonce store is in use");
    // It is empty, and nobody knows why.
    let refused = eventually("it is used", || pair.first.ask(&by_reporting()).problem());
    assert_eq!(refused, "timestamp_refused");
}

#[test]
fn a_gateway_ends_in_order_while_the_store_hangs() {
    let store = Store::ready();
    let mut pair = Pair::on(&store);
    admitted(&pair.first, "before", &by_reporting());
    store.signal("STOP");
    pair.first.signal("TERM");
    assert_eq!(pair.first.wait_for_exit().code(), Some(0));
}

#[test]
fn a_store_that_is_slow_is_waited_for_within_the_timeout() {
    let (store, backend) = (Store::ready(), crate::Backend::start());
    let relay = Relay::before(&store);
    let setting = relay.setting(&store, ", timeout: 10s");
    let gateway = Gateway::builder().upstream(&backend).setting(&setting).start();
    relay.delay(100);
    let start = Instant::now();
    let requests: Vec<_> = (0..5).map(|_| by_reporting()).collect();
    requests.iter().for_each(|request| admitted(&gateway, "a slow store", request));
    assert!(start.elapsed() >= Duration::from_millis(500), "each waited for its answer: {:?}", start.elapsed());
    relay.delay(0);
    // Twenty at once, each with its own answer.
    let passed = std::thread::scope(|scope| {
        let ask = || (0..20).map(|_| gateway.ask(&by_reporting()).status).filter(|status| *status == 200).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(passed, 80);
    requests.iter().for_each(|request| assert_eq!(gateway.ask(request).status, 401));
}

#[test]
fn a_request_whose_answer_was_lost_passes_never_and_one_that_is_signed_anew_does() {
    let (store, backend) = (Store::ready(), crate::Backend::start());
    let relay = Relay::before(&store);
    // Long enough that the request is asked about before the gateway has missed an answer to a question of its own.
    let setting = relay.setting(&store, ", timeout: 2s");
    let gateway = Gateway::builder().upstream(&backend).setting(&setting).start();
    admitted(&gateway, "before", &by_reporting());
    let request = by_reporting();
    relay.lose_answers(true);
    let before = backend.requests().len();
    assert_eq!(gateway.ask(&request).status, 503);
    assert_eq!(backend.requests().len(), before);
    relay.lose_answers(false);
    eventually("signed anew", || (gateway.ask(&by_reporting()).status == 200).then_some(()));
    // The store had taken it: nobody can tell it from a replay.
    assert_eq!(eventually("it is judged", || gateway.ask(&request).problem()), "nonce_used");
}
