//! A real store, started for one test on a socket of its own, with a key for the gateways.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::eventually;

/// A running Redis, or what `COUNTERSIGN_STORE_SERVER` names, such as valkey-server.
pub(crate) struct Store {
    child: Option<Child>,
    folder: TempDir,
    options: Vec<String>,
}

impl Store {
    /// One that no instance has served with, and that is ready.
    pub(crate) fn ready() -> Self {
        let store = Self::with(&[]);
        store.init(&["--unused"]);
        store
    }

    /// One with more options, empty.
    pub(crate) fn with(options: &[&str]) -> Self {
        // Not below target/: a socket's path has 107 bytes (unix(7)).
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("store.key"), "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0\n")
            .unwrap();
        let mut store = Self { child: None, folder, options: options.iter().map(ToString::to_string).collect() };
        store.start();
        store
    }

    /// Starts it, empty: nothing of it is ever saved.
    pub(crate) fn start(&mut self) {
        let server = std::env::var("COUNTERSIGN_STORE_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(server);
        command
            .args(["--port", "0", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", "--unixsocket"])
            .arg(self.socket());
        command.args(&self.options).current_dir(self.folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.expect("a test needs redis-server: run ./tests/run, which installs it"));
        eventually("the store answers", || UnixStream::connect(self.socket()).ok());
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let number = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &number]).status().unwrap().success());
    }

    /// Has a command executed.
    #[track_caller]
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(words).output();
        let output = output.expect("a test needs redis-cli: run ./tests/run, which installs it");
        let answer = String::from_utf8(output.stdout).unwrap().trim_end().to_owned();
        assert!(output.status.success(), "{words:?}: {answer}");
        answer
    }

    /// Has it listen on a port of loopback, too.
    pub(crate) fn listen(&self) -> u16 {
        eventually("a port that is free", || {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            (self.command(&["CONFIG", "SET", "port", &port.to_string()]) == "OK").then_some(port)
        })
    }

    /// Where its socket is.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The line of countersign.yaml for it. A machine that stands still for a moment is not taken for a store that does.
    pub(crate) fn setting(&self) -> String {
        self.setting_with(PATIENT)
    }

    /// The same, with these keys more, and without that patience.
    pub(crate) fn setting_with(&self, more: &str) -> String {
        let (socket, key) = (self.socket(), self.folder.path().join("store.key"));
        format!("replay: {{ shared: \"unix:{}\", key_file: \"{}\"{more} }}", socket.display(), key.display())
    }

    /// `countersign store init`, which must succeed.
    #[track_caller]
    pub(crate) fn init(&self, options: &[&str]) -> String {
        let (succeeded, said) = self.try_init(options, &self.setting());
        assert!(succeeded, "{said}");
        said
    }

    /// `countersign store init` with this line in the configuration.
    pub(crate) fn try_init(&self, options: &[&str], setting: &str) -> (bool, String) {
        self.try_init_through(&["env"], options, setting)
    }

    /// The same, started by another program that becomes it, such as `faketime` with its options.
    pub(crate) fn try_init_through(&self, wrapper: &[&str], options: &[&str], setting: &str) -> (bool, String) {
        let config = self.folder.path().join("countersign.yaml");
        let text = format!("upstream: http://127.0.0.1:9\nconsumers: consumers.yaml\nstate_directory: state\n{setting}\n");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(env!("CARGO_BIN_EXE_countersign"));
        let output = command.args(["store", "init"]).args(options).arg("--config").arg(config).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

/// The default is 0.1 s.
pub(crate) const PATIENT: &str = ", timeout: 5s";

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
