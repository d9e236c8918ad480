//! `countersign check` as a script calls it.

#![expect(clippy::unwrap_used, reason = "what a test sets up itself is there")]

use std::fs;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(arguments).output().unwrap()
}

fn check(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = run(&[&["check"], arguments].concat());
    (status.code(), String::from_utf8(stdout).unwrap())
}

const CONFIG: [&str; 2] = ["--config", "config/countersign.yaml"];

fn route(request: &str) -> String {
    let (code, text) = check(&[&CONFIG[..], &["--route", request]].concat());
    assert_eq!(code, Some(0), "{text}");
    text
}

#[test]
fn files_in_order_are_summed_up() {
    let (code, text) = check(&CONFIG);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "listen     127.0.0.1:8080",
        "upstream   127.0.0.1:2990",
        "consumers  1 in config/consumers.yaml",
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

#[test]
fn a_route_is_explained() {
    let open = route("GET /status?x=1");
    assert!(open.contains("GET /status: open, by the rule in config/countersign.yaml:"), "{open}");
    assert!(open.contains("passes without verification"), "{open}");
    let signed = route("POST /status");
    assert!(signed.contains("POST /status: signed, because no rule matches"), "{signed}");
    assert!(signed.contains("open to 1 of 1 consumers by their allow: reports"), "{signed}");
    let odd = route("GET /status/..//admin");
    assert!(odd.contains("signed, because no rule is asked: the path has an empty segment (//)"), "{odd}");
    assert!(odd.contains("open to 1 of 1 consumers"), "{odd}");
}
