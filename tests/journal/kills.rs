//! Gateways that are ended at random moments under load, and everything that was sent to them sent again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::answer;
use crate::site::{LOADER, Site, from_now, kill};
use crate::support::{Backend, Gateway, Response, response, signed};

/// How a gateway's end comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    InOrder,
    KilledInTheDrain,
}

/// A signed request, and how it fared.
#[derive(Debug)]
struct Sent {
    target: String,
    bytes: Vec<u8>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The gateway was gone before.
    NotSent,
    /// It was sent, and no answer came.
    Unanswered,
    Admitted,
}

/// Counted over all rounds.
#[derive(Debug, Default)]
struct Counts {
    sent: usize,
    admitted: usize,
    unanswered: usize,
    /// Of the unanswered ones, those that the backend had.
    unanswered_at_backend: usize,
    /// Of the unanswered ones, those that the next gateway let pass, and those that it knew.
    unanswered_passed_later: usize,
    unanswered_known_later: usize,
    not_sent: usize,
    replays_refused: usize,
}

/// How often each target reached the backend.
type Arrivals = Arc<Mutex<HashMap<String, usize>>>;

const CLIENTS: usize = 6;
const REQUESTS_OF_A_CLIENT: usize = 60;

/// Some of the load's requests are slow, so that a drain lasts.
const SLOW: Duration = Duration::from_millis(60);

#[test]
fn after_kill_9_at_any_moment_no_replay_passes_and_no_fresh_request_is_refused() {
    let counts = rounds(End::Killed, if is_long() { 200 } else { 15 });
    // The kills hit their mark: requests in flight, and requests that were still to come.
    assert!(counts.unanswered > 0 && counts.not_sent > 0 && counts.admitted > 0, "{counts:?}");
}

#[test]
fn after_an_end_in_order_no_replay_passes_and_no_fresh_request_is_refused() {
    let counts = rounds(End::InOrder, if is_long() { 50 } else { 5 });
    assert!(counts.not_sent > 0 && counts.admitted > 0, "{counts:?}");
    assert_eq!(counts.unanswered_at_backend, 0, "a drain finishes what is in flight: {counts:?}");
}

#[test]
fn after_kill_9_during_a_drain_no_replay_passes_and_no_fresh_request_is_refused() {
    let counts = rounds(End::KilledInTheDrain, if is_long() { 50 } else { 5 });
    assert!(counts.unanswered_at_backend > 0 && counts.admitted > 0, "{counts:?}");
}

fn is_long() -> bool {
    std::env::var_os("COUNTERSIGN_LONG").is_some()
}

/// Starts, loads, ends; starts, sends everything again; and so on. Kills in the drain go on for a while until one hits its mark.
fn rounds(end: End, count: usize) -> Counts {
    let arrivals = Arrivals::default();
    let site = Site::before(counting(Arc::clone(&arrivals)));
    let (mut counts, mut everything) = (Counts::default(), Vec::new());
    let mut gateway = site.start();
    let misses = |counts: &Counts| end == End::KilledInTheDrain && counts.unanswered_at_backend == 0;
    let mut round = 0;
    while round < count || round < 5 * count && misses(&counts) {
        let mut load = load(round);
        under_load(gateway, &mut load, end);
        let seen = arrivals.lock().unwrap().clone();
        counts.add(&load, &seen);
        gateway = site.start_again();
        send_again(&gateway, &load, &seen, &mut counts);
        everything.extend(load);
        round += 1;
    }
    // Once more, over all the gateways' ends. The oldest stamps may have left the window meanwhile.
    each_in(&everything, |sent| {
        let (status, problem) = answer(&ask(&gateway, &sent.bytes));
        assert!(status == 401 && ["nonce_used", "timestamp_refused"].contains(&&*problem), "{sent:?}: {status} {problem}");
    });
    let arrivals = arrivals.lock().unwrap();
    let twice: Vec<_> = arrivals.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "the backend got these more than once: {twice:?}");
    println!("{round} times {end:?}, {} requests at the backend, none of them twice: {counts:?}", arrivals.len());
    counts
}

impl Counts {
    fn add(&mut self, load: &[Sent], seen: &HashMap<String, usize>) {
        for sent in load {
            self.sent += usize::from(sent.fate != Fate::NotSent);
            match sent.fate {
                Fate::NotSent => self.not_sent += 1,
                Fate::Admitted => self.admitted += 1,
                Fate::Unanswered => {
                    self.unanswered += 1;
                    self.unanswered_at_backend += usize::from(seen.contains_key(&sent.target));
                }
            }
        }
    }
}

