//! Programs that a test starts.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tools;

/// How long a client may take for all its calls; on an idle machine it is some seconds.
pub const RUN: Duration = Duration::from_secs(300);

/// How long a server may take until it listens; Roundup makes its database first.
const START: Duration = Duration::from_secs(120);

/// A process that ends with the test, whatever the test comes to.
pub struct Running(pub Child);

/// A server of tests/interop.
pub struct Server {
    port: u16,
    running: Running,
    /// What it writes to standard error; shown where the test fails.
    said: PathBuf,
}

/// A script that does one step after the other: it prints a line of JSON at each, and waits for one before it goes on.
pub struct Stepping {
    child: Child,
    told: BufReader<ChildStdout>,
}

/// A private key's file below tests/data/keys.
pub fn key_file(name: &str) -> String {
    format!("{}/tests/data/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

impl Running {
    /// `None` when the time is over.
    pub fn wait(&mut self, time: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < time {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts a script with its one argument, and waits for the port that it prints.
    #[track_caller]
    pub fn start(script: &str, argument: &Path) -> Self {
        let said = argument.with_extension("err");
        let child = tools::python(script).arg(argument).stdout(Stdio::piped()).stderr(File::create(&said).unwrap()).spawn();
        let mut server = Self { port: 0, running: Running(child.unwrap()), said };
        let mut stdout = BufReader::new(server.running.0.stdout.take().unwrap());
        let (sender, first_line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            sender.send(line)
        });
        let line = first_line.recv_timeout(START).unwrap_or_else(|_| panic!("{script} prints nothing"));
        server.port = line.trim().parse().unwrap_or_else(|_| panic!("{script} prints {line:?} for its port"));
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the application said:\n{}", std::fs::read_to_string(&self.said).unwrap_or_default());
        }
    }
}

impl Stepping {
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        Self { child, told }
    }

    /// Waits for a step, whose own waits have an end, looks at the gateway, and lets the script go on.
    #[track_caller]
    pub fn at(&mut self, step: &str, look: impl FnOnce(&Value)) {
        self.answer(step, |told| {
            look(told);
            String::new()
        });
    }

    /// As [`Self::at`], with the line that the script waits for.
    #[track_caller]
    pub fn answer(&mut self, step: &str, answer: impl FnOnce(&Value) -> String) {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{step} did not come; what did is on standard error"));
        assert_eq!(told["step"], step, "{told}");
        writeln!(self.child.stdin.as_mut().unwrap(), "{}", answer(&told)).unwrap();
    }

    #[track_caller]
    pub fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Stepping {
    fn drop(&mut self) {
        // A script that waits for a line ends without one, and with it its driver and browser.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
