//! A stand-in for the service manager: it holds the sockets, and starts the gateway on them again and again.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::support::wait::DEADLINE;
use crate::support::{Client, eventually, secrets};

/// The program, in the folder of its configuration.
const INSTALLED: &str = "countersign";

pub(crate) struct Manager {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<String>,
    addresses: Vec<SocketAddr>,
    folder: TempDir,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    /// Opens a socket on a free port for each name. What `folder` configures is not started yet; the program is a link there.
    pub(crate) fn holding(names: &[&str], folder: TempDir) -> Self {
        let installed = folder.path().join(INSTALLED);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_countersign"), &installed).unwrap();
        Self::starting(&[], &installed, names, folder)
    }

    /// As [`Self::holding`]; the gateway is started through another program, which becomes it.
    pub(crate) fn starting_through(wrapper: &[String], names: &[&str], folder: TempDir) -> Self {
        Self::starting(wrapper, Path::new(env!("CARGO_BIN_EXE_countersign")), names, folder)
    }

    fn starting(wrapper: &[String], program: &Path, names: &[&str], folder: TempDir) -> Self {
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/service/manager.py"));
        command.args(names.iter().map(|name| format!("{name}=127.0.0.1:0"))).arg("--").args(wrapper).arg(program);
        command.args(["serve", "--config"]).arg(folder.path().join("countersign.yaml"));
        command.env_remove("STATE_DIRECTORY").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (stderr, written) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&lines));
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| written.lock().unwrap().push(line)));
        let (stdout, (answer, answers)) = (BufReader::new(child.stdout.take().unwrap()), channel());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| answer.send(line)));
        let commands = child.stdin.take().unwrap();
        let mut manager = Self { child, commands, answers, addresses: Vec::new(), folder, lines };
        for name in names {
            let listening = manager.answer(&format!("listening {name} "));
            manager.addresses.push(listening.parse().unwrap());
        }
        manager
    }

    /// As [`Self::holding`] one socket, with that as the one `listen` of the configuration, and started.
    pub(crate) fn started(folder: TempDir) -> Self {
        let mut manager = Self::holding(&["countersign.socket"], folder);
        let address = manager.address();
        manager.configure("listen: 127.0.0.1:0", &format!("listen: {address}"));
        manager.start();
        manager
    }

    /// Replaces a line of the configuration.
    pub(crate) fn configure(&self, old: &str, new: &str) {
        let path = self.folder.path().join("countersign.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(path, text.replace(old, new)).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Gives the number of the process.
    pub(crate) fn start(&mut self) -> String {
        self.tell("start");
        self.answer("started ")
    }

    /// Puts another file in the program's place, as package managers do: written beside it, and renamed. What runs goes on.
    pub(crate) fn upgrade(&self) {
        let new = self.folder().join("countersign.new");
        // By a program of its own: what a process of the tests' own has open for writing, none can start at the same time.
        let copied = Command::new("cp").args(["--", env!("CARGO_BIN_EXE_countersign")]).arg(&new).status().unwrap();
        assert!(copied.success());
        std::fs::rename(new, self.folder().join(INSTALLED)).unwrap();
    }

    /// Whether the process runs the file that is in the program's place now.
    pub(crate) fn runs_what_is_installed(&self, process: &str) -> bool {
        let file = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        file(Path::new(&format!("/proc/{process}/exe"))) == file(&self.folder().join(INSTALLED))
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub(crate) fn end(&mut self) {
        self.tell("end");
        assert_eq!(self.answer("ended "), "0", "{}", self.lines().join("\n"));
    }

    /// Waits for an end that nobody asked for, and gives the exit code.
    pub(crate) fn wait(&mut self) -> String {
        self.tell("wait");
        self.answer("ended ")
    }

    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
    }

    #[track_caller]
    pub(crate) fn answer(&mut self, wanted: &str) -> String {
        let answer =
            self.answers.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("no answer that begins with {wanted}: {error}"));
        answer.strip_prefix(wanted).unwrap_or_else(|| panic!("{answer} instead of {wanted}")).to_owned()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Exactly so many lines with this text, the last of which may still be on its way here.
    #[track_caller]
    pub(crate) fn wait_for_line_times(&self, text: &str, times: usize) {
        let count = || self.lines().iter().filter(|line| line.contains(text)).count();
        eventually(text, || (count() >= times).then_some(()));
        assert_eq!(count(), times, "{text}");
    }

    #[track_caller]
    pub(crate) fn wait_for_line(&self, text: &str) -> String {
        eventually(text, || self.lines().into_iter().find(|line| line.contains(text)))
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // The stand-in and its gateway, whatever either is at.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
        let lines = self.lines();
        if std::thread::panicking() {
            eprintln!("the gateway's last lines:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        } else {
            let told = secrets::told_in(&lines);
            assert!(told.is_none(), "the log tells what nobody may know: {told:?}");
        }
    }
}
