//! A pattern and a path, separated by a line feed: a canonical path has one reading, and a pattern that matches also matches
//! loosely (a `deny` rule is never narrower than it is written).
#![no_main]

use countersign::routes::{CanonicalPath, PathPattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (pattern, raw) = text.split_once('\n').unwrap_or(("/**", text));
    let Ok(path) = CanonicalPath::of(raw) else { return };
    assert!(path.as_str().starts_with('/'));
    assert!(!path.as_str().contains("//") && !path.as_str().contains(['\\', ';', '%', '?', '#', '\0']));
    assert!(path.as_str().split('/').all(|segment| segment != "." && segment != ".."));
    let Ok(pattern) = PathPattern::parse(pattern) else { return };
    if pattern.matches(&path) {
        assert!(pattern.matches_loosely(&path));
    }
});
