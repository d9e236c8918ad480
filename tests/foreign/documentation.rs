//! docs/clients.md, compared with the drivers: its table with what they were seen to do, its examples with their lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::driver::path;

#[test]
fn every_driver_is_an_example_and_every_example_a_driver() {
    let drivers: BTreeSet<String> =
        names(&path("")).into_iter().filter(|name| !name.contains("_calls.")).chain(dances()).collect();
    let text = read();
    let examples: BTreeSet<String> = text.lines().filter_map(marker).map(str::to_owned).collect();
    assert_eq!(examples, drivers);
}

#[test]
fn the_examples_of_the_dance_are_what_is_danced() {
    let text = read();
    for dance in dances() {
        assert_eq!(example(&text, &dance), lines_of(&dances_folder().join(&dance)), "the example of {dance} in docs/clients.md");
    }
}

#[test]
fn the_versions_are_those_that_are_installed() {
    let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let python = std::fs::read_to_string(interop.join("requirements.txt")).unwrap().to_lowercase();
    let node = std::fs::read_to_string(interop.join("package.json")).unwrap();
    let text = read();
    for library in ["requests-oauthlib", "authlib", "jira", "atlassian-python-api"] {
        let version = &row(&text, library)[1];
        assert!(python.lines().any(|line| line == format!("{library}=={version}")), "{library} {version}");
    }
    for library in ["oauth", "oauth-1.0a", "jira-connector"] {
        let heading = if library == "oauth" { "node-oauth" } else { library };
        let version = &row(&text, heading)[1];
        assert!(node.contains(&format!("\"{library}\": \"{version}\"")), "{library} {version}");
    }
}

/// Compares the library's row and example.
#[track_caller]
pub(crate) fn check(library: &str, driver: &str, habits: &[String]) {
    let text = read();
    assert_eq!(row(&text, library)[2..], *habits, "the row of {library} in docs/clients.md");
    assert_eq!(example(&text, driver), lines_of(&path(driver)), "the example of {library} in docs/clients.md");
}

/// The scripts that tests/dance runs.
fn dances() -> Vec<String> {
    names(&dances_folder()).into_iter().filter(|name| !name.starts_with("steps.")).collect()
}

fn dances_folder() -> PathBuf {
    path("../dances")
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn read() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md")).unwrap()
}

/// The cells of a library's row.
#[track_caller]
fn row(text: &str, library: &str) -> Vec<String> {
    let start = format!("| [{library}](");
    let line =
        text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("docs/clients.md has no row of {library}"));
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The driver that the block after this line is taken from.
fn marker(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- the lines of ")?.strip_suffix(" -->")
}

/// The fenced block after a driver's marker.
#[track_caller]
fn example(text: &str, driver: &str) -> String {
    let mut lines = text.lines().skip_while(|line| marker(line) != Some(driver)).skip(1);
    assert!(lines.next().is_some_and(|line| line.starts_with("```")), "docs/clients.md has no example of {driver}");
    lines.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

/// What stands between a driver's markers, each piece without its indentation, with an empty line between two pieces.
fn lines_of(driver: &Path) -> String {
    let text = std::fs::read_to_string(driver).unwrap();
    let mut pieces: Vec<String> = Vec::new();
    let mut lines = text.lines();
    while lines.any(|line| line.contains(">>> docs")) {
        let piece: Vec<&str> = lines.by_ref().take_while(|line| !line.contains("<<< docs")).collect();
        let blank = |line: &&&str| !line.trim().is_empty();
        let indent = piece.iter().filter(blank).map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
        pieces.push(piece.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect());
    }
    assert!(!pieces.is_empty(), "{} has no marked lines", driver.display());
    pieces.join("\n")
}
