//! What an import changes, and what it leaves alone.

use std::path::{Path, PathBuf};

use super::application::{Application, Screen, countersign, run};
use super::support::{Backend, Consumer, Gateway, KeyPair, RSA_2048, RSA_2048_OTHER, by_reporting, eventually, signed, tools};
use tempfile::TempDir;

/// What the application calls itself.
const JIRA: &str = "jira:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3";

/// A folder with a list.
struct Desk {
    folder: TempDir,
    application: Application,
}

impl Desk {
    fn with(consumers: &[Consumer]) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(folder.path().join("consumers.yaml"), Consumer::file(consumers)).unwrap();
        Self { folder, application: Application::start() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("consumers.yaml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn words(&self, arguments: &[&str]) -> Vec<String> {
        let (url, file) = (self.application.url("jira"), self.file());
        let words =
            ["consumers", "import", &url, "--http", "--allow-address", "127.0.0.1", "--consumers", file.to_str().unwrap()];
        words.iter().chain(arguments).map(ToString::to_string).collect()
    }

    fn import(&self, arguments: &[&str]) -> Screen {
        run(countersign().args(self.words(arguments)))
    }

    /// The same on a terminal, where somebody answers.
    fn import_and_answer(&self, answer: &str) -> Screen {
        let mut terminal = tools::python_alone();
        terminal.args(["-c", TERMINAL, answer, env!("CARGO_BIN_EXE_countersign")]).args(self.words(&[]));
        run(&mut terminal)
    }
}

#[test]
fn an_imported_consumer_is_let_in_by_a_running_gateway() {
    let (backend, application) = (Backend::start(), Application::start());
    let gateway = Gateway::in_front_of(&backend);
    let by_jira = || signed(JIRA, &RSA_2048).target("/rest/api/2/issue/X-1");
    assert_eq!(gateway.ask(&by_jira()).status, 401);
    backend.assert_untouched();
    let mut import = countersign();
    import.args(["consumers", "import", &application.url("jira"), "--http", "--allow-address", "127.0.0.1", "--yes", "--config"]);
    let screen = run(import.arg(gateway.folder().join("countersign.yaml")));
    assert_eq!(screen.code, Some(0), "{screen:?}");
    eventually("the imported consumer is let in", || (gateway.ask(&by_jira()).status == 200).then_some(()));
    assert_eq!(backend.last_request().field("x-oauth-consumer"), Some(JIRA));
    // Who was there before stays.
    assert_eq!(gateway.ask(&by_reporting()).status, 200);
}

#[test]
fn an_entry_has_what_the_application_publishes_or_what_the_options_say() {
    let desk = Desk::with(&[]);
    assert_eq!(desk.import(&["--yes"]).code, Some(0));
    for text in
        [JIRA, "JIRA", "Atlassian JIRA at https://jira.example.com", "https://jira.example.com/plugins/servlet/oauth/callback"]
    {
        assert!(desk.text().contains(text), "{text}: {}", desk.text());
    }
    let pem: Vec<&str> = RSA_2048.public_pem.lines().collect();
    assert!(pem.iter().all(|line| desk.text().contains(line)), "{}", desk.text());
    let screen = desk.import(&["--yes", "--key", "issues", "--name", "Issues: all of them"]);
    assert!(screen.out.contains(&format!("warning: consumer \"{JIRA}\" has this key already")), "{screen:?}");
    let checked = run(countersign().arg("check").arg("--consumers").arg(desk.file()));
    assert!(checked.code == Some(0) && checked.out.contains('2'), "{checked:?}");
    assert!(desk.text().contains("issues") && desk.text().contains("Issues: all of them"), "{}", desk.text());
}

#[test]
fn a_consumer_that_is_there_is_never_changed() {
    let there = |pair: &KeyPair| Desk::with(&[Consumer::new(JIRA, pair).with("enabled: false")]);
    let desk = there(&RSA_2048);
    let before = desk.text();
    let screen = desk.import(&["--yes"]);
    assert!(screen.code == Some(0) && screen.out.contains("it is there already, with this key"), "{screen:?}");
    assert_eq!(desk.text(), before);
    let desk = there(&RSA_2048_OTHER);
    let before = desk.text();
    let screen = desk.import(&["--yes"]);
    screen.refused("is there already with another key", &format!("countersign consumers edit {JIRA} --public-key"));
    assert_eq!(desk.text(), before);
}

#[test]
fn nothing_is_written_before_somebody_said_yes() {
    let desk = Desk::with(&[]);
    let before = desk.text();
    let screen = desk.import(&[]);
    assert!(screen.code == Some(1) && screen.err.contains("--yes is missing"), "{screen:?}");
    assert_eq!(desk.import(&["--dry-run"]).code, Some(0));
    for answer in ["n", "", "no", "Yes, or no"] {
        let screen = desk.import_and_answer(answer);
        assert!(screen.code == Some(1) && screen.out.contains("nothing was added"), "{screen:?}");
        assert!(screen.out.contains("SHA-256 fingerprint") && screen.out.contains("[y/N]"), "{screen:?}");
    }
    assert_eq!(desk.text(), before);
    let screen = desk.import_and_answer("y");
    assert_eq!(screen.code, Some(0), "{screen:?}");
    assert!(desk.text().contains(JIRA));
}

#[test]
fn a_list_that_cannot_be_read_is_told_before_anybody_is_asked() {
    let desk = Desk::with(&[]);
    std::fs::write(desk.file(), "consumers: {}\n").unwrap();
    let screen = desk.import(&["--yes"]);
    assert!(screen.code == Some(1) && screen.err.contains("consumers.yaml:1"), "{screen:?}");
    assert!(Path::new(&desk.file()).exists());
}

/// Runs a program on a terminal of its own, types one line, and shows the screen.
const TERMINAL: &str = "
import os, pty, sys
process, terminal = pty.fork()
if process == 0:
    os.execv(sys.argv[2], sys.argv[2:])
os.write(terminal, sys.argv[1].encode() + b'\\n')
screen = b''
try:
    while part := os.read(terminal, 65536):
        screen += part
except OSError:
    pass
sys.stdout.buffer.write(screen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
";
