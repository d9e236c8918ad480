//! What one instance accepted, no other does.

use std::sync::Barrier;

use crate::store::{PATIENT, Store};
use crate::support::{Consumer, Gateway, RSA_1024, by_reporting, signed};
use crate::{Pair, admitted};

#[test]
fn a10_the_same_request_to_two_instances_at_once_passes_once() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    const AT_ONCE: usize = 64;
    const ROUNDS: usize = 200;
    let requests: Vec<Vec<u8>> = (0..ROUNDS).map(|_| by_reporting().get("/race").bytes()).collect();
    let barrier = Barrier::new(AT_ONCE);
    let race = |number: usize| {
        let mut client = if number.is_multiple_of(2) { pair.first.client() } else { pair.second.client() };
        let answer = |bytes: &Vec<u8>| {
            barrier.wait();
            let response = client.ask(bytes);
            (response.status, response.problem().unwrap_or_default())
        };
        requests.iter().map(answer).collect::<Vec<_>>()
    };
    let answers: Vec<Vec<(u16, String)>> = std::thread::scope(|scope| {
        let race = &race;
        let threads: Vec<_> = (0..AT_ONCE).map(|number| scope.spawn(move || race(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for round in 0..ROUNDS {
        let of_round: Vec<_> = answers.iter().map(|answers| &answers[round]).collect();
        let passed = of_round.iter().filter(|(status, _)| *status == 200).count();
        let used = of_round.iter().filter(|(status, problem)| *status == 401 && problem == "nonce_used").count();
        assert_eq!((passed, used), (1, AT_ONCE - 1), "round {round}: {of_round:?}");
    }
    assert_eq!(pair.backend.requests().len(), ROUNDS);
}

#[test]
fn a_replay_at_the_other_instance_is_refused_and_told_so() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    let request = by_reporting().get("/once");
    admitted(&pair.first, "first", &request);
    pair.refused_as(&pair.second, (401, "nonce_used"), "at the other instance", &request);
    pair.refused_as(&pair.first, (401, "nonce_used"), "at the same", &request);
    let fresh = by_reporting().get("/once");
    admitted(&pair.second, "a fresh one", &fresh);
    pair.refused_as(&pair.first, (401, "nonce_used"), "the other way round", &fresh);
}

#[test]
fn an_instance_that_is_killed_and_one_that_is_new_know_what_the_others_accepted() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    let request = by_reporting().get("/once");
    admitted(&pair.first, "first", &request);
    pair.first.signal("KILL");
    let third = Gateway::builder().upstream(&pair.backend).setting(&store.setting()).start();
    pair.refused_as(&third, (401, "nonce_used"), "at an instance that is new", &request);
}

#[test]
fn what_is_refused_for_another_reason_uses_up_nothing_in_the_store() {
    let store = Store::ready();
    let limited = Consumer::new("limited", &RSA_1024).with("rate_limit: { requests: 1, per: 1d }");
    let backend = crate::Backend::start();
    let start = || Gateway::builder().upstream(&backend).setting(&store.setting()).consumer(limited.clone()).start();
    let (first, second) = (start(), start());
    let keys = || store.command(&["DBSIZE"]);
    assert_eq!(keys(), "1", "the marker alone");
    let forged = signed("limited", &RSA_1024).signature("AAAA");
    assert_eq!(first.ask(&forged).status, 401);
    admitted(&first, "within its rate", &signed("limited", &RSA_1024));
    let beyond = signed("limited", &RSA_1024);
    assert_eq!(first.ask(&beyond).status, 429);
    assert_eq!(keys(), "2", "one nonce was accepted");
    // The rate is each instance's own, and the request that was refused there is none that was seen.
    admitted(&second, "at the other instance", &beyond);
}

#[test]
fn the_store_learns_neither_consumers_nor_nonces_and_forgets_what_is_too_old() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    admitted(&pair.first, "a request", &by_reporting().nonce("the-nonce-itself"));
    let name = store.command(&["--no-raw", "KEYS", "countersign:n:*"]);
    assert!(!name.contains("reporting") && !name.contains("the-nonce"), "{name}");
    let left: u64 =
        store.command(&["EVAL", "return redis.call('TTL', redis.call('KEYS', 'countersign:n:*')[1])", "0"]).parse().unwrap();
    // The window's 300 s, and what the clocks may differ.
    assert!((300..=372).contains(&left), "{left}");
}

#[test]
fn a_store_over_tcp_with_a_database_and_a_user_of_its_own() {
    let store = Store::with(&["--databases", "4"]);
    let rights = ["~countersign:*", "+get", "+set", "+info", "+time", "+select"];
    store.command(&[&["ACL", "SETUSER", "gateway", "on", ">secret"], &rights[..]].concat());
    let port = store.listen();
    std::fs::write(store.folder().join("password"), "secret\n").unwrap();
    let (key, password) = (store.folder().join("store.key"), store.folder().join("password"));
    let setting = format!(
        "replay: {{ shared: \"redis://gateway@127.0.0.1:{port}/3\", key_file: \"{}\", password_file: \"{}\"{PATIENT} }}",
        key.display(),
        password.display()
    );
    let (succeeded, said) = store.try_init(&["--unused"], &setting);
    assert!(succeeded, "{said}");
    let backend = crate::Backend::start();
    let start = || Gateway::builder().upstream(&backend).setting(&setting).start();
    let (first, second) = (start(), start());
    let request = by_reporting();
    admitted(&first, "first", &request);
    assert_eq!(second.ask(&request).problem().as_deref(), Some("nonce_used"));
    assert_eq!(store.command(&["-n", "3", "DBSIZE"]), "2", "the marker and the nonce");
}
