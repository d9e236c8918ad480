//! `countersign admin`, as a person runs it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a users file, or a place for one.
pub(crate) struct Desk(TempDir);

/// What a command left on the screen.
pub(crate) struct Screen {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) const PASSWORD: &str = "correct horse battery";

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn users(&self) -> PathBuf {
        self.0.path().join("users.yaml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.users()).unwrap()
    }

    /// `countersign admin … --users users.yaml`
    fn admin(&self, arguments: &[&str], input: &str) -> Screen {
        let users = self.users();
        admin(&[arguments, &["--users", users.to_str().unwrap()]].concat(), input)
    }

    #[track_caller]
    fn done(&self, arguments: &[&str], input: &str) -> String {
        let screen = self.admin(arguments, input);
        assert_eq!(screen.code, Some(0), "{arguments:?}: {}", screen.err);
        screen.out
    }

    /// The command at a terminal, with what is typed at each question.
    fn typed(&self, arguments: &[&str], steps: &[(&str, &str)]) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/typist.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(json!(steps).to_string()).args([env!("CARGO_BIN_EXE_countersign"), "admin"]).args(arguments);
        let output = command.arg("--users").arg(self.users()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Runs `countersign admin`.
pub(crate) fn admin(arguments: &[&str], input: &str) -> Screen {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("admin").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that is wrong already does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Screen { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn a_user_is_added_and_only_a_hash_of_the_password_is_kept() {
    let desk = Desk::new();
    for input in [format!("{PASSWORD}\n"), format!("{PASSWORD}\r\n"), PASSWORD.to_owned()] {
        let _ = fs::remove_file(desk.users());
        desk.done(&["add-user", "ada", "--password-stdin"], &input);
        assert!(desk.text().contains("name: ada") && desk.text().contains("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!desk.text().contains("horse"));
        assert_eq!(fs::metadata(desk.users()).unwrap().mode() & 0o777, 0o600);
    }
    let list: Value = serde_json::from_str(&desk.done(&["list", "--json"], "")).unwrap();
    assert_eq!(list, json!({ "users": [{ "name": "ada" }], "tokens": [] }));
}

#[test]
fn a_user_who_is_there_gets_a_new_password_only_on_demand() {
    let desk = Desk::new();
    desk.done(&["add-user", "ada", "--password-stdin"], PASSWORD);
    let before = desk.text();
    let refused = desk.admin(&["add-user", "ada", "--password-stdin"], PASSWORD);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("error: ada may sign in already\nhint: --replace"), "{}", refused.err);
    assert_eq!(desk.text(), before);
    desk.done(&["add-user", "ada", "--password-stdin", "--replace"], "another horse, another battery");
    assert_ne!(desk.text(), before);
}

#[test]
fn a_password_that_is_easily_guessed_is_refused_and_not_shown() {
    let desk = Desk::new();
    for (password, why) in
        [("hunter2", "has 7 characters, and needs at least 15"), ("aaaaaaaaaaaaaaaaaaaa", "first that somebody would try")]
    {
        let refused = desk.admin(&["add-user", "ada", "--password-stdin"], password);
        assert_eq!(refused.code, Some(1));
        assert!(refused.err.contains(why) && refused.err.contains("hint: "), "{}", refused.err);
        assert!(!refused.err.contains(password));
        assert!(!desk.users().exists());
    }
}

#[test]
fn a_token_is_shown_once_and_only_its_hash_is_kept() {
    let desk = Desk::new();
    let token = desk.done(&["add-token", "deploy"], "");
    let token = token.trim_end();
    assert!(token.starts_with("cst_") && token.len() == 47, "{token}");
    assert!(!desk.text().contains(&token[4..]) && !desk.done(&["list"], "").contains("cst_"));
    let again = desk.admin(&["add-token", "deploy"], "");
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("deploy is there already"), "{}", again.err);
    let other: Value = serde_json::from_str(&desk.done(&["add-token", "other", "--json"], "")).unwrap();
    assert_ne!(other["token"].as_str().unwrap(), token);
    assert!(desk.done(&["list"], "").contains("token  deploy  made 20"));
}

#[test]
fn who_is_removed_is_not_in_the_file_any_more() {
    let desk = Desk::new();
    desk.done(&["add-user", "ada", "--password-stdin"], PASSWORD);
    desk.done(&["add-token", "deploy"], "");
    desk.done(&["remove", "deploy"], "");
    let last = desk.admin(&["remove", "ada"], "");
    assert_eq!(last.code, Some(0));
    assert!(last.err.contains("nobody can sign in now"), "{}", last.err);
    assert!(desk.text().ends_with("users: []\n"), "{}", desk.text());
    let refused = desk.admin(&["remove", "ada"], "");
    assert_eq!((refused.code, &*refused.out), (Some(1), ""));
    assert!(refused.err.contains("no user and no token is called ada\nhint: "), "{}", refused.err);
}

#[test]
fn a_damaged_file_is_told_with_its_line_and_left_alone() {
    let desk = Desk::new();
    let damaged = "users:\n  - name: ada\n    password: secret\n";
    fs::write(desk.users(), damaged).unwrap();
    fs::set_permissions(desk.users(), fs::Permissions::from_mode(0o600)).unwrap();
    for arguments in [&["add-user", "bob", "--password-stdin"][..], &["add-token", "t"], &["list"], &["remove", "ada"]] {
        let refused = desk.admin(arguments, PASSWORD);
        assert_eq!(refused.code, Some(1), "{arguments:?}");
        assert!(refused.err.contains("users.yaml:3: `password` is no password hash"), "{}", refused.err);
        assert_eq!(desk.text(), damaged);
    }
}

#[test]
fn wrong_words_are_wrong_usage() {
    let desk = Desk::new();
    for arguments in [&["add-user"][..], &["add-user", "a b"], &["add-user", "-x"], &["add-token", "ä"], &["frobnicate"], &[]] {
        assert_eq!(desk.admin(arguments, "").code, Some(2), "{arguments:?}");
    }
    for command in ["add-user", "add-token", "list", "remove"] {
        let help = admin(&[command, "--help"], "");
        assert!(help.code == Some(0) && help.out.contains(&format!("countersign admin {command}")), "{}", help.out);
    }
}

#[test]
fn without_a_terminal_and_without_the_option_no_password_is_taken() {
    let desk = Desk::new();
    let users = desk.users();
    // setsid(1): a session of its own, so that there is no terminal even where the tests are run at one.
    let mut command = Command::new("setsid");
    command.args(["--wait", env!("CARGO_BIN_EXE_countersign"), "admin", "add-user", "ada", "--users"]).arg(&users);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: --password-stdin"));
    assert!(!users.exists());
}

#[test]
fn a_password_that_is_typed_is_never_on_the_screen() {
    let desk = Desk::new();
    let typed = format!("{PASSWORD}x\x7f\n");
    let left = desk.typed(&["add-user", "ada"], &[("Password for ada", &typed), ("again", &format!("{PASSWORD}\n"))]);
    assert_eq!((&left["code"], &left["shows"]), (&json!(0), &json!(true)), "{left}");
    assert!(!left["screen"].as_str().unwrap().contains("horse"), "{left}");
    assert!(desk.done(&["list"], "").contains("ada"));
}

#[test]
fn a_slip_or_ctrl_c_changes_nothing_and_leaves_a_terminal_that_works() {
    let desk = Desk::new();
    let slip = desk.typed(&["add-user", "ada"], &[("Password", &format!("{PASSWORD}\n")), ("again", "correct horse batterz\n")]);
    let stopped = desk.typed(&["add-user", "ada"], &[("Password", "correct\x03")]);
    for (left, words) in [(slip, "not the same"), (stopped, "nothing was changed")] {
        assert_eq!((&left["code"], &left["shows"]), (&json!(1), &json!(true)), "{left}");
        assert!(left["screen"].as_str().unwrap().contains(words), "{left}");
        assert!(!desk.users().exists());
    }
}

#[test]
fn check_finds_the_mistakes_of_the_users_file_too() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("countersign.yaml");
    fs::write(&config, "upstream: http://127.0.0.1:1\nconsumers: consumers.yaml\nadmin: {}\n").unwrap();
    fs::write(folder.path().join("consumers.yaml"), "consumers: []\n").unwrap();
    let check = || {
        let output = Command::new(env!("CARGO_BIN_EXE_countersign")).args(["check", "--config"]).arg(&config).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check().0, Some(0), "a file that is not there names nobody");
    let users = folder.path().join("admin-users.yaml");
    fs::write(&users, "users:\n  - { name: ada, pasword: x }\n").unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
    let (code, out) = check();
    assert_eq!(code, Some(1));
    assert!(out.contains("admin-users.yaml:2: unknown key `pasword`; did you mean `password`?"), "{out}");
}

#[test]
fn with_a_configuration_the_audit_log_says_what_was_done() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("countersign.yaml");
    fs::write(&config, "upstream: http://127.0.0.1:1\nconsumers: consumers.yaml\nadmin: {}\nlog: { audit: audit.log }\n")
        .unwrap();
    let config = config.to_str().unwrap();
    assert_eq!(admin(&["add-user", "ada", "--password-stdin", "--config", config], PASSWORD).code, Some(0));
    assert_eq!(admin(&["add-user", "ada", "--replace", "--password-stdin", "--config", config], PASSWORD).code, Some(0));
    assert_eq!(admin(&["add-token", "ada", "--config", config], "").code, Some(1));
    assert_eq!(admin(&["add-token", "deploy", "--config", config], "").code, Some(0));
    for name in ["ada", "deploy"] {
        assert_eq!(admin(&["remove", name, "--config", config], "").code, Some(0));
    }
    assert!(folder.path().join("admin-users.yaml").exists());
    let text = fs::read_to_string(folder.path().join("audit.log")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line["audit"].as_str().unwrap(), line["result"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("add_user", "done"),
            ("replace_user", "done"),
            ("add_token", "refused"),
            ("add_token", "done"),
            ("remove_user_or_token", "done"),
            ("remove_user_or_token", "done")
        ]
    );
    assert_eq!((lines[4]["user"].as_str(), lines[5]["token"].as_str()), (Some("ada"), Some("deploy")));
    assert!(lines.iter().all(|line| line["by"] == "command" && line["who"].as_str().unwrap().starts_with("uid ")));
    assert!(!text.contains("horse") && !text.contains("argon2"));
}
