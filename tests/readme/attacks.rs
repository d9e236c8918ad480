//! docs/attacks.md, compared with the tests that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A test that a row names, or all of a file whose names begin so.
struct Named {
    /// What the row's own tests begin with: `a03_` in the row A3.
    row: String,
    file: PathBuf,
    name: String,
}

impl Named {
    fn is_for(&self, test: &str) -> bool {
        self.name.strip_suffix('*').map_or(self.name == test, |beginning| test.starts_with(beginning))
    }
}

#[test]
fn every_test_that_a_row_names_is_there_and_every_numbered_test_is_in_its_row() {
    let named = named();
    let rows: BTreeSet<&str> = named.iter().map(|named| named.row.as_str()).collect();
    assert_eq!(rows.len(), 4 + 49, "rows with tests: {rows:?}");
    for named in &named {
        let is_there = tests_of(&named.file).iter().any(|test| named.is_for(test));
        assert!(is_there, "{}: {} has no test {}", named.row, named.file.display(), named.name);
    }
    let mut numbered = 0;
    for file in files(&root().join("tests")) {
        for test in tests_of(&file).into_iter().filter(|test| is_numbered(test)) {
            numbered += 1;
            let in_its_row = |named: &Named| named.file == file && test.starts_with(&named.row) && named.is_for(&test);
            assert!(named.iter().any(in_its_row), "{test} of {} is not in its row of docs/attacks.md", file.display());
        }
    }
    assert!(numbered > 100, "{numbered} tests with a number");
}

/// What stands in the rows of docs/attacks.md; a row without a number belongs to the one above.
fn named() -> Vec<Named> {
    let text = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let (mut row, mut named) = (String::new(), Vec::new());
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let first = line.trim_start_matches("| ").split(' ').next().unwrap_or_default();
        if let Some((letter, number)) = first.split_at_checked(1).filter(|(_, number)| number.parse::<u8>().is_ok()) {
            let width = if letter == "I" { 1 } else { 2 };
            row = format!("{}{number:0>width$}_", letter.to_lowercase());
        }
        for link in line.split("[`").skip(1) {
            let (test, file) = link.split_once("`](").unwrap();
            let (file, (_, name)) = (file.split_once(')').unwrap().0, test.split_once("::").unwrap());
            let file = root().join(file.strip_prefix("../").unwrap());
            named.push(Named { row: row.clone(), file, name: name.to_owned() });
        }
    }
    named
}

/// The names of a file's tests.
#[track_caller]
fn tests_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let after_attribute = text.split("test]\n").skip(1).filter_map(|rest| rest.split_once("fn "));
    after_attribute.filter_map(|(_, rest)| Some(rest.split_once('(')?.0.to_owned())).collect()
}

/// `a03_…`, `i1_…`.
fn is_numbered(test: &str) -> bool {
    let digits = test.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    digits > 0 && test.as_bytes().get(1 + digits) == Some(&b'_') && matches!(test.as_bytes()[0], b'a'..=b'i')
}

/// Every file of tests below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).filter(|path| is_rust(path)).collect()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
