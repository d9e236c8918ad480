//! `upstream_authorization` on the administrator's side: set there, shown as a file, and nowhere as what is in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::browser::{Browser, Site};
use crate::form::{Form, unescaped};
use crate::program::Program;
use crate::support::{CONSUMER, by_reporting, eventually};

const EDIT: &str = "/consumers/edit?key=reporting";
const SHOW: &str = "/consumers/show?key=reporting";
const ENTRY: &str = "/api/v1/consumers/reporting";

#[track_caller]
fn edited(browser: &mut Browser, basic: &str, bearer: &str) -> (u16, String) {
    let form = Form::of(&browser.get(EDIT).text()).set("upstream_basic_file", basic).set("upstream_bearer_file", bearer);
    let answer = browser.post("/consumers/edit", &form.fields());
    (answer.status, unescaped(&answer.text()))
}

#[test]
fn the_form_names_a_file_and_keeps_what_it_did_not_change() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let write = |name: &str, text: &str| fs::write(site.gateway.folder().join(name), text).unwrap();
    write("legacy.password", "legacy:secret");
    write("legacy.token", "token");
    let file = || fs::read_to_string(site.gateway.consumers_file()).unwrap();
    let before = file();
    for (basic, bearer, field, told) in [
        ("legacy.password", "legacy.token", "upstream_bearer_file", "Name one of the two files"),
        ("absent", "", "upstream_basic_file", "absent can't be read: No such file"),
        ("", "legacy.password", "upstream_bearer_file", "legacy.password holds no bearer token"),
        ("legacy:secret", "", "upstream_basic_file", "looks like a user and a password"),
    ] {
        let (status, text) = edited(&mut browser, basic, bearer);
        let link = format!("<a href=\"#{field}\">");
        let at_field = text.split_once(&link).unwrap_or_else(|| panic!("{told}: {text}")).1.split_once("</a>").unwrap().0;
        assert!(status == 422 && at_field.contains(told), "{status}: {at_field}");
    }
    assert_eq!(file(), before);
    assert_eq!(edited(&mut browser, "legacy.password", "").0, 303);
    assert!(browser.get(SHOW).text().contains("basic_file legacy.password"));
    assert!(file().contains("upstream_authorization: { basic_file: legacy.password }"), "{}", file());
    let form = Form::of(&browser.get(EDIT).text()).set("name", "Other");
    assert_eq!(browser.post("/consumers/edit", &form.fields()).status, 303);
    assert!(file().contains("upstream_authorization: { basic_file: legacy.password }"), "{}", file());
    assert_eq!(edited(&mut browser, "", "legacy.token").0, 303);
    assert!(file().contains("upstream_authorization: { bearer_file: legacy.token }"), "{}", file());
    assert_eq!(edited(&mut browser, "", "").0, 303);
    assert!(!file().contains("upstream_authorization"), "{}", file());
}

#[test]
fn the_api_names_a_file_and_refuses_what_is_none() {
    let site = Site::with_ada();
    let program = Program::at(&site);
    fs::write(site.gateway.folder().join("legacy.password"), "legacy:secret").unwrap();
    let set = |to: Value| program.patch(ENTRY, None, &json!({ "upstream_authorization": to }));
    let done = set(json!({ "basic_file": "legacy.password" }));
    assert_eq!((done.status, &done.json["live"]), (200, &json!(true)), "{}", done.json);
    let line = site.wait_for_audit("edit_consumer", "done");
    assert!(line.to_string().contains("upstream_authorization"), "{line}");
    for wrong in [json!({}), json!({ "basic_file": "a", "bearer_file": "b" }), json!({ "basic_file": "absent" }), json!("secret")]
    {
        let refused = set(wrong.clone());
        assert!((400..500).contains(&refused.status), "{wrong}: {}", refused.status);
    }
    // Who sent a credential for a path is told so; nobody else is.
    assert_eq!(site.gateway.count_lines("secret"), 0);
    assert_eq!(program.get(ENTRY).json["upstream_authorization"], json!({ "basic_file": "legacy.password" }));
    assert_eq!(set(Value::Null).status, 200);
    assert_eq!(program.get(ENTRY).json["upstream_authorization"], Value::Null);
}

