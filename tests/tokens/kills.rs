//! Whoever writes tokens is killed at any moment: what was answered is there, and nothing that keeps the next from its work.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::tokens::TokenProblem;

use crate::site::{Site, dance, key, open, problem, wait_for};

/// Tells a test of this program that it is the one to be killed, and where it works.
const PLACE: &str = "COUNTERSIGN_TEST_TOKENS";

const ROUNDS: u64 = 50;

fn writer(state: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "kills::writes_until_it_is_killed", "--nocapture", "--include-ignored"]).env(PLACE, state);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
#[ignore = "started by the test below, which kills it"]
fn writes_until_it_is_killed() {
    let Some(state) = env::var_os(PLACE) else { return };
    let store = open(Path::new(&state));
    loop {
        let given = dance(&store, "a", "ada");
        println!("\ngiven {}", given.issued.token.reveal());
        let (token, handle) = (given.issued.token.reveal().as_bytes(), given.session_handle.reveal().as_bytes());
        let lifetimes = countersign::config::Lifetimes::default();
        let new = wait_for(store.renew(token, &key("a"), Some(handle), lifetimes)).unwrap();
        println!("\nrenewed {} {}", given.issued.token.reveal(), new.issued.token.reveal());
    }
}

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    let site = Site::new();
    let (mut good, mut renewed): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut child = writer(&site.state());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // In some rounds while the database is opened, in others after some answers and a part of one more.
        let wanted = usize::try_from(round % 7).unwrap();
        let mut answers: Vec<String> = lines.by_ref().filter(|line| is_answer(line)).take(wanted).collect();
        assert_eq!(answers.len(), wanted, "it ended before it was killed");
        std::thread::sleep(Duration::from_micros(round * 937 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        // A line without its end is none: whoever wrote it may not have got to that.
        answers.extend(lines.filter(|line| is_answer(line)));
        for answer in &answers {
            match *answer.split(' ').collect::<Vec<_>>() {
                ["given", token] => good.push(token.to_owned()),
                ["renewed", old, new] => {
                    good.retain(|token| token != old);
                    good.push(new.to_owned());
                    renewed.push(old.to_owned());
                }
                _ => panic!("{answer}"),
            }
        }
        let store = open(&site.state());
        assert!(renewed.iter().all(|token| problem(&store, token, "a") == Some(TokenProblem::Renewed)), "{round}");
        // The last one may have been renewed, and nobody was told.
        let lost = good.iter().position(|token| problem(&store, token, "a").is_some());
        if let Some(at) = lost {
            assert_eq!((at, problem(&store, &good[at], "a")), (good.len() - 1, Some(TokenProblem::Renewed)), "{round}");
            renewed.extend(good.pop());
        }
    }
    println!("{ROUNDS} kills: {} tokens good, {} renewed", good.len(), renewed.len());
    assert!(good.len() > 20 && renewed.len() > 50, "the kills came too early");
    dance(&site.open(), "a", "ada");
}

/// The rest is the test program's own.
fn is_answer(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    let count = match words[0] {
        "given" => 2,
        "renewed" => 3,
        _ => return false,
    };
    words.len() == count && words[1..].iter().all(|token| token.len() == 32)
}
