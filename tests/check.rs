//! `countersign check` as a script calls it.

#![expect(clippy::unwrap_used, reason = "what a test sets up itself is there")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(arguments).output().unwrap()
}

fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = run(&[&["check"], arguments].concat());
    (status.code(), String::from_utf8(stdout).unwrap())
}

/// The files that are shipped, in one folder: where they are installed, the list is in the state directory.
fn shipped() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shipped");
    fs::create_dir_all(&folder).unwrap();
    let put = |name: &str, text: String| {
        // Tests run side by side, so no half of a file may be seen.
        let fresh = tempfile::NamedTempFile::new_in(&folder).unwrap();
        fs::write(fresh.path(), text).unwrap();
        fresh.persist(folder.join(name)).unwrap();
    };
    put("consumers.yaml", fs::read_to_string("config/consumers.yaml").unwrap());
    let config = fs::read_to_string("config/countersign.yaml").unwrap();
    let installed = "consumers: /var/lib/countersign/consumers.yaml\n";
    assert!(config.contains(installed), "{config}");
    put("countersign.yaml", config.replace(installed, "consumers: consumers.yaml\n"));
    folder
}

fn shipped_config() -> String {
    shipped().join("countersign.yaml").display().to_string()
}

fn route(request: &str) -> String {
    let (code, text) = check(&["--config", &shipped_config(), "--route", request]);
    assert_eq!(code, Some(0), "{text}");
    text
}

#[test]
fn files_in_order_are_summed_up() {
    let folder = shipped();
    let (code, text) = check(&["--config", folder.join("countersign.yaml").to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "listen     127.0.0.1:8080",
        "upstream   127.0.0.1:2990",
        &format!("consumers  1 in {}", folder.join("consumers.yaml").display()),
        "open     GET,HEAD /status",
        "signed   everything else",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(check(&["--consumers", "config/consumers.yaml"]), (Some(0), "consumers  1 in config/consumers.yaml\n".to_owned()));
}

#[test]
fn every_problem_of_both_files_is_printed_with_its_line_and_fails_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let consumers = file("consumers.yaml", "consumers:\n  - key: a\n    nme: b\n");
    let config = file(
        "countersign.yaml",
        "upstream: http://a\nconsumers: consumers.yaml\nstate_directory: /var/lib/s\nroutes:\n  - { path: /a, access: observe }\n",
    );
    let (code, text) = check(&["--config", &config]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("warning: {config}:5: /a: observe: requests pass whatever their signature; ")), "{text}");
    assert!(text.contains(&format!("error: {consumers}:3: consumer \"a\": unknown key `nme`; did you mean `name`?")), "{text}");

    let (code, json) = check(&["--config", &config, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json["ok"].as_bool()), (Some(1), Some(false)));
    assert_eq!((json["problems"][0]["severity"].as_str(), json["problems"][0]["line"].as_u64()), (Some("warning"), Some(5)));

    assert_eq!(check(&["--config", "/nonexistent"]).0, Some(1));
    assert_eq!(check(&["--consumers", "x", "--config", "y"]).0, Some(2));
    assert_eq!(check(&["--route", "nonsense"]).0, Some(2));
}

#[test]
fn one_mistake_in_each_file_is_told_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let consumers = file("consumers.yaml", "consumers:\n  - key: a\n    nme: b\n");
    let config =
        file("countersign.yaml", "upstream: http://a\nconsumers: consumers.yaml\nstate_directory: state\ntimeouts: {idel: 1s}\n");
    for who in ["check", "serve"] {
        let Output { status, stdout, stderr } = run(&[who, "--config", &config]);
        let said = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert_eq!(status.code(), Some(1), "{who}: {said}");
        for line in [
            format!("{config}:4: unknown key `timeouts.idel`; did you mean `idle`?"),
            format!("{consumers}:3: consumer \"a\": unknown key `nme`; did you mean `name`?"),
        ] {
            assert!(said.contains(&line), "{who} does not say {line}:\n{said}");
        }
    }
    // Nothing is made up about consumers that nobody named.
    let config = file("countersign.yaml", "upstream: http://a\nstate_directory: /var/lib/s\n");
    let (code, text) = check(&["--config", &config]);
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
}

