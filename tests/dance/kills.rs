//! Dances with gateways that are ended at random moments: what a client was answered it has, and nothing is there twice.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::site::{Given, Site};
use crate::support::Gateway;

/// What a client holds when the gateway ends, and what it was waiting for.
#[derive(Debug, Default, Clone)]
struct Held {
    request_token: Option<String>,
    verifier: Option<String>,
    given: Option<Given>,
    /// Something was asked for that was not answered.
    waits: bool,
}

#[test]
fn whatever_moment_a_gateway_is_killed_at_a_client_holds_a_working_token_or_an_error() {
    let rounds = if std::env::var_os("COUNTERSIGN_LONG").is_some() { 50 } else { 10 };
    let (mut site, mut seen, mut told) = (Site::start(), HashSet::new(), [0; 3]);
    for round in 0..rounds {
        let users: Vec<&'static str> = (0..AT_ONCE).map(|number| &*format!("user-{round}-{number}").leak()).collect();
        // Once in each part of the dances.
        let part = ANSWERS / rounds;
        let held = killed_while_they_dance(&site, &users, round * part + random(part));
        let Site { gateway, backend } = site;
        site = Site { gateway: Gateway::start_in(gateway.leave_folder()), backend };
        for (user, held) in users.iter().zip(held) {
            told[usize::from(held.request_token.is_some()) + usize::from(held.given.is_some())] += 1;
            let tokens = [held.request_token.clone(), held.given.as_ref().map(|given| given.token.clone())];
            assert!(tokens.into_iter().flatten().all(|token| seen.insert(token)), "a token was given twice");
            judge(&site, user, &held);
        }
        let live = live_tokens(&site.gateway);
        assert!(live.values().all(|count| *count == 1), "{live:?}");
    }
    // Clients with nothing, with a request token, with an access token.
    println!("when the gateway ended: {told:?}");
    assert!(told[0] + told[1] > 0 && told[2] > 0, "no gateway ended in the middle of anything: {told:?}");
}

/// All of them dance at the same time, and go on to renew, until the gateway is gone: a little after so many answers.
fn killed_while_they_dance(site: &Site, users: &[&'static str], moment: usize) -> Vec<Held> {
    let (is_killed, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (is_killed, answered) = (&is_killed, &answered);
        let dances: Vec<_> = users
            .iter()
            .map(|user| {
                scope.spawn(move || {
                    let held = Mutex::new(Held::default());
                    // The clients of these tests take it for a fault of the gateway that it is gone.
                    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| dance(site, user, &held, answered)));
                    assert!(ended.is_err() && is_killed.load(Ordering::SeqCst), "a dance ended before the gateway did");
                    held.into_inner().unwrap_or_else(PoisonError::into_inner)
                })
            })
            .collect();
        // Where they come to nothing the gateway ends all the same, and they with it.
        for _ in 0..20_000 {
            if answered.load(Ordering::SeqCst) < moment {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_micros(random(3000) as u64));
        is_killed.store(true, Ordering::SeqCst);
        site.gateway.signal("KILL");
        dances.into_iter().map(|dance| dance.join().unwrap()).collect()
    })
}

fn dance(site: &Site, user: &'static str, held: &Mutex<Held>, answered: &AtomicUsize) {
    let asks = || held.lock().unwrap().waits = true;
    let has = |change: &dyn Fn(&mut Held)| {
        let mut held = held.lock().unwrap();
        held.waits = false;
        change(&mut held);
        answered.fetch_add(1, Ordering::SeqCst);
    };
    asks();
    let token = site.request_token().token;
    has(&|held| held.request_token = Some(token.clone()));
    asks();
    let verifier = site.user(user).allows(&token);
    has(&|held| held.verifier = Some(verifier.clone()));
    asks();
    let mut given = Given::of(&site.exchange(&token, &verifier));
    loop {
        has(&|held| held.given = Some(given.clone()));
        asks();
        given = Given::of(&site.renew(&given.token, &given.session_handle));
    }
}

/// The client goes on from what it holds.
fn judge(site: &Site, user: &'static str, held: &Held) {
    match held {
        Held { given: Some(given), waits, .. } => {
            let answer = site.call(&given.token);
            // A renewal that was not answered may have ended it.
            assert!(answer.status == 200 || *waits && refused_with(&answer, "token_rejected"), "{held:?}: {}", answer.text());
        }
        Held { request_token: Some(token), verifier: Some(verifier), waits, .. } => {
            let answer = site.exchange(token, verifier);
            if *waits && refused_with(&answer, "token_used") {
                return;
            }
            assert_eq!(site.call(&Given::of(&answer).token).status, 200);
        }
        Held { request_token: Some(token), waits, .. } => {
            if *waits && site.user(user).opens(token).status == 410 {
                return;
            }
            let verifier = site.user(user).allows(token);
            assert_eq!(site.call(&Given::of(&site.exchange(token, &verifier)).token).status, 200);
        }
        Held { .. } => {}
    }
}

fn refused_with(answer: &crate::support::Response, problem: &str) -> bool {
    answer.status == 401 && answer.problem().as_deref() == Some(problem)
}

/// How many tokens each user has, as the command tells.
fn live_tokens(gateway: &Gateway) -> BTreeMap<String, usize> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let listed =
        command.args(["tokens", "list", "--json", "--config"]).arg(gateway.folder().join("countersign.yaml")).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let mut counts = BTreeMap::new();
    for token in listed {
        *counts.entry(token["user"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    counts
}

fn random(below: usize) -> usize {
    (RandomState::new().hash_one(0) % below as u64) as usize
}

/// Clients that dance with one gateway.
const AT_ONCE: usize = 10;

/// Each needs three for its access token, and renews it then. A multiple of the rounds.
const ANSWERS: usize = 5 * AT_ONCE;
