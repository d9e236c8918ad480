//! Two editors at once never lose each other's change.

use std::fs::File;
use std::process::Child;

use crate::desk::{Desk, Screen, adding, two};

fn wait(children: Vec<Child>) {
    for child in children {
        let screen = Screen::of(child.wait_with_output().unwrap());
        assert_eq!(screen.code, Some(0), "{}", screen.err);
    }
}

#[test]
fn of_ten_additions_at_once_all_are_there() {
    for desk in [Desk::with_two(), Desk::with_folder()] {
        let before = if desk.place().is_dir() { 0 } else { 2 };
        let keys: Vec<String> = (0..20).map(|number| format!("new{number}")).collect();
        // Each is done within the time for which the others wait for the lock, on a machine that is busy too.
        for at_once in keys.chunks(10) {
            wait(at_once.iter().map(|key| desk.command(&adding(key)).spawn().unwrap()).collect());
        }
        let found = desk.keys();
        assert_eq!(found.len(), before + 20, "{found:?}");
        assert!(keys.iter().all(|key| found.contains(key)), "{found:?}");
    }
}

#[test]
fn changes_of_one_consumer_at_once_are_all_made() {
    let desk = Desk::with_two();
    let changes = [
        ["--name", "New"],
        ["--description", "d"],
        ["--callback-url", "https://a.example/"],
        ["--execute-as", "bob"],
        ["--allow", "/rest/**"],
        ["--allow-from", "10.0.0.0/8"],
        ["--rate-limit", "1/1s"],
        ["--reveal", "diagnosis"],
    ];
    wait(changes.iter().map(|change| desk.command(&[&["edit", "reports"], &change[..]].concat()).spawn().unwrap()).collect());
    let shown = desk.show("reports");
    assert_eq!(
        (&shown["name"], &shown["description"], &shown["two_legged"]["execute_as"]),
        (&"New".into(), &"d".into(), &"bob".into())
    );
    assert_eq!(shown["refusals"]["reveal"], "diagnosis");
    assert!(["callback_url", "allow", "allow_from", "rate_limit"].iter().all(|name| !shown[*name].is_null()), "{shown}");
}

#[test]
fn who_holds_the_lock_is_waited_for() {
    let desk = Desk::with_two();
    let lock = File::open(desk.path("")).unwrap();
    lock.lock().unwrap();
    let mut child = desk.command(&adding("new")).spawn().unwrap();
    // It cannot have been done, however long that took.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    assert_eq!(desk.keys().len(), 2, "and reading needs no lock");
    lock.unlock().unwrap();
    wait(vec![child]);
    assert_eq!(desk.keys().len(), 3);
}

#[test]
fn who_holds_the_lock_of_a_file_that_a_link_leads_to_is_waited_for() {
    let desk = Desk::with_folder();
    std::fs::write(desk.path("list"), two()).unwrap();
    std::os::unix::fs::symlink(desk.path("list"), desk.place().join("list.yaml")).unwrap();
    let lock = File::open(desk.path("")).unwrap();
    lock.lock().unwrap();
    let mut child = desk.command(&["edit", "reports", "--disabled"]).spawn().unwrap();
    // It cannot have been done, however long that took.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    assert_eq!(std::fs::read_to_string(desk.path("list")).unwrap(), two());
    lock.unlock().unwrap();
    wait(vec![child]);
    assert_eq!(desk.show("reports")["enabled"], false);
}
