//! `countersign tokens`, with and without somebody who has the database open.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use countersign::tokens::{DanceError, TokenProblem};
use serde_json::{Value, json};

use crate::site::{Screen, Site, allowed, dance, exchange, problem, run, tokens, until};

fn listed(site: &Site, arguments: &[&str]) -> Vec<(i64, String, String)> {
    let all: Vec<Value> = serde_json::from_str(&site.done(&[&["list", "--json"], arguments].concat()).out).unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    all.iter().map(|entry| (entry["id"].as_i64().unwrap(), text(entry, "consumer"), text(entry, "user"))).collect()
}

#[test]
fn tokens_are_listed_as_a_table_and_as_json() {
    let site = Site::new();
    let store = site.open();
    let given = dance(&store, "reports", "ada");
    dance(&store, "b\u{202e}ad", "報");
    for is_open in [true, false] {
        let out = site.done(&["list"]).out;
        let lines: Vec<_> = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[0], ["ID", "CONSUMER", "USER", "ISSUED", "EXPIRES", "RENEWABLE", "UNTIL"]);
        assert_eq!((lines[1][1], lines[1][2], lines[2][1], lines[2][2]), ("reports", "ada", "b\\u{202e}ad", "報"), "{is_open}");
        assert!(!out.contains(given.issued.token.reveal()));
        assert_eq!(listed(&site, &["--consumer", "reports"]), [(given.token.id.0, "reports".to_owned(), "ada".to_owned())]);
        assert_eq!(listed(&site, &["--user", "報"]).len(), 1);
        assert!(listed(&site, &["--user", "報", "--consumer", "reports"]).is_empty());
        let json: Value = serde_json::from_str(&site.done(&["list", "--user", "ada", "--json"]).out).unwrap();
        let seconds = |name: &str| json[0][name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second().unsigned_abs();
        assert_eq!((seconds("issued"), seconds("expires")), (given.token.issued.seconds(), given.token.expires.seconds()));
    }
}

