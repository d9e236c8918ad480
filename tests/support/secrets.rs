//! What may never stand in a log: every signature that the tests' own signer has made.
//!
//! With `COUNTERSIGN_TRACE=1` in the environment every gateway whose test names no level of its own says all that it can say.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::percent::encode;

/// Remembers a signature, in base64.
pub fn remember(signature: &str) {
    let mut known = SIGNATURES.lock().unwrap_or_else(PoisonError::into_inner);
    for spelling in [signature.to_owned(), encode(signature)] {
        if let Some(start) = spelling.get(..LENGTH) {
            known.get_or_insert_with(HashSet::new).insert(start.to_owned());
        }
    }
}

/// The first line that has a signature in it, however long the piece.
pub fn told_in(lines: &[String]) -> Option<&String> {
    let known = SIGNATURES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.as_ref()?;
    let has_one = |run: &str| (0..=run.len() - LENGTH).any(|at| known.contains(&run[at..at + LENGTH]));
    lines.iter().find(|line| line.split(|c| !is_of_a_signature(c)).any(|run| run.len() >= LENGTH && has_one(run)))
}

/// What log level a gateway gets whose test names none.
pub fn log_setting() -> Option<&'static str> {
    std::env::var_os("COUNTERSIGN_TRACE").map(|_| "log: { level: trace }")
}

fn is_of_a_signature(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '%')
}

static SIGNATURES: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// So much of a signature is none by chance, and less of it is of no use to anybody.
const LENGTH: usize = 40;
