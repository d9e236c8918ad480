//! A store that nonces must not be kept in: the gateway does not start with it, and lets nothing pass when it becomes one.

use crate::store::{PATIENT, Store};
use crate::support::{Gateway, by_reporting, eventually};
use crate::{Pair, admitted};

/// Starts a gateway in vain, and gives what it said.
#[track_caller]
fn in_vain(setting: &str) -> String {
    let backend = crate::Backend::start();
    let (status, said) = Gateway::builder().upstream(&backend).setting(setting).start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    backend.assert_untouched();
    said
}

#[test]
fn a_store_that_evicts_is_none() {
    let store = Store::with(&["--maxmemory-policy", "allkeys-lru"]);
    let said = in_vain(&store.setting());
    assert!(said.contains("maxmemory-policy is allkeys-lru") && said.contains("maxmemory-policy noeviction"), "{said}");
    let (succeeded, said) = store.try_init(&["--unused"], &store.setting());
    assert!(!succeeded && said.contains("allkeys-lru"), "{said}");
}

#[test]
fn a_store_that_begins_to_evict_lets_nothing_pass_until_it_stops() {
    let store = Store::ready();
    let pair = Pair::on(&store);
    admitted(&pair.first, "before", &by_reporting());
    store.command(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    pair.first.wait_for_line("maxmemory-policy is volatile-ttl");
    pair.unclaimed(&pair.first, "it evicts", &by_reporting());
    store.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    eventually("it is used again", || (pair.first.ask(&by_reporting()).status == 200).then_some(()));
}

#[test]
fn a_replica_is_none_and_a_store_that_becomes_one_lets_nothing_pass() {
    let (store, other) = (Store::ready(), Store::with(&[]));
    let pair = Pair::on(&store);
    admitted(&pair.first, "before", &by_reporting());
    store.command(&["REPLICAOF", "127.0.0.1", "1"]);
    pair.first.wait_for_line("it is a replica");
    pair.unclaimed(&pair.first, "a replica", &by_reporting());
    other.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(in_vain(&other.setting()).contains("it is a replica"));
}

#[test]
fn a_wrong_password_and_none_are_told_and_never_shown() {
    let store = Store::with(&["--requirepass", "correct-horse"]);
    let said = in_vain(&store.setting());
    assert!(said.contains("does not let the gateway in") && said.contains("password_file"), "{said}");
    let password = store.folder().join("password");
    let setting = store.setting_with(&format!("{PATIENT}, password_file: \"{}\"", password.display()));
    std::fs::write(&password, "battery-staple\n").unwrap();
    let said = in_vain(&setting);
    assert!(said.contains("does not let the gateway in") && !said.contains("battery"), "{said}");
    std::fs::write(&password, "correct-horse\n").unwrap();
    let (succeeded, said) = store.try_init(&["--unused"], &setting);
    assert!(succeeded, "{said}");
    let backend = crate::Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting(&setting).start();
    admitted(&gateway, "with the right one", &by_reporting());
    assert_eq!(gateway.count_lines("correct-horse"), 0);
}

#[test]
fn a_database_that_the_server_lacks_and_a_password_file_without_one_are_told() {
    let store = Store::with(&["--databases", "1"]);
    let port = store.listen();
    let key = store.folder().join("store.key");
    let gateway = Gateway::builder().upstream(&crate::Backend::start());
    let gateway =
        gateway.setting(&format!("replay: {{ shared: \"redis://127.0.0.1:{port}/5\", key_file: \"{}\" }}", key.display()));
    gateway.start().wait_for_line("DB index is out of range");
    std::fs::write(store.folder().join("empty"), "\n").unwrap();
    let setting = store.setting_with(&format!(", password_file: \"{}\"", store.folder().join("empty").display()));
    assert!(in_vain(&setting).contains("it has to be one line of text"));
}