#[test]
fn without_tokens_there_are_none_and_nothing_is_made() {
    let site = Site::new();
    let missing = site.tokens(&["list"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("there is no directory"), "{}", missing.err);
    fs::create_dir(site.state()).unwrap();
    assert_eq!(site.done(&["list", "--json"]).out, "[]\n");
    assert_eq!(site.done(&["list"]).err, "there are no such tokens\n");
    assert_eq!(site.tokens(&["revoke", "1", "--yes"]).code, Some(1));
    assert_eq!(fs::read_dir(site.state()).unwrap().count(), 0);
}

#[test]
fn what_is_revoked_is_refused_by_whoever_has_the_database_open() {
    let site = Site::new();
    let store = site.open();
    let given: Vec<_> =
        [("a", "ada"), ("a", "bob"), ("b", "ada")].iter().map(|(consumer, user)| dance(&store, consumer, user)).collect();
    let id = given[0].token.id;
    let told = site.done(&["revoke", &id.to_string(), "--yes"]).out;
    assert_eq!(told, format!("revoked token {id} of consumer a for user ada\n"));
    let token = |at: usize| given[at].issued.token.reveal();
    until(|| problem(&store, token(0), "a") == Some(TokenProblem::Revoked));
    assert_eq!((problem(&store, token(1), "a"), problem(&store, token(2), "b")), (None, None));
    let again = site.tokens(&["revoke", &id.to_string(), "--yes"]);
    assert_eq!((again.code, &*again.out), (Some(1), ""));
    assert!(again.err.contains("there is no such token\nhint: countersign tokens list"), "{}", again.err);
    site.done(&["revoke", "--user", "ada", "--consumer", "b", "--yes"]);
    until(|| problem(&store, token(2), "b") == Some(TokenProblem::Revoked));
    drop(store);
    site.done(&["revoke", "--consumer", "a", "--yes"]);
    assert_eq!(problem(&site.open(), token(1), "a"), Some(TokenProblem::Revoked));
}

#[test]
fn what_a_user_has_allowed_and_its_consumer_has_not_fetched_yet_is_revoked_too() {
    let site = Site::new();
    let store = site.open();
    let [ada, bob] = ["ada", "bob"].map(|user| allowed(&store, "a", user));
    let is_denied = |begun| matches!(exchange(&store, "a", begun), Err(DanceError::Problem(TokenProblem::Denied)));
    let told = site.done(&["revoke", "--user", "ada", "--yes"]).out;
    assert_eq!(told, "revoked 1 request token that could still have become an access token\n");
    assert_eq!(site.tokens(&["revoke", "--user", "ada", "--yes"]).code, Some(1), "there is none any more");
    assert!(is_denied(&ada));
    let id = exchange(&store, "a", &bob).unwrap().token.id;
    let begun = [allowed(&store, "a", "bob"), allowed(&store, "a", "ada")];
    let other = allowed(&store, "b", "bob");
    let told = site.done(&["revoke", "--consumer", "a", "--yes"]).out;
    let expected = format!(
        "revoked token {id} of consumer a for user bob\n\
         revoked 2 request tokens that could still have become an access token\n"
    );
    assert_eq!(told, expected);
    assert!(begun.iter().all(is_denied));
    exchange(&store, "b", &other).unwrap();
}

#[test]
fn with_one_token_by_its_number_nothing_else_ends() {
    let site = Site::new();
    let store = site.open();
    let (given, begun) = (dance(&store, "a", "ada"), allowed(&store, "a", "ada"));
    let id = given.token.id;
    let told = site.done(&["revoke", &id.to_string(), "--yes"]).out;
    assert_eq!(told, format!("revoked token {id} of consumer a for user ada\n"));
    exchange(&store, "a", &begun).unwrap();
}

#[test]
fn a_script_is_told_how_many_were_revoked() {
    let site = Site::new();
    fs::create_dir(site.state()).unwrap();
    let told = |whose: &[&str]| {
        let screen = site.tokens(&[&["revoke", "--yes", "--json"], whose].concat());
        (screen.code, serde_json::from_str::<Value>(&screen.out).unwrap())
    };
    let nothing = (Some(1), json!({ "revoked": 0, "request_tokens": 0 }));
    assert_eq!(told(&["--user", "ada"]), nothing, "nobody has ever given a token");
    let store = site.open();
    let id = dance(&store, "a", "ada").token.id.to_string();
    for (consumer, user) in [("a", "ada"), ("b", "ada"), ("b", "bob")] {
        dance(&store, consumer, user);
    }
    allowed(&store, "b", "ada");
    assert_eq!(told(&[&id]), (Some(0), json!({ "revoked": 1, "request_tokens": 0 })));
    assert_eq!(told(&[&id]), nothing);
    assert_eq!(told(&["--user", "ada"]), (Some(0), json!({ "revoked": 2, "request_tokens": 1 })));
    assert_eq!(listed(&site, &[]).len(), 1);
}

#[test]
fn it_asks_at_a_terminal_and_nowhere_else() {
    let site = Site::new();
    dance(&site.open(), "a", "ada");
    let refused = site.tokens(&["revoke", "--user", "ada"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("--yes is missing"), "{}", refused.err);
    let typed = |answer: &str| -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/typist.py");
        let steps = json!([["Revoke this token? [y/N]", answer]]).to_string();
        let state = site.state();
        let command =
            [env!("CARGO_BIN_EXE_countersign"), "tokens", "revoke", "--user", "ada", "--state", state.to_str().unwrap()];
        serde_json::from_str(&run(Command::new("python3").arg(script).arg(steps).args(command)).out).unwrap()
    };
    let left = typed("n\n");
    assert_eq!(left["code"], json!(1), "{left}");
    assert!(left["screen"].as_str().unwrap().contains("no token was revoked"), "{left}");
    assert_eq!(listed(&site, &[]).len(), 1);
    let left = typed("y\n");
    assert_eq!(left["code"], json!(0), "{left}");
    assert!(listed(&site, &[]).is_empty());
}

#[test]
fn a_configuration_names_the_directory_and_the_audit_log() {
    let site = Site::new();
    let given = dance(&site.open(), "a", "ada");
    let config = site.path("countersign.yaml");
    fs::write(site.path("consumers.yaml"), "consumers: []\n").unwrap();
    let text = "listen: 127.0.0.1:0\nupstream: http://127.0.0.1:1\nconsumers: consumers.yaml\nstate_directory: state\nlog: { audit: audit.log }\n";
    fs::write(&config, text).unwrap();
    let with_config = |arguments: &[&str]| tokens(&[arguments, &["--config", config.to_str().unwrap()]].concat());
    let done = with_config(&["revoke", "--user", "ada", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let lines = || -> Vec<Value> {
        let text = fs::read_to_string(site.path("audit.log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (line, id) = (&lines()[0], given.token.id.to_string());
    assert_eq!(
        (&line["audit"], &line["token"], &line["consumer"], &line["user"], &line["result"]),
        (&json!("revoke_token"), &json!(id), &json!("a"), &json!("ada"), &json!("done"))
    );
    assert_eq!(with_config(&["list"]).err, "there are no such tokens\n");
    allowed(&site.open(), "a", "ada");
    assert_eq!(with_config(&["revoke", "--user", "ada", "--yes"]).code, Some(0));
    let line = &lines()[1];
    assert_eq!(
        (&line["audit"], &line["requests_ended"], &line["user"]),
        (&json!("revoke_tokens"), &json!(1), &json!("ada")),
        "{line}"
    );
}

#[test]
fn where_the_audit_log_cannot_be_opened_no_token_is_revoked() {
    let site = Site::new();
    let given = dance(&site.open(), "a", "ada");
    let config = site.path("countersign.yaml");
    fs::write(site.path("consumers.yaml"), "consumers: []\n").unwrap();
    // Not even root can open a folder as a file.
    fs::create_dir(site.path("audit.log")).unwrap();
    let text = "listen: 127.0.0.1:0\nupstream: http://127.0.0.1:1\nconsumers: consumers.yaml\nstate_directory: state\nlog: { audit: audit.log }\n";
    fs::write(&config, text).unwrap();
    let refused = tokens(&["revoke", "--user", "ada", "--yes", "--config", config.to_str().unwrap()]);
    assert_eq!((refused.code, &*refused.out), (Some(1), ""));
    assert!(refused.err.contains("nothing was changed: the audit log cannot be opened: "), "{}", refused.err);
    assert_eq!(problem(&site.open(), given.issued.token.reveal(), "a"), None);
    // Without a configuration there is none.
    site.done(&["revoke", "--user", "ada", "--yes"]);
}

#[test]
fn wrong_words_are_wrong_usage() {
    let site = Site::new();
    for arguments in
        [&["revoke", "--yes"][..], &["revoke", "a"], &["list", "a"], &["list", "--consumer", ""], &["frobnicate"], &[]]
    {
        assert_eq!(site.tokens(arguments).code, Some(2), "{arguments:?}");
    }
    for command in ["list", "revoke"] {
        let help = tokens(&[command, "--help"]);
        assert!(help.code == Some(0) && help.out.contains(&format!("countersign tokens {command}")), "{}", help.out);
    }
}

#[test]
fn a_damaged_and_a_later_database_are_told_and_left_alone() {
    let site = Site::new();
    fs::create_dir(site.state()).unwrap();
    let database = site.state().join("tokens.db");
    for (bytes, why) in [(b"no database\n".repeat(100), "not a database"), (later(), "written by a later one")] {
        fs::write(&database, &bytes).unwrap();
        for arguments in [&["list"][..], &["revoke", "1", "--yes"]] {
            let refused = site.tokens(arguments);
            assert_eq!(refused.code, Some(1));
            assert!(refused.err.contains(why), "{}", refused.err);
            assert_eq!(fs::read(&database).unwrap(), bytes);
        }
    }
}

/// A database of a version that is still to come.
fn later() -> Vec<u8> {
    let site = Site::new();
    drop(site.open());
    let database = site.state().join("tokens.db");
    until(|| !site.state().join("tokens.db-wal").exists());
    let mut bytes = fs::read(database).unwrap();
    // The user version: big-endian at offset 60 (SQLite's file format, 1.3).
    bytes[63] = 99;
    bytes
}

/// Nobody's user number.
const SERVICE: u32 = 65_534;

#[test]
fn what_root_does_beside_a_service_leaves_nothing_that_is_roots() {
    let site = Site::new();
    let store = site.open();
    let given = dance(&store, "a", "ada");
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("not tried: only root may give files away");
        return;
    }
    drop(store);
    let files = || fs::read_dir(site.state()).unwrap().map(|entry| entry.unwrap().path());
    until(|| files().count() == 1);
    fs::set_permissions(site.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    files().chain([site.state()]).for_each(|path| chown(path, Some(SERVICE), Some(SERVICE)).unwrap());
    // A reader that is held keeps what SQLite has put beside the database.
    let store = site.open();
    site.done(&["revoke", "--user", "ada", "--yes"]);
    until(|| problem(&store, given.issued.token.reveal(), "a") == Some(TokenProblem::Revoked));
    assert!(files().count() > 1);
    for path in files() {
        assert_eq!(fs::metadata(&path).unwrap().uid(), SERVICE, "{}", path.display());
    }
    drop(store);
    // Where everybody may run it, wherever the build is.
    let program = site.path("countersign");
    fs::copy(env!("CARGO_BIN_EXE_countersign"), &program).unwrap();
    let as_user = |uid: u32| -> Screen {
        let mut command = Command::new(&program);
        run(command.args(["tokens", "list", "--state"]).arg(site.state()).uid(uid).gid(uid))
    };
    let service = as_user(SERVICE);
    assert_eq!((service.code, &*service.err), (Some(0), "there are no such tokens\n"));
    let other = as_user(SERVICE - 1);
    assert_eq!(other.code, Some(1));
    assert!(other.err.contains("hint: run this as root or as the gateway's user"), "{}", other.err);
}
