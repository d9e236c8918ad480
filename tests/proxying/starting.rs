//! How the program is started and ended: its options, its port, its signals, the kinds of its log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{Backend, Client, Gateway, by_reporting, eventually, request};

/// A program started with options of the test's own; ended with the test.
struct Started {
    child: Child,
    log: PathBuf,
}

impl Started {
    /// Its standard error goes to `said` in `folder`, which is its working directory.
    fn with(folder: &Path, arguments: &[&str]) -> Self {
        let said = folder.join("said");
        let child = command(arguments).current_dir(folder).stderr(File::create(&said).unwrap()).spawn().unwrap();
        Self { child, log: said }
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(&self.log).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The address it says that it listens on, in either format of the log.
    #[track_caller]
    fn address(&self) -> SocketAddr {
        let address = |line: &String| {
            let (_, rest) = line.split_once("listening")?.1.split_once("address")?;
            rest.trim_start_matches(['"', ':', '=']).split(['"', ' ']).next()?.parse().ok()
        };
        eventually("the program listens", || self.lines().iter().find_map(address))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).env_remove("STATE_DIRECTORY");
    command
}

/// Runs a command that ends by itself, and gives its exit code and what it said.
fn ended(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(arguments).stderr(Stdio::piped()).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn two_gateways_do_not_share_a_port() {
    let backend = Backend::start();
    let first = Gateway::in_front_of(&backend);
    let listen = format!("listen: {}", first.address());
    // Its folder is its own, and the state directory in it too.
    let (status, said) = Gateway::builder().upstream(&backend).setting(&listen).start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("error: cannot listen on {}: ", first.address())), "{said}");
    assert!(said.contains("hint: see what has the port with: ss -ltnp"), "{said}");
    assert_eq!(first.ask(&by_reporting()).status, 200, "the first one goes on");
}

#[test]
fn ctrl_c_ends_it_as_sigterm_does() {
    let backend = Backend::start();
    for signal in ["INT", "TERM"] {
        let mut gateway = Gateway::in_front_of(&backend);
        assert_eq!(gateway.ask(&by_reporting()).status, 200);
        gateway.signal(signal);
        assert_eq!(gateway.wait_for_exit().code(), Some(0), "{signal}");
        gateway.wait_for_line("\"message\":\"stopped\"");
    }
}

#[test]
fn a_trial_run_is_loud_and_counted() {
    let backend = Backend::start();
    let mut gateway = Gateway::builder().upstream(&backend).route("{ path: /**, access: observe }").start();
    let at_start = gateway.wait_for_line("/**: observe: requests pass whatever their signature");
    assert!(at_start.contains("\"WARN\""), "{at_start}");
    for (request, verdict) in
        [(by_reporting(), "admitted"), (by_reporting().signature("AAAA"), "signature_invalid"), (request(), "no_credentials")]
    {
        assert_eq!(gateway.ask(&request).status, 200);
        let line = gateway.wait_for_access(verdict, |line| line["verdict"] == verdict);
        assert!(line["reason"].as_str().unwrap().starts_with("observed: it would have been "), "{line}");
    }
    gateway.signal("TERM");
    assert_eq!(gateway.wait_for_exit().code(), Some(0));
    let counted = gateway.wait_for_line("observe: requests passed whatever their verdict");
    assert!(counted.contains("\"WARN\""), "{counted}");
    assert!(counted.contains("\"verdicts\":\"admitted=1 no_credentials=1 signature_invalid=1\""), "{counted}");
}

#[test]
fn options_alone_are_a_configuration() {
    let backend = Backend::start();
    let folder = Gateway::builder().upstream(&backend).write();
    let upstream = format!("http://{}", backend.address());
    let gateway = Started::with(
        folder.path(),
        &["serve", "--upstream", &upstream, "--consumers", "consumers.yaml", "--listen", "127.0.0.1:0", "--state", "own-state"],
    );
    let ask = |bytes: Vec<u8>| Client::connect(gateway.address()).ask(bytes).status;
    assert_eq!((ask(by_reporting().bytes()), ask(request().bytes())), (200, 401));
    assert!(folder.path().join("own-state/lock").is_file());
}

#[test]
fn options_that_contradict_each_other_are_wrong_usage() {
    let config = ["serve", "--config", "countersign.yaml"];
    for (more, words) in [
        (&["--upstream", "http://a", "--consumers", "c"][..], "cannot be used with"),
        (&["--listen", "127.0.0.1:0"], "cannot be used with"),
    ] {
        let (code, said) = ended(&[&config[..], more].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let (code, said) = ended(&["serve", "--upstream", "http://a"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--consumers <FILE>"), "{said}");
}

#[test]
fn without_options_and_without_the_usual_file_it_says_which_file_is_missing() {
    let usual = "/etc/countersign/countersign.yaml";
    assert!(!Path::new(usual).exists(), "this test needs a machine without {usual}");
    for command in ["serve", "check"] {
        let output = self::command(&[command]).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("{usual}: can't be read: No such file or directory")), "{said}");
    }
}

#[test]
fn a_log_of_texts_has_texts_and_the_access_log_stays_json() {
    let backend = Backend::start();
    let folder = Gateway::builder().upstream(&backend).setting("log: { format: text }").write();
    let gateway = Started::with(folder.path(), &["serve", "--config", "countersign.yaml"]);
    assert_eq!(Client::connect(gateway.address()).ask(by_reporting().bytes()).status, 200);
    let line = |wanted: &str| eventually(wanted, || gateway.lines().into_iter().find(|line| line.contains(wanted)));
    let listening = line("listening");
    assert!(!listening.starts_with('{') && listening.contains(" INFO "), "{listening}");
    assert!(!listening.contains('\x1b'), "no colours in a file: {listening}");
    let access: serde_json::Value = serde_json::from_str(&line("\"verdict\"")).unwrap();
    assert_eq!(access["consumer"], "reporting");
}
