//! Ten thousand consumers.

use std::fmt::Write;

use crate::desk::{Desk, adding};
use crate::support::{Consumer, RSA_2048};

#[test]
fn one_of_ten_thousand_is_changed_and_the_others_are_not() {
    let mut text = String::from("# many\n");
    let keys: Vec<Consumer> =
        (0..10_000).map(|number| Consumer::new(&format!("c{number}"), &RSA_2048).with("enabled: true # ü")).collect();
    write!(text, "{}", Consumer::file(&keys)).unwrap();
    let desk = Desk::with(&text);
    desk.done(&["edit", "c5000", "--disabled"]);
    let entry = text.find("\"c5000\"").unwrap();
    let (before, after) = text.split_at(entry);
    let changed = format!("{before}{}", after.replacen("enabled: true", "enabled: false", 1));
    assert!(desk.text() == changed, "more than the one value differs");
    let out = desk.done(&adding("new"));
    assert!(out.contains("added consumer new"), "{out}");
    assert!(desk.text().starts_with(&changed), "the new one is at the end");
}