/// Everything in a folder and below it.
fn contents(folder: &Path) -> Vec<u8> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { contents(&path) } else { fs::read(path).unwrap_or_default() }).collect()
}

#[test]
fn what_is_in_a_credentials_file_is_told_nowhere() {
    let site = Site::with_ada_and(|builder| builder.setting("log: { level: trace }"));
    let (mut browser, program) = (site.signed_in(), Program::at(&site));
    let passwords = ["first-hunter2", "second-hunter2", "third-hunter2"];
    let write = |text: &str| {
        let folder = site.gateway.folder();
        fs::write(folder.join("legacy.password.new"), text).unwrap();
        fs::rename(folder.join("legacy.password.new"), folder.join("legacy.password")).unwrap();
    };
    let mut told = Vec::new();
    let mut take = |text: String| told.push(text);
    write(&format!("legacy:{}", passwords[0]));
    let set = json!({ "upstream_authorization": { "basic_file": "legacy.password" } });
    take(program.patch(ENTRY, None, &set).json.to_string());
    for _ in 0..3 {
        assert_eq!(site.gateway.ask(&by_reporting()).status, 200);
    }
    site.gateway.ask(&by_reporting().signature("AAAA"));
    write(&format!("legacy:{}", passwords[1]));
    // The list was replaced when it named the file; a reading that finds nothing new has another line.
    let replaced = || site.gateway.count_lines("the consumers were read again\"");
    eventually("the second is read", || (replaced() == 2).then_some(()));
    assert_eq!(site.gateway.ask(&by_reporting()).status, 200);
    write(&format!("legacy:{}\nand another line\n", passwords[2]));
    site.gateway.wait_for_line("the consumers can't be read; the gateway goes on");
    assert_eq!(site.gateway.ask(&by_reporting()).status, 200);
    for path in ["/", "/consumers", SHOW, EDIT, "/files", "/refusals"] {
        take(browser.get(path).text());
    }
    for path in ["/api/v1/consumers", ENTRY, "/api/v1/reload", "/api/v1/refusals"] {
        take(program.get(path).json.to_string());
    }
    take(program.post("/api/v1/reload", &json!({})).json.to_string());
    take(site.gateway.ask_admin("GET", "/metrics", &[], "").text());
    let commands: [&[&str]; 4] = [&["check"], &["consumers", "list"], &["consumers", "show", CONSUMER], &["reload"]];
    for command in commands {
        let mut run = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let out = run.args(command).arg("--config").arg(site.gateway.folder().join("countersign.yaml")).output().unwrap();
        take([out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat());
    }
    write(&format!("legacy:{}", passwords[1]));
    for json in ["list", "show"] {
        let mut run = Command::new(env!("CARGO_BIN_EXE_countersign"));
        run.args(["consumers", json, "--json", "--consumers"]).arg(site.gateway.consumers_file());
        let out = run.args((json == "show").then_some(CONSUMER)).output().unwrap();
        assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("legacy.password"), "{out:?}");
        take([out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat());
    }
    take(browser.get(SHOW).text());
    take(contents(&site.gateway.folder().join("state")).escape_ascii().to_string());
    take(site.gateway.lines().join("\n"));
    let told = told.concat();
    for password in passwords {
        for secret in [password.to_owned(), STANDARD.encode(format!("legacy:{password}"))] {
            let at = told.find(&secret);
            assert!(at.is_none(), "{secret} is told: …{}", &told[at.unwrap().saturating_sub(200)..at.unwrap()]);
        }
    }
    assert!(told.contains("legacy.password has several lines"), "this looks at what it means to");
}
