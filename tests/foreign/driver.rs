//! Runs the driver of a foreign library through the tap.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::calls::{Call, Outcome};
use crate::documentation;
use crate::support::gateway::Builder;
use crate::support::process::{RUN, Running, key_file};
use crate::support::{Consumer, RSA_2048, Request, tools};
use crate::tap::Tap;
use crate::wire;

/// The consumer that all drivers are.
const CONSUMER: &str = "jira:0c6b5a5e-5fb8-4a8e";

/// A driver of tests/interop/clients.
pub(crate) struct Driver {
    /// What docs/clients.md calls the library.
    library: &'static str,
    file: &'static str,
    command: Command,
    setting: Option<&'static str>,
    /// One more line of the consumer's entry.
    entry: Option<&'static str>,
    /// Holds what was compiled.
    folder: TempDir,
}

impl Driver {
    pub(crate) fn python(library: &'static str, file: &'static str) -> Self {
        Self::of(library, file, |file, _| tools::python(&format!("clients/{file}")))
    }

    pub(crate) fn node(library: &'static str, file: &'static str) -> Self {
        Self::of(library, file, |file, _| tools::node(&format!("clients/{file}")))
    }

    /// A script for an interpreter from the system's packages.
    pub(crate) fn script(interpreter: &str, library: &'static str, file: &'static str) -> Self {
        Self::of(library, file, |file, _| {
            let mut command = Command::new(interpreter);
            command.arg(path(file));
            command
        })
    }

    pub(crate) fn c(library: &'static str, file: &'static str) -> Self {
        Self::of(library, file, |file, folder| {
            let program = folder.join("client");
            let mut compiler = Command::new("cc");
            compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(path(file)).args(["-loauth", "-lcurl"]);
            run_to_its_end(compiler);
            Command::new(program)
        })
    }

    pub(crate) fn go(library: &'static str, file: &'static str) -> Self {
        Self::of(library, file, |file, folder| {
            let program = folder.join("client");
            let mut compiler = Command::new("go");
            // Debian's packages are a GOPATH; nothing is fetched.
            compiler.args(["build", "-o"]).arg(&program).arg(path(file));
            compiler.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOCACHE", folder.join("cache"));
            run_to_its_end(compiler);
            Command::new(program)
        })
    }

    pub(crate) fn java(library: &'static str, file: &'static str) -> Self {
        Self::of(library, file, |file, _| {
            let mut command = tools::java();
            command.arg(path(file));
            command
        })
    }

    fn of(library: &'static str, file: &'static str, command: impl FnOnce(&str, &Path) -> Command) -> Self {
        let folder = TempDir::new().unwrap();
        let command = command(file, folder.path());
        Self { library, file, command, setting: None, entry: None, folder }
    }

    /// One more line of the gateway's configuration.
    pub(crate) fn at_a_gateway_with(self, setting: &'static str) -> Self {
        Self { setting: Some(setting), ..self }
    }

    /// One more line of the consumer's entry.
    pub(crate) fn with_entry(self, entry: &'static str) -> Self {
        Self { entry: Some(entry), ..self }
    }

    /// Runs the driver: it must make exactly these calls, and each must come to what is said; then what docs/clients.md
    /// says of the library is compared with what was seen.
    #[track_caller]
    pub(crate) fn makes(self, calls: &[Call]) {
        let (library, file) = (self.library, self.file);
        let habits = self.run(calls);
        documentation::check(library, file, &habits);
    }

    /// As [`Self::makes`], without the documentation: for a library's second gateway.
    #[track_caller]
    pub(crate) fn run(mut self, calls: &[Call]) -> [String; 6] {
        let tap = Tap::start(|gateway: Builder| {
            let consumer = Consumer::new(CONSUMER, &RSA_2048);
            let gateway = gateway.consumer(self.entry.map_or(consumer.clone(), |entry| consumer.with(entry)));
            match self.setting {
                Some(setting) => gateway.setting(setting),
                None => gateway,
            }
        });
        self.command.args([&tap.url(), &key_file("rsa-2048-a"), CONSUMER]);
        let lines = self.lines();
        let printed: Vec<(&str, u64)> =
            lines.iter().map(|line| (line["name"].as_str().unwrap(), line["status"].as_u64().unwrap())).collect();
        let wanted: Vec<(&str, u64)> = calls.iter().filter_map(|call| Some((call.name?, call.status().into()))).collect();
        assert_eq!(printed, wanted, "{}", self.file);
        let exchanges = tap.exchanges();
        let sent: Vec<&Call> = calls.iter().filter(|call| call.outcome != Outcome::NeverSent).collect();
        let targets: Vec<&str> = exchanges.iter().map(|exchange| &*exchange.sent.target).collect();
        assert_eq!(targets.len(), sent.len(), "{}: {targets:?}", self.file);
        for (call, exchange) in sent.iter().zip(&exchanges) {
            call.check(CONSUMER, exchange);
        }
        let said: Vec<&Value> = lines.iter().filter(|line| line["body"].is_string()).collect();
        assert_eq!(said.len(), lines.len(), "{}: a line without a body", self.file);
        let admitted: Vec<&Request> =
            exchanges.iter().filter(|exchange| exchange.answer.response.status == 200).map(|exchange| &exchange.sent).collect();
        wire::habits(&admitted)
    }

    /// Runs the driver to its end and reads its lines.
    #[track_caller]
    fn lines(&mut self) -> Vec<Value> {
        let [out, err] = ["out", "err"].map(|name| self.folder.path().join(name));
        self.command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}: run ./tests/run, which installs it", self.command));
        let status = Running(child).wait(RUN);
        let [out, err] = [out, err].map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
        println!("{out}{err}");
        assert!(
            status.is_some_and(|status| status.success()),
            "{}: {status:?} (none: it took over {RUN:?}); ./tests/run installs what it needs",
            self.file
        );
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }
}

/// Where the drivers are.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/clients").join(file)
}

#[track_caller]
fn run_to_its_end(mut compiler: Command) {
    let status = compiler.stdin(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("{compiler:?}: {error}: run ./tests/run, which installs it"));
    assert!(status.success(), "{compiler:?}: {status}; ./tests/run installs the library");
}
