//! A store that may have forgotten what was accepted: nothing is accepted by guess.

use crate::store::Store;
use crate::support::{Gateway, by_reporting, eventually, now};
use crate::{Pair, admitted};

#[test]
fn a10_a_store_that_was_restarted_empty_accepts_no_replay() {
    let mut store = Store::ready();
    let pair = Pair::on(&store);
    // Up to the window's end in the future.
    let accepted = [by_reporting(), by_reporting().timestamp(now() + 290)];
    accepted.iter().for_each(|request| admitted(&pair.first, "before", request));
    store.kill();
    store.start();
    for request in &accepted {
        let refused = eventually("the store is used again", || {
            let response = pair.refused(&pair.second, "a replay at the other instance", request);
            response.problem()
        });
        assert_eq!(refused, "timestamp_refused");
        pair.refused(&pair.first, "a replay at the same", request);
    }
    pair.refused_as(&pair.second, (401, "timestamp_refused"), "whatever could have been accepted", &by_reporting());
    pair.second.wait_for_line("requests with timestamps before that are refused");
}

#[test]
fn a_store_that_is_emptied_accepts_nothing_not_even_the_next_request() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    let accepted = [by_reporting(), by_reporting().timestamp(now() + 290)];
    accepted.iter().for_each(|request| admitted(&pair.first, "before", request));
    store.command(&["FLUSHALL"]);
    for request in accepted.iter().chain(&accepted) {
        let response = pair.refused(&pair.second, "a replay, a moment after", request);
        assert!([401, 503].contains(&response.status), "{}", response.status);
    }
    eventually("the store is used again", || pair.refused(&pair.second, "a fresh one", &by_reporting()).problem());
    // That there was nothing to lose only a person can say, before an instance has said the contrary.
    let said = eventually("a store without a marker", || {
        store.command(&["FLUSHALL"]);
        let (succeeded, said) = store.try_init(&["--unused"], &store.setting());
        succeeded.then_some(said)
    });
    assert!(said.contains("is ready"), "{said}");
    eventually("fresh ones pass", || (pair.second.ask(&by_reporting()).status == 200).then_some(()));
}

#[test]
fn a_store_that_came_back_with_what_it_saved_may_lack_the_last_of_it() {
    let mut store = Store::ready();
    let pair = Pair::on(&store);
    store.command(&["SAVE"]);
    let accepted = by_reporting();
    admitted(&pair.first, "after the last save", &accepted);
    store.kill();
    store.start();
    assert_eq!(store.command(&["EXISTS", "countersign:store"]), "1", "the marker was saved");
    let refused = eventually("the store is used again", || pair.refused(&pair.second, "a replay", &accepted).problem());
    assert_eq!(refused, "timestamp_refused");
}

#[test]
fn an_empty_store_is_taken_for_one_that_forgot_unless_somebody_says_that_it_is_new() {
    let store = Store::with(&[]);
    let pair = Pair::on(&store);
    pair.refused_as(&pair.first, (401, "timestamp_refused"), "an empty store", &by_reporting());
    let (succeeded, said) = store.try_init(&["--unused"], &store.setting());
    assert!(!succeeded && said.contains("leave --unused out"), "{said}");
    let said = store.init(&["--json"]);
    let from: u64 = serde_json::from_str::<serde_json::Value>(&said).unwrap()["accepts_from"].as_u64().unwrap();
    assert!(from > now() + 300, "{said}");
    pair.refused(&pair.first, "and again", &by_reporting());
}

#[test]
fn an_empty_store_is_not_said_to_be_new_by_making_it_ready() {
    let store = Store::with(&[]);
    let said = store.init(&["--json"]);
    let from = serde_json::from_str::<serde_json::Value>(&said).unwrap()["accepts_from"].as_u64().unwrap();
    assert!(from > now() + 300, "{said}");
    let pair = Pair::on(&store);
    pair.refused_as(&pair.first, (401, "timestamp_refused"), "what it may have forgotten", &by_reporting());
}

#[test]
fn a_store_is_not_made_ready_by_a_machine_whose_clock_is_off() {
    let store = Store::with(&[]);
    for offset in ["+45s", "-45s"] {
        let (succeeded, said) = store.try_init_through(&["faketime", "-m", "-f", offset], &["--unused"], &store.setting());
        assert!(!succeeded && said.contains("clock"), "{offset}: {said}");
    }
    assert_eq!(store.command(&["EXISTS", "countersign:store"]), "0", "nothing was written");
}

#[test]
fn a_marker_of_another_window_or_key_keeps_an_instance_from_starting() {
    let store = Store::ready();
    let backend = crate::Backend::start();
    let builder = || Gateway::builder().upstream(&backend).setting(&store.setting());
    let (status, said) = builder().setting("verify: { max_age: 301s }").start_in_vain();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("max_age 300 s") && said.contains("store init"), "{said}");
    let other = store.folder().join("other.key");
    std::fs::write(&other, format!("{}\n", "1f".repeat(16) + &"2e".repeat(16))).unwrap();
    let setting = store.setting().replace(&store.folder().join("store.key").display().to_string(), &other.display().to_string());
    let (status, said) = Gateway::builder().upstream(&backend).setting(&setting).start_in_vain();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("another replay.key_file") && !said.contains("1f1f"), "{said}");
    store.command(&["SET", "countersign:store", "somebody else's"]);
    let (status, said) = builder().start_in_vain();
    assert!(status.code() == Some(1) && said.contains("is not Countersign's"), "{said}");
    backend.assert_untouched();
}
