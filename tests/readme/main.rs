//! The commands of the README, of docs/consumers.md, docs/api.md and docs/dance.md, run as they stand; the tests that docs/attacks.md names.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use section::{Section, sections};

mod attacks;
mod section;
#[path = "../support/mod.rs"]
mod support;
mod user;

#[test]
fn every_command_works_as_it_stands() {
    let sections = sections("README.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(tested.len() >= 2, "the README has lost its tested commands");
    for port in [2990, 8080] {
        let taken = |error| panic!("the README's commands need port {port}, and something has it: {error}");
        TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(taken);
    }
    for section in tested {
        section.run();
    }
}

#[test]
fn every_command_about_consumers_works_as_it_stands() {
    let sections = sections("docs/consumers.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(tested.len() >= 5, "docs/consumers.md has lost its tested commands");
    tested.into_iter().for_each(Section::run);
}

#[test]
fn every_call_of_the_api_works_as_it_stands() {
    let sections = sections("docs/api.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(
        tested.iter().map(|section| section.script.matches("curl ").count()).sum::<usize>() >= 10,
        "docs/api.md has lost its calls"
    );
    tested.into_iter().for_each(Section::run);
}

#[test]
fn every_dance_works_as_it_stands() {
    let sections = sections("docs/dance.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(tested.len() >= 3, "docs/dance.md has lost its tested commands");
    tested.into_iter().for_each(Section::run);
}

#[test]
fn what_it_links_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let targets = readme.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    for target in targets.filter(|target| !target.starts_with("http")) {
        assert!(root.join(target).exists(), "{target}");
    }
}
