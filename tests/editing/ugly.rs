//! Every file of tests/data/ugly, with every entry edited and removed, and one added.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::desk::{Desk, adding};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ugly");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 7, "{files:?}");
    files
}

/// The consumers by key, without what an edit elsewhere in the file changes.
fn consumers(desk: &Desk) -> BTreeMap<String, Value> {
    let without_place = |mut entry: Value| {
        ["line", "revision"].iter().for_each(|name| entry[*name] = Value::Null);
        (entry["key"].as_str().unwrap().to_owned(), entry)
    };
    desk.list().into_iter().map(without_place).collect()
}

/// Does something with every entry of every file, each time on the original; gives how often it was done, and not.
fn each(mut with: impl FnMut(&Desk, &str, &str) -> bool) -> (usize, usize) {
    let (mut done, mut not) = (0, 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        for key in Desk::with(&text).keys() {
            if with(&Desk::with(&text), &text, &key) { done += 1 } else { not += 1 }
        }
    }
    (done, not)
}

/// Whether a command was done; if it was not, it says what to do by hand.
fn is_done(desk: &Desk, arguments: &[&str]) -> bool {
    let screen = desk.run(arguments);
    if screen.code == Some(0) {
        return true;
    }
    assert!(screen.err.contains("this alias repeats a value") && screen.err.contains("by hand"), "{}", screen.err);
    false
}

fn comments(text: &str) -> usize {
    text.matches('#').count()
}

#[test]
fn an_entry_is_added_and_every_old_byte_stays() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let desk = Desk::with(&text);
        let before = consumers(&desk);
        desk.done(&adding("new: # one"));
        let new = desk.text();
        let (trimmed, new_trimmed) = (text.trim_end(), new.trim_end());
        let start = trimmed.bytes().zip(new_trimmed.bytes()).take_while(|(a, b)| a == b).count();
        let end = trimmed.bytes().rev().zip(new_trimmed.bytes().rev()).take_while(|(a, b)| a == b).count();
        assert!(start + end >= trimmed.len(), "{}:\n{new}", file.display());
        let mut after = consumers(&desk);
        assert_eq!(after.remove("new: # one").unwrap()["name"], "New");
        assert_eq!(after, before, "{}", file.display());
    }
}

#[test]
fn an_entry_is_edited_and_all_others_stay() {
    let (done, not) = each(|desk, text, key| {
        let before = consumers(desk);
        if !is_done(desk, &["edit", key, "--name", "N: # ü", "--execute-as", "yes", "--public-key", "c.pub"]) {
            return false;
        }
        let mut wanted = before;
        let entry = wanted.get_mut(key).unwrap();
        entry["name"] = "N: # ü".into();
        entry["two_legged"]["execute_as"] = "yes".into();
        let mut after = consumers(desk);
        entry["public_keys"] = after.get_mut(key).unwrap()["public_keys"].take();
        after.get_mut(key).unwrap()["public_keys"] = entry["public_keys"].clone();
        assert_eq!(entry["public_keys"][0]["bits"], 4096);
        assert_eq!(after, wanted, "{}", desk.text());
        // Comments are all there: the only new `#` is the one in the name, and values may have had some.
        let values: usize = ["# no comment", "#\""].iter().map(|value| text.matches(value).count()).sum();
        assert!(comments(&desk.text()) + values > comments(text), "{}", desk.text());
        true
    });
    assert_eq!((done, not), (18, 1));
}

#[test]
fn an_entry_is_removed_and_all_others_stay() {
    let (done, not) = each(|desk, text, key| {
        let mut wanted = consumers(desk);
        if !is_done(desk, &["remove", key, "--yes"]) {
            return false;
        }
        wanted.remove(key);
        assert_eq!(consumers(desk), wanted);
        // Nothing but what goes is touched: what is left is the old text with some of it taken out.
        let mut old = text.chars();
        assert!(desk.text().chars().all(|wanted| old.any(|c| c == wanted)), "{}", desk.text());
        true
    });
    assert_eq!((done, not), (18, 1));
}

#[test]
fn one_after_the_other_all_go_and_come_back() {
    for file in files() {
        let desk = Desk::with(std::fs::read(&file).unwrap());
        // From the last: whose values others repeat goes after them.
        for key in desk.keys().iter().rev() {
            desk.done(&["remove", key, "--yes"]);
        }
        assert_eq!(desk.keys(), [""; 0], "{}", desk.text());
        desk.done(&adding("new"));
        assert_eq!(desk.keys(), ["new"], "{}", desk.text());
    }
}
