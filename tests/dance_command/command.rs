//! The command, and whoever sits at the keyboard and the browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::support::process::key_file;
use super::support::{Client, Response, eventually};

/// The command at work.
pub(super) struct Dance {
    child: Child,
    said: BufReader<ChildStderr>,
    /// What was read of standard error so far.
    seen: String,
}

/// What it left on the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Dance {
    /// As `reporting`.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut command = dance(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, said, seen: String::new() }
    }

    /// The first line on standard error that has `text` in it.
    #[track_caller]
    pub(super) fn says(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            assert!(read > 0, "{text:?} was not said: {}", self.seen);
            self.seen += &line;
            if line.contains(text) {
                return line.trim().to_owned();
            }
        }
    }

    pub(super) fn types(&mut self, line: &str) {
        // A command that has failed reads nothing more.
        let _ = writeln!(self.child.stdin.take().unwrap(), "{line}");
    }

    #[track_caller]
    pub(super) fn end(mut self) -> Screen {
        let status = eventually("the command ends", || self.child.try_wait().unwrap());
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.said.read_to_string(&mut self.seen).unwrap();
        Screen { code: status.code(), out, err: self.seen.clone() }
    }
}

impl Drop for Dance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Screen {
    #[track_caller]
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// Nothing was given, and both lines say why.
    #[track_caller]
    pub(super) fn failed(&self, error: &str, hint: &str) {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        let told = self.err.split_once("error: ").unwrap_or_else(|| panic!("{self:?}")).1;
        let (message, next) = told.split_once("\nhint: ").unwrap_or_else(|| panic!("{self:?}"));
        assert!(message.contains(error) && next.contains(hint), "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

pub(super) fn dance(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(["dance", "--consumer", "reporting", "--key", &key_file("rsa-2048-a")]).args(arguments);
    command.env_remove("RUST_LOG");
    command
}

/// What a browser gets at an address on this machine.
pub(super) fn browse(address: &str) -> Response {
    let (host, target) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let socket: SocketAddr = host.parse().unwrap();
    Client::connect(socket).ask(format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

pub(super) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).unwrap().1.split(after).next().unwrap()
}
