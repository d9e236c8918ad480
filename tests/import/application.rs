//! The application that is imported from, and the command that imports.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::certificates::Pair;
use super::support::{RSA_2048, eventually, tools};

/// tests/interop/consumer_info.py, with the public half of `RSA_2048`; ended with the test.
pub(super) struct Application {
    child: Child,
    pub(super) port: u16,
    _folder: TempDir,
}

/// What the command left on the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Application {
    pub(super) fn start() -> Self {
        Self::run(None)
    }

    pub(super) fn with_tls(pair: &Pair) -> Self {
        Self::run(Some(pair))
    }

    fn run(pair: Option<&Pair>) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let public = folder.path().join("public.pem");
        std::fs::write(&public, &RSA_2048.public_pem).unwrap();
        let mut command = tools::python("consumer_info.py");
        command.arg("--public-key").arg(public);
        if let Some(pair) = pair {
            command.arg("--certificate").arg(&pair.certificate).arg("--key").arg(&pair.key);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap(), _folder: folder }
    }

    /// The base URL of an application that behaves like this.
    pub(super) fn url(&self, behaviour: &str) -> String {
        format!("http://127.0.0.1:{}/{behaviour}", self.port)
    }

    /// Looks at an application on this machine, which is allowed.
    pub(super) fn import(&self, behaviour: &str) -> Screen {
        import(&self.url(behaviour), &["--http", "--allow-address", "127.0.0.1"])
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Screen {
    /// The one refusal and its hint.
    #[track_caller]
    pub(super) fn refused(&self, error: &str, hint: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{}", self.err);
        let (first, second) = self.err.split_once('\n').unwrap_or((&self.err, ""));
        assert!(first.starts_with("error: ") && first.contains(error), "{}", self.err);
        assert!(second.starts_with("hint: ") && second.contains(hint), "{}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// `countersign consumers import URL`, into an empty list, which a refusal has to leave empty.
pub(super) fn import(url: &str, arguments: &[&str]) -> Screen {
    let words = ["consumers", "import", url, "--consumers", "consumers.yaml", "--yes"];
    with_empty_list(&[&words[..], arguments].concat())
}

/// Any command beside an empty consumers.yaml.
pub(super) fn with_empty_list(words: &[&str]) -> Screen {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("consumers.yaml");
    std::fs::write(&file, EMPTY).unwrap();
    let screen = run(countersign().args(words).current_dir(folder.path()));
    let left = std::fs::read_to_string(file).unwrap();
    assert!(screen.code == Some(0) || left == EMPTY, "a refusal changed the list: {left}");
    screen
}

const EMPTY: &str = "consumers: []\n";

pub(super) fn countersign() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.env_remove("RUST_LOG");
    command
}

/// Runs it to its end, which has to come; what it writes fits into a pipe.
pub(super) fn run(command: &mut Command) -> Screen {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the command ends", || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Screen { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
