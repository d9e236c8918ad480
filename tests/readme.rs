//! The commands of the README, of docs/consumers.md and of docs/api.md, run as they stand.
//!
//! A section's blocks marked `sh test` are one script, run in an empty folder that has the section's `yaml NAME` blocks as files
//! and the built program on its path. A comment at the end of a line is what the line must print.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A `##` section of a page with what is to be tested in it.
#[derive(Default)]
struct Section {
    title: String,
    script: String,
    files: Vec<(String, String)>,
}

/// A fenced block: what stands after the back-ticks, and its lines.
struct Block {
    info: String,
    text: String,
}

#[test]
fn every_command_works_as_it_stands() {
    let sections = sections("README.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(tested.len() >= 2, "the README has lost its tested commands");
    for port in [2990, 8080] {
        let taken = |error| panic!("the README's commands need port {port}, and something has it: {error}");
        TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(taken);
    }
    for section in tested {
        section.run();
    }
}

#[test]
fn every_command_about_consumers_works_as_it_stands() {
    let sections = sections("docs/consumers.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(tested.len() >= 5, "docs/consumers.md has lost its tested commands");
    tested.into_iter().for_each(Section::run);
}

#[test]
fn every_call_of_the_api_works_as_it_stands() {
    let sections = sections("docs/api.md");
    let tested: Vec<&Section> = sections.iter().filter(|section| !section.script.is_empty()).collect();
    assert!(
        tested.iter().map(|section| section.script.matches("curl ").count()).sum::<usize>() >= 10,
        "docs/api.md has lost its calls"
    );
    tested.into_iter().for_each(Section::run);
}

#[test]
fn what_it_links_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let targets = readme.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    for target in targets.filter(|target| !target.starts_with("http")) {
        assert!(root.join(target).exists(), "{target}");
    }
}

impl Section {
    fn run(&self) {
        let folder = TempDir::new().unwrap();
        for (name, text) in &self.files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let programs = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().unwrap();
        let child = Command::new("sh")
            .args(["-eux", "-c", &self.script])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()))
            // A group of their own, so that what the section leaves running can be ended with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let group = format!("-{}", child.id());
        let output = child.wait_with_output().unwrap();
        // Fails where nothing is left of the group.
        let _ = Command::new("kill").args(["-TERM", "--", &group]).stderr(Stdio::null()).status();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let logs: Vec<String> = ["access.log", "application.log"]
            .iter()
            .filter_map(|name| Some(format!("{name}: {}", fs::read_to_string(folder.path().join(name)).ok()?)))
            .collect();
        assert!(output.status.success(), "{}: {out}\n{err}\n{}", self.title, logs.join("\n"));
        for (_, expected) in self.script.lines().filter_map(|line| line.split_once("  # ")) {
            assert!(out.contains(expected.trim()), "{}: {expected:?} is not in {out}", self.title);
        }
    }
}

/// A page by sections. What is not tested must be one of the few commands that a test cannot run.
fn sections(page: &str) -> Vec<Section> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut sections = Vec::new();
    for text in page.split("\n## ") {
        let mut section = Section { title: text.lines().next().unwrap_or_default().to_owned(), ..Section::default() };
        for block in blocks(text) {
            match block.info.split_once(' ') {
                Some(("sh", "test")) => section.script += &block.text,
                Some(("yaml", name)) => section.files.push((name.to_owned(), block.text)),
                // What a command prints, for the eye.
                None if block.info == "json" => {}
                None if block.info == "sh" => block.text.lines().for_each(assert_needs_no_test),
                _ => panic!("a block ```{} is neither tested nor known to need no test", block.info),
            }
        }
        sections.push(section);
    }
    sections
}

/// The build, the tests themselves, and the demo, which has a test of its own.
fn assert_needs_no_test(line: &str) {
    let known =
        ["cargo run --release -- demo", "./tests/run", "cargo build --release", "export PATH=\"$PWD/target/release:$PATH\""];
    assert!(known.contains(&line), "{line:?} is not tested");
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some(Block { info: info.to_owned(), text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}
