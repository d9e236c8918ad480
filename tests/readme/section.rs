//! A page's `##` sections, and what becomes of their commands.
//!
//! A section's blocks marked `sh test` are one script, run in an empty folder that has the section's `yaml NAME`, `python NAME` and
//! `js NAME` blocks as files, and the built program on its path. A comment at the end of a line is what the line must print.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::user::User;

/// A `##` section of a page with what is to be tested in it.
#[derive(Default)]
pub(super) struct Section {
    title: String,
    pub(super) script: String,
    files: Vec<(String, String)>,
}

/// A fenced block: what stands after the back-ticks, and its lines.
struct Block {
    info: String,
    text: String,
}

impl Section {
    pub(super) fn run(&self) {
        let folder = TempDir::new().unwrap();
        for (name, text) in &self.files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut child = self.command(folder.path()).spawn().unwrap();
        let group = Group(child.id());
        let user = User::at(child.stdin.take().unwrap());
        let (out, err) = user.watches(&group, child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let status = child.wait().unwrap();
        let logs: Vec<String> = ["access.log", "application.log"]
            .iter()
            .filter_map(|name| Some(format!("{name}: {}", fs::read_to_string(folder.path().join(name)).ok()?)))
            .collect();
        assert!(status.success(), "{}: {out}\n{err}\n{}", self.title, logs.join("\n"));
        for (_, expected) in self.script.lines().filter_map(|line| line.split_once("  # ")) {
            assert!(out.contains(expected.trim()), "{}: {expected:?} is not in {out}", self.title);
        }
    }

    fn command(&self, folder: &Path) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().unwrap();
        let mut path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        // The libraries of the clients that a page shows.
        if let Some(tools) = std::env::var_os("COUNTERSIGN_TEST_TOOLS") {
            let tools = Path::new(&tools);
            path = format!("{}:{path}", tools.join("venv/bin").display());
            command.env("NODE_PATH", tools.join("node_modules"));
        }
        command.args(["-eux", "-c", &self.script]).current_dir(folder).env("PATH", path).env("PYTHONUNBUFFERED", "1");
        // A group of their own, so that what the section leaves running can be ended with it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// What a section leaves running; ended with the test, whatever it comes to.
pub(super) struct Group(u32);

impl Group {
    /// Waits a while for the end too: another section may use the same ports.
    pub(super) fn end(&self) {
        // Fails where nothing is left of it.
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.0)]).stderr(Stdio::null()).status();
        let told = Instant::now();
        while self.is_left() && told.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether one of its processes runs, from proc_pid_stat(5).
    fn is_left(&self) -> bool {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let mut stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
        stats.any(|stat| {
            // Behind the name's closing bracket: the state (Z: it has ended, and nobody has asked how), the parent, the group.
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            fields.first() != Some(&"Z") && fields.get(2) == Some(&&*self.0.to_string())
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// A page by sections. What is not tested must be one of the few commands that a test cannot run.
pub(super) fn sections(page: &str) -> Vec<Section> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let mut sections = Vec::new();
    for text in page.split("\n## ") {
        let mut section = Section { title: text.lines().next().unwrap_or_default().to_owned(), ..Section::default() };
        for block in blocks(text) {
            match block.info.split_once(' ') {
                Some(("sh", "test")) => section.script += &block.text,
                Some(("yaml" | "python" | "js", name)) => section.files.push((name.to_owned(), block.text)),
                // What a command prints, and another program's settings, for the eye.
                None if matches!(block.info.as_str(), "json" | "nginx") => {}
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
    let known = [
        DANCE,
        "cargo run --release -- demo",
        "./tests/run",
        "cargo build --release",
        "export PATH=\"$PWD/target/release:$PATH\"",
    ];
    assert!(known.contains(&line), "{line:?} is not tested");
}

/// Asks an application that is not there; docs/dance.md has one that is.
const DANCE: &str =
    "countersign dance --consumer reporting --key reporting.pem --get /rest/api/2/myself https://jira.example.com";

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
