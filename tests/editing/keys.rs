//! Keys as people have them: mended, warned of, or refused, in the words of the pages and of the import.

use std::fs;

use crate::desk::{Desk, on_a_terminal, two};
use crate::support::{RSA_1024, RSA_4096};

const PRIVATE: &str = include_str!("../data/keys/rsa-4096-a.pem");

/// The arguments that add a consumer with the key in this file.
fn adding_from(file: &str) -> [&str; 7] {
    ["add", "--key", "new", "--name", "New", "--public-key", file]
}

#[test]
fn what_copying_did_to_a_key_is_mended_and_told() {
    let desk = Desk::with_two();
    let lines: Vec<&str> = RSA_4096.public_pem.lines().collect();
    let bare = lines[1..lines.len() - 1].join(" \r\n\t");
    fs::write(desk.path("copied.txt"), format!("\u{feff}{bare}")).unwrap();
    let screen = desk.run(&adding_from("copied.txt"));
    assert_eq!(screen.code, Some(0), "{}", screen.err);
    for note in ["line ends of another system were replaced", "invisible characters", "the BEGIN and END lines were missing"] {
        assert!(screen.err.contains(&format!("note: copied.txt: {note}")), "{note}: {}", screen.err);
    }
    let block: String = lines.iter().map(|line| format!("      {line}\n")).collect();
    assert!(desk.text().contains(&format!("    public_key: |\n{block}")), "{}", desk.text());
}

#[test]
fn a_private_key_is_called_exposed_and_neither_written_nor_shown() {
    let desk = Desk::with_two();
    fs::write(desk.path("k.pem"), PRIVATE).unwrap();
    let edit = ["edit", "wiki", "--public-key", "b.pub", "--public-key", "k.pem"];
    for error in [desk.refused(&adding_from("k.pem")), desk.refused(&edit)] {
        assert!(error.contains("error: the key in k.pem cannot be used: this is the private half of a key pair"), "{error}");
        assert!(error.contains("it is exposed") && error.contains("hint: make a new key pair"), "{error}");
        assert!(!error.contains("PRIVATE") && !error.contains("MII") && error.lines().all(|line| line.len() < 160), "{error}");
    }
}

#[test]
fn a_private_key_that_is_pasted_is_refused_too() {
    let desk = Desk::with_two();
    let screen = on_a_terminal(&desk, "add --key new --name New", PRIVATE);
    assert!(screen.out.contains("the key in what was pasted cannot be used: this is the private half"), "{}", screen.out);
    assert_eq!(desk.text(), two());
}

#[test]
fn a_weak_key_is_warned_of_once() {
    let desk = Desk::with_two();
    fs::write(desk.path("weak.pub"), &RSA_1024.public_pem).unwrap();
    let screen = desk.run(&adding_from("weak.pub"));
    assert_eq!(screen.code, Some(0), "{}", screen.err);
    assert!(
        screen.err.contains("warning: weak.pub: the key has 1024 bits, and fewer than 2048 are weak today"),
        "{}",
        screen.err
    );
    assert_eq!(screen.err.matches("weak today").count(), 1, "{}", screen.err);
    let later = desk.run(&["edit", "new", "--disabled"]).err;
    assert!(later.contains("consumers.yaml:") && later.contains("fewer than 2048 are weak today"), "{later}");
}
