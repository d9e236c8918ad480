//! `countersign demo`, as a newcomer runs it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

fn demo(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("demo").env("TMPDIR", temporary).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The demos' folders that are there.
fn folders(temporary: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A demo that stays up, killed if the test fails.
struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn once_shows_five_requests_with_their_answers_and_leaves_nothing_behind() {
    let temporary = TempDir::new().unwrap();
    let output = demo(temporary.path()).arg("--once").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<&str> = text.lines().filter_map(|line| line.trim_start().strip_prefix("answer ")).map(str::trim).collect();
    assert_eq!(answers.len(), 5, "{text}");
    for (answer, expected) in answers.iter().zip([
        "401 Unauthorized, and the challenge",
        "200 OK: Three invoices, demo.",
        "401 Unauthorized, oauth_problem=signature_invalid",
        "401 Unauthorized, oauth_problem=nonce_used",
        "401 Unauthorized, oauth_problem=signature_invalid",
    ]) {
        assert!(answer.starts_with(expected), "{text}");
    }
    assert_eq!(text.matches("✓ as it should be").count(), 5, "{text}");
    assert_eq!(text.matches("heard nothing of it").count(), 4, "{text}");
    assert!(text.contains("X-OAuth-Consumer: demo"), "{text}");
    assert!(!text.contains('\x1b'), "no colours where there is no terminal");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(folders(temporary.path()).is_empty());
}

#[test]
fn stays_up_for_the_commands_it_prints_until_it_is_told_to_end() {
    for signal in ["TERM", "INT"] {
        play_until(signal);
    }
}

fn play_until(signal: &str) {
    let temporary = TempDir::new().unwrap();
    let mut playing = Playing(demo(temporary.path()).spawn().unwrap());
    let lines: Vec<String> = BufReader::new(playing.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.contains("Ctrl-C ends the demo"))
        .collect();
    let command = |part: &str| lines.iter().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{lines:#?}"));
    let run = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(command("curl -i ")).starts_with("HTTP/1.1 401 "));
    for _ in 0..2 {
        assert!(run(command(" sign ")).starts_with("Three invoices, demo."));
    }
    let sent = Command::new("kill").args([&format!("-{signal}"), &playing.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(playing.0.wait().unwrap().code(), Some(0), "{signal}");
    assert!(folders(temporary.path()).is_empty());
}
