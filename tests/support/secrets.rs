//! What may stand in no log, in no file of the state directory and in no metric: the signatures that the tests' own signer has made,
//! what their client was given by the dance, and the cookies and passwords of their browser.
//!
//! With `COUNTERSIGN_TRACE=1` in the environment every gateway whose test names no level of its own says all that it can say.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::message::Response;
use super::percent::encode;

/// What is looked for.
#[derive(Default)]
struct Known {
    /// Random text, by its length.
    random: HashMap<usize, HashSet<Vec<u8>>>,
    /// What people think of, which may have blanks in it.
    thought_of: HashSet<String>,
}

impl Known {
    fn add(&mut self, random: &str) {
        if random.len() >= SHORTEST {
            self.random.entry(random.len()).or_default().insert(random.into());
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        let has_random =
            |run: &[u8]| self.random.iter().any(|(length, secrets)| run.windows(*length).any(|window| secrets.contains(window)));
        let mut runs = bytes.split(|byte| !is_of_random_text(*byte)).filter(|run| run.len() >= SHORTEST);
        let text = (!self.thought_of.is_empty()).then(|| String::from_utf8_lossy(bytes));
        let has_thought_of = || text.is_some_and(|text| self.thought_of.iter().any(|secret| text.contains(secret)));
        runs.any(has_random) || has_thought_of()
    }
}

/// Remembers a signature, in base64.
pub fn signed(signature: &str) {
    for spelling in [signature.to_owned(), encode(signature)] {
        if let Some(start) = spelling.get(..OF_A_SIGNATURE) {
            known().add(start);
        }
    }
}

/// Remembers what an answer gives to the one who asked: tokens, their secrets, session handles, verifiers, and cookies.
pub fn received(answer: &Response) {
    let cookies = answer.values("set-cookie");
    cookies.iter().filter_map(|cookie| cookie.split(';').next()?.split_once('=')).for_each(|(_, value)| known().add(value));
    const NAMES: [&str; 4] = ["oauth_token", "oauth_token_secret", "oauth_session_handle", "oauth_verifier"];
    let given = |pair: &str| {
        let value = pair.split_once('=').filter(|(name, _)| NAMES.contains(name));
        value.into_iter().for_each(|(_, value)| known().add(value));
    };
    answer.values("location").iter().flat_map(|location| location.split(['?', '&'])).for_each(given);
    if answer.status == 200 && answer.body.len() <= LONGEST_ANSWER {
        let text = answer.text();
        text.split('&').for_each(given);
        let shown = text.split_once(" id=\"verifier\">").and_then(|(_, rest)| rest.split_once('<'));
        shown.into_iter().for_each(|(code, _)| known().add(code.trim()));
    }
}

/// Remembers the passwords among the fields of a form.
pub fn typed(fields: &[(&str, &str)]) {
    for (_, password) in fields.iter().filter(|(name, text)| ["password", "again"].contains(name) && text.len() >= SHORTEST) {
        known().thought_of.extend([(*password).to_owned(), encode(password), password.replace(' ', "+")]);
    }
}

/// Whether any of it stands there, of a signature even a piece.
pub fn is_in(bytes: &[u8]) -> bool {
    // Line by line, so that nobody who has something to remember waits for long.
    bytes.split(|byte| *byte == b'\n').any(|line| known().is_in(line))
}

/// The first line in which any of it stands.
pub fn told_in(lines: &[String]) -> Option<&String> {
    lines.iter().find(|line| is_in(line.as_bytes()))
}

/// The first log of a gateway's folder, or file of its state, in which any of it stands.
pub fn file_that_tells(folder: &Path) -> Option<PathBuf> {
    let logs = files(folder).into_iter().filter(|path| path.display().to_string().contains(".log"));
    let all = logs.chain(files(&folder.join("state"))).chain(files(&folder.join("state/nonces")));
    all.into_iter().find(|path| std::fs::read(path).is_ok_and(|bytes| is_in(&bytes)))
}

/// What log level a gateway gets whose test names none.
pub fn log_setting() -> Option<&'static str> {
    std::env::var_os("COUNTERSIGN_TRACE").map(|_| "log: { level: trace }")
}

/// The files in a folder, if there is one.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_file()).collect()
}

fn is_of_random_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=%-_".contains(&byte)
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

static KNOWN: OnceLock<Mutex<Known>> = std::sync::OnceLock::new();

/// So much of a signature is none by chance, and less of it is of no use to anybody.
const OF_A_SIGNATURE: usize = 40;

/// A verifier has twelve letters and digits, and all else more. What is shorter in such a place is no secret, such as `denied`.
const SHORTEST: usize = 12;

/// Longer than every form and page of the dance; nothing is looked for in what an application sends.
const LONGEST_ANSWER: usize = 64 * 1024;