fn counting(arrivals: Arrivals) -> Backend {
    Backend::answering(move |request| {
        *arrivals.lock().unwrap().entry(request.target.clone()).or_default() += 1;
        if request.target.ends_with("slow") {
            std::thread::sleep(SLOW);
        }
        response(200, &[], b"ok")
    })
}

/// Fresh requests, whose stamps lie all over the window; at its past end half a minute is left for the rounds' own time.
fn load(round: usize) -> Vec<Sent> {
    let one = |number: usize| {
        let age = from_now(-270 + (number * 37 % 571) as i64);
        let target = format!("/{round}/{number}/{}", if number.is_multiple_of(10) { "slow" } else { "quick" });
        let bytes = signed(LOADER.0, LOADER.1).get(&target).timestamp(age).bytes();
        Sent { target, bytes, fate: Fate::NotSent }
    };
    (0..CLIENTS * REQUESTS_OF_A_CLIENT).map(one).collect()
}

/// Sends on several connections, and ends the gateway meanwhile.
fn under_load(mut gateway: Gateway, load: &mut [Sent], end: End) {
    let answered = AtomicUsize::new(0);
    let all = load.len();
    std::thread::scope(|scope| {
        for part in load.chunks_mut(REQUESTS_OF_A_CLIENT) {
            let (mut client, answered) = (gateway.client(), &answered);
            scope.spawn(move || {
                for sent in part {
                    // Bytes that were handed over may have arrived, whatever became of the connection.
                    sent.fate = Fate::Unanswered;
                    client.send(&sent.bytes);
                    let Some(response) = client.try_response() else { return };
                    assert_eq!(response.status, 200, "a fresh request is refused: {sent:?}: {}", response.text());
                    sent.fate = Fate::Admitted;
                    answered.fetch_add(1, Ordering::SeqCst);
                    if response.field("connection") == Some("close") {
                        return;
                    }
                }
            });
        }
        // The moment: after a random part of the answers, and then a little later.
        let moment = random(all);
        let unfinished = || answered.load(Ordering::SeqCst) < moment;
        for _ in 0..5000 {
            if unfinished() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_micros(random(3000) as u64));
        if end != End::Killed {
            gateway.signal("TERM");
        }
        if end == End::KilledInTheDrain {
            std::thread::sleep(Duration::from_micros(random(SLOW.as_micros() as usize / 2) as u64));
        }
        match end {
            End::InOrder => assert_eq!(gateway.wait_for_exit().code(), Some(0)),
            End::Killed | End::KilledInTheDrain => kill(gateway),
        }
    });
}

/// Sends all again, and then once more.
fn send_again(gateway: &Gateway, load: &[Sent], seen: &HashMap<String, usize>, counts: &mut Counts) {
    let (passed, known, refused) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |counter: &AtomicUsize| {
        counter.fetch_add(1, Ordering::SeqCst);
    };
    each_in(load, |sent| {
        let first = answer(&ask(gateway, &sent.bytes));
        match (sent.fate, first.0, first.1.as_str()) {
            _ if seen.contains_key(&sent.target) => {
                assert_eq!(first, (401, "nonce_used".to_owned()), "the backend has had it: {sent:?}");
                count(&refused);
            }
            (Fate::NotSent, status, _) => assert_eq!(status, 200, "a fresh request is refused: {sent:?}: {first:?}"),
            (Fate::Unanswered, 200, _) => count(&passed),
            (Fate::Unanswered, 401, "nonce_used") => count(&known),
            _ => panic!("{sent:?}: {first:?}"),
        }
        assert_eq!(answer(&ask(gateway, &sent.bytes)), (401, "nonce_used".to_owned()), "a replay: {sent:?}");
    });
    counts.replays_refused += refused.into_inner();
    counts.unanswered_passed_later += passed.into_inner();
    counts.unanswered_known_later += known.into_inner();
}

/// On several threads at once.
fn each_in(all: &[Sent], each: impl Fn(&Sent) + Sync) {
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(CLIENTS)) {
            scope.spawn(|| part.iter().for_each(&each));
        }
    });
}

fn ask(gateway: &Gateway, bytes: &[u8]) -> Response {
    gateway.ask_raw(bytes)
}

fn random(below: usize) -> usize {
    (RandomState::new().hash_one(0) % below as u64) as usize
}
