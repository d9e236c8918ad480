//! The foreign programs that `./tests/run` installs, and the scripts of tests/interop that drive them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A Python script of tests/interop, in the venv with what requirements.txt names.
#[track_caller]
pub fn python(script: &str) -> Command {
    let mut command = python_alone();
    // The import of a neighbour would leave its bytecode in the source tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts().join(script));
    command
}

/// The same Python, for a program of the test's own.
#[track_caller]
pub fn python_alone() -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    command.stdin(Stdio::null());
    command
}

/// A Python script below tests/ that drives a browser, with webdriver.py at hand.
pub fn browsing(script: &str) -> Command {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut command = Command::new("python3");
    // The import would leave its bytecode in the source tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", tests.join("support"));
    command.arg(tests.join(script)).stdin(Stdio::null());
    command
}

/// As [`browsing`], for a script that is a client too: with the Python and the scripts of tests/interop at hand.
#[track_caller]
pub fn browsing_client(script: &str) -> Command {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let modules = std::env::join_paths([tests.join("support"), scripts()]).expect("no colon is in a path of the source tree");
    let mut command = python_alone();
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", modules).arg(tests.join(script));
    command
}

/// A Node script of tests/interop, with what package.json names at hand.
#[track_caller]
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", installed("node_modules")).arg(scripts().join(script)).stdin(Stdio::null());
    command
}

/// Java, which compiles the one source file that it is given as it starts it, with google-oauth-client at hand.
pub fn java() -> Command {
    // What the library's jar needs of the jars that Debian installs with it.
    const JARS: [&str; 6] =
        ["google-oauth-client", "google-http-client", "guava", "grpc-context", "opencensus-api", "opencensus-contrib-http-util"];
    let jars: Vec<String> = JARS.iter().map(|jar| format!("/usr/share/java/{jar}.jar")).collect();
    let mut command = Command::new("java");
    command.args(["-Dfile.encoding=UTF-8", "-cp", &jars.join(":")]).stdin(Stdio::null());
    command
}

/// A file of a Node package.
#[track_caller]
pub fn node_module(path: &str) -> PathBuf {
    installed(&format!("node_modules/{path}"))
}

/// sslyze, which looks for weaknesses of a TLS server.
#[track_caller]
pub fn sslyze() -> Command {
    let mut command = Command::new(installed("sslyze/bin/sslyze"));
    command.stdin(Stdio::null());
    command
}

/// schemathesis, which makes requests of an API's description and looks whether the answers are described.
#[track_caller]
pub fn schemathesis() -> Command {
    let mut command = Command::new(installed("schemathesis/bin/schemathesis"));
    command.arg("--config-file").arg(scripts().join("schemathesis.toml")).stdin(Stdio::null());
    command
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// A test that needs a tool fails without it: left out, nobody would notice that it never runs.
#[track_caller]
fn installed(path: &str) -> PathBuf {
    let folder = std::env::var_os("COUNTERSIGN_TEST_TOOLS")
        .expect("COUNTERSIGN_TEST_TOOLS names no folder of foreign clients: run ./tests/run, which installs them");
    let path = Path::new(&folder).join(path);
    assert!(path.exists(), "there is no {}: run ./tests/run, which installs it", path.display());
    path
}
