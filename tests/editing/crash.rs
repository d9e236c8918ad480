//! An editor that is killed at any step leaves the old file or the new one, and nothing that keeps the next from its work.

use std::process::Command;
use std::time::Instant;

use crate::desk::{Desk, two};

/// The old name or the new one, whichever the file has.
fn found(desk: &Desk, old: &str, new: &str) -> String {
    let found = desk.text();
    let name = [old, new].into_iter().find(|name| found == text(name));
    name.unwrap_or_else(|| panic!("neither {old} nor {new}: {found}")).to_owned()
}

fn text(name: &str) -> String {
    two().replacen("name: \"reports\"", &format!("name: {name}"), 1)
}

/// The system calls of a replacement; the tracer kills the program when it enters the n-th of them.
const STEPS: [&str; 9] = ["flock", "openat", "unlink", "write", "fchown", "fchmod", "fsync", "rename", "close"];
/// All of one kind together.
const ROUNDS: usize = 100;

/// Edits with the program killed at the n-th call of this name; whether it got to its end before.
fn killed_at(desk: &Desk, call: &str, number: usize, name: &str) -> bool {
    let command = desk.command(&["edit", "reports", "--name", name]);
    let mut traced = Command::new("strace");
    traced.args([
        "-f",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={call}:signal=KILL:when={number}"),
    ]);
    traced.arg(command.get_program()).args(command.get_args()).current_dir(desk.path(""));
    traced.output().expect("strace is needed by this test: ./tests/run installs it").status.success()
}

#[test]
fn killed_between_any_two_steps_it_leaves_the_old_file_or_the_new_one() {
    let desk = Desk::with_two();
    assert_ne!(text("N0"), two());
    std::fs::write(desk.place(), text("N0")).unwrap();
    let (mut old, mut round, mut kept, mut replaced, mut ends) = ("N0".to_owned(), 0, 0, 0, 0);
    for call in STEPS {
        for number in 1.. {
            // A call that is made often is made often before the file is touched.
            let most = ROUNDS / STEPS.len();
            let number = if call == "openat" || call == "close" { number * 3 } else { number };
            if round == ROUNDS || number > most * 3 {
                break;
            }
            round += 1;
            let new = format!("N{round}");
            let is_end = killed_at(&desk, call, number, &new);
            let found = found(&desk, &old, &new);
            assert!(!is_end || found == new, "{call} {number}");
            if found == new {
                replaced += 1;
            } else {
                kept += 1;
            }
            old = found;
            if is_end {
                ends += 1;
                break;
            }
        }
    }
    println!("{round} times: the old file {kept} times, the new one {replaced} times, {ends} ends");
    assert!(kept >= STEPS.len() && replaced > ends, "the kills missed: {kept} {replaced} {ends}");
    desk.done(&["edit", "reports", "--name", "Last"]);
    assert_eq!(desk.text(), text("Last"));
    assert!(!desk.path(".consumers.yaml.new").exists());
}

#[test]
fn killed_at_any_moment_it_leaves_the_old_file_or_the_new_one() {
    let desk = Desk::with(text("N0"));
    let start = Instant::now();
    desk.done(&["edit", "reports", "--name", "N1"]);
    let (whole, mut old, mut replaced) = (start.elapsed(), "N1".to_owned(), 0);
    for round in 2..ROUNDS {
        let new = format!("N{round}");
        let mut child = desk.command(&["edit", "reports", "--name", &new]).spawn().unwrap();
        // From the first moments to a little later than it would take.
        std::thread::sleep(whole * u32::try_from(round).unwrap() / 80);
        let _ = child.kill();
        child.wait().unwrap();
        let found = found(&desk, &old, &new);
        replaced += usize::from(found == new);
        old = found;
    }
    println!("{ROUNDS} times, the new file {replaced} times");
    desk.done(&["edit", "reports", "--name", "Last"]);
    assert_eq!(desk.text(), text("Last"));
}