/// A configuration with these rules and one consumer, whose `allow` covers /rest/** alone.
fn with_rules(rules: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let list = fs::read_to_string("config/consumers.yaml").unwrap();
    let entry = list.find("    public_key").unwrap();
    let list = format!("{}    allow: [{{ path: /rest/** }}]\n{}", &list[..entry], &list[entry..]);
    fs::write(folder.path().join("consumers.yaml"), list).unwrap();
    let rules: String = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
    let config = format!("upstream: http://a\nconsumers: consumers.yaml\nstate_directory: /var/lib/s\nroutes:\n{rules}");
    fs::write(folder.path().join("countersign.yaml"), config).unwrap();
    folder
}

#[test]
fn a_route_is_explained() {
    let open = route("GET /status?x=1");
    assert!(open.contains(&format!("GET /status: open, by the rule in {}:", shipped_config())), "{open}");
    assert!(open.contains("passes without verification"), "{open}");
    let signed = route("POST /status");
    assert!(signed.contains("POST /status: signed, because no rule matches"), "{signed}");
    assert!(signed.contains("open to 1 of 1 consumers by their allow: reports"), "{signed}");
    let odd = route("GET /status/..//admin");
    assert!(odd.contains("signed, because no rule is asked: the path has an empty segment (//)"), "{odd}");
    assert!(odd.contains("open to 1 of 1 consumers"), "{odd}");
}

#[test]
fn each_kind_of_access_is_explained_to_people_and_scripts() {
    let folder = with_rules(&[
        "{ path: /rest/**, access: optional }",
        "{ path: /trial, access: observe }",
        "{ path: /admin/**, methods: [DELETE], access: deny }",
    ]);
    let config = folder.path().join("countersign.yaml").display().to_string();
    let ask = |request: &str| {
        let asked = ["--config", &config, "--route", request];
        let ((code, text), (_, json)) = (check(&asked), check(&[&asked[..], &["--json"]].concat()));
        assert_eq!(code, Some(0), "{text}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        (text, json["route"].clone())
    };
    for (request, access, line, reaching, words) in [
        ("GET /rest/x?y=1", "optional", Some(5), 1, "passes without OAuth credentials, with no identity"),
        ("GET /trial", "observe", Some(6), 0, "passes whatever its signature, with no identity; the verdict is logged"),
        ("DELETE /admin/x", "deny", Some(7), 0, "is refused, signed or not"),
        ("DELETE /ADMIN/x/", "deny", Some(7), 0, "by the rule in "),
        ("GET /admin/x", "signed", None, 0, "because no rule matches"),
        ("GET /rest/%2e%2e/admin", "deny", None, 0, "because no rule is asked: the path has a dot segment (. or ..)"),
    ] {
        let (text, json) = ask(request);
        let (method, target) = request.split_once(' ').unwrap();
        let path = target.split('?').next().unwrap();
        assert!(text.contains(&format!("{method} {path}: {access}, ")) && text.contains(words), "{request}: {text}");
        assert_eq!((json["method"].as_str(), json["path"].as_str()), (Some(method), Some(path)));
        assert_eq!((json["access"].as_str(), json["line"].as_u64()), (Some(access), line), "{request}");
        assert_eq!(json["consumers"].as_array().unwrap().len(), reaching, "{request}");
        assert_eq!(json["ambiguity"].is_string(), request.contains('%'), "{request}");
        let says_who = text.contains(&format!("open to {reaching} of 1 consumers by their allow"));
        assert_eq!(says_who, matches!(access, "signed" | "optional"), "{request}: {text}");
    }
}

#[test]
fn a_route_that_no_request_can_have_is_wrong_usage() {
    for (request, words) in [
        ("GET", "write a method and a path"),
        ("get /status", "methods are written in capitals"),
        ("GTE /status", "the method is none that is forwarded"),
        ("CONNECT /status", "the method is none that is forwarded"),
        ("G{T /status", "the method is none that is forwarded"),
        ("GET status", "the path has to begin with a slash"),
        ("GET ", "the path has to begin with a slash"),
        ("GET http://a/status", "the path has to begin with a slash"),
    ] {
        let Output { status, stdout, stderr } = run(&["check", "--config", "config/countersign.yaml", "--route", request]);
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), &stdout[..]), (Some(2), &b""[..]), "{request}: {said}");
        assert!(said.contains(words), "{request}: {said}");
    }
}
