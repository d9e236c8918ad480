//! A folder with a list and some keys, and the command to change it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Consumer, RSA_2048, RSA_2048_OTHER, RSA_4096};

/// A folder of its own, with a list and the public keys a.pub, b.pub and c.pub.
pub(crate) struct Desk {
    folder: TempDir,
    /// What `--consumers` names.
    place: PathBuf,
}

/// What a command left on the screen.
pub(crate) struct Screen {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// With a consumers.yaml of these bytes.
    pub(crate) fn with(list: impl AsRef<[u8]>) -> Self {
        let desk = Self::new("consumers.yaml");
        fs::write(&desk.place, list).unwrap();
        desk
    }

    /// With a consumers.yaml that has the consumers `reports` and `wiki`.
    pub(crate) fn with_two() -> Self {
        Self::with(two())
    }

    /// With an empty folder `consumers`.
    pub(crate) fn with_folder() -> Self {
        let desk = Self::new("consumers");
        fs::create_dir(&desk.place).unwrap();
        desk
    }

    fn new(place: &str) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for (name, pair) in [("a.pub", &RSA_2048), ("b.pub", &RSA_2048_OTHER), ("c.pub", &RSA_4096)] {
            fs::write(folder.path().join(name), &pair.public_pem).unwrap();
        }
        Self { place: folder.path().join(place), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The list's text.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.place).unwrap()
    }

    /// `countersign consumers …`, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("consumers").args(arguments).arg("--consumers").arg(&self.place);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Screen {
        Screen::of(self.command(arguments).output().unwrap())
    }

    /// Output of a command that must end well.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let screen = self.run(arguments);
        assert_eq!(screen.code, Some(0), "{arguments:?}: {}", screen.err);
        screen.out
    }

    /// What a command that must fail says, and that it leaves the list alone.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let before = fs::read(&self.place).ok();
        let screen = self.run(arguments);
        assert_eq!(screen.code, Some(1), "{arguments:?}: {}{}", screen.out, screen.err);
        assert_eq!(fs::read(&self.place).ok(), before, "{arguments:?}");
        screen.err
    }

    /// `list --json`
    #[track_caller]
    pub(crate) fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.done(&["list", "--json"])).unwrap()
    }

    /// The keys, in the order of the list.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.list().iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
    }

    /// `show KEY --json`
    #[track_caller]
    pub(crate) fn show(&self, key: &str) -> Value {
        serde_json::from_str(&self.done(&["show", key, "--json"])).unwrap()
    }
}

impl Screen {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// `reports` and `wiki`.
pub(crate) fn two() -> String {
    Consumer::file(&[Consumer::new("reports", &RSA_2048), Consumer::new("wiki", &RSA_2048_OTHER)])
}

/// The arguments that add a consumer with this key.
pub(crate) fn adding(key: &str) -> Vec<&str> {
    vec!["add", "--key", key, "--name", "New", "--public-key", "c.pub"]
}

/// Runs a command on a terminal of its own, with these answers typed.
pub(crate) fn on_a_terminal(desk: &Desk, command: &str, answers: &str) -> Screen {
    let command = format!("'{}' consumers {command} --consumers '{}'", env!("CARGO_BIN_EXE_countersign"), desk.place().display());
    let mut script = Command::new("script");
    script
        .args(["-qec", &command, "/dev/null"])
        .current_dir(desk.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = script.spawn().expect("script is needed by this test: ./tests/run installs it");
    let mut terminal = child.stdin.take().unwrap();
    terminal.write_all(answers.as_bytes()).unwrap();
    let screen = Screen::of(child.wait_with_output().unwrap());
    drop(terminal);
    screen
}
