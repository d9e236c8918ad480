//! The audit log has a line for each change that a command made or tried.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::desk::{Desk, Screen};

/// A desk with a configuration, which names the audit log.
fn configured(audit: &str) -> Desk {
    let desk = Desk::with_two();
    let text = format!("upstream: http://127.0.0.1:1\nconsumers: consumers.yaml\nlog: {{ audit: {audit} }}\n");
    fs::write(desk.path("countersign.yaml"), text).unwrap();
    desk
}

fn run(desk: &Desk, arguments: &[&str]) -> Screen {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("consumers").args(arguments).args(["--config", "countersign.yaml"]).current_dir(desk.path(""));
    Screen::of(command.output().unwrap())
}

fn lines(desk: &Desk) -> Vec<Value> {
    let text = fs::read_to_string(desk.path("audit.log")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_change_is_a_line_with_the_fingerprints_before_and_after() {
    let desk = configured("audit.log");
    let fingerprint = |desk: &Desk, key: &str| desk.show(key)["public_keys"][0]["fingerprint"].as_str().unwrap().to_owned();
    let (a, b) = (fingerprint(&desk, "reports"), fingerprint(&desk, "wiki"));
    for arguments in [
        &["add", "--key", "new", "--name", "New", "--public-key", "c.pub"][..],
        &["edit", "new", "--public-key", "c.pub", "--public-key", "a.pub"],
        &["remove", "wiki", "--yes"],
    ] {
        let screen = run(&desk, arguments);
        assert_eq!(screen.code, Some(0), "{}", screen.err);
    }
    let c = fingerprint(&desk, "new");
    let uid = format!("uid {}", rustix::process::getuid().as_raw());
    let line = |action: &str, consumer: &str| json!({ "audit": action, "by": "command", "who": uid, "from": null, "consumer": consumer, "result": "done" });
    let mut expected = [line("add_consumer", "new"), line("edit_consumer", "new"), line("remove_consumer", "wiki")];
    expected[0]["after"] = json!(c);
    expected[1]["before"] = json!(c);
    expected[1]["after"] = json!(format!("{c} {a}"));
    expected[1]["changed"] = json!(["public_keys"]);
    expected[2]["before"] = json!(b);
    let mut found = lines(&desk);
    found.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().remove("time").unwrap()));
    assert_eq!(found, expected);
}

#[test]
fn what_is_refused_is_a_line_with_the_reason() {
    let desk = configured("audit.log");
    fs::write(desk.path("k.pem"), include_str!("../data/keys/rsa-4096-a.pem")).unwrap();
    let list = desk.text();
    for (arguments, action, consumer, reason) in [
        (&["add", "--key", "wiki", "--name", "W", "--public-key", "c.pub"][..], "add_consumer", "wiki", "already"),
        (&["add", "--key", "new", "--name", "N", "--public-key", "k.pem"], "add_consumer", "new", "it is exposed"),
        (&["edit", "wiki", "--callback-url", "nowhere"], "edit_consumer", "wiki", "callback_url"),
        (&["remove", "nobody", "--yes"], "remove_consumer", "nobody", "there is no consumer"),
        (&["import", "http://application.invalid"], "add_consumer", "", "http"),
    ] {
        assert_eq!(run(&desk, arguments).code, Some(1), "{arguments:?}");
        let line = lines(&desk).pop().unwrap();
        assert_eq!((&line["audit"], &line["result"]), (&json!(action), &json!("refused")), "{line}");
        assert_eq!(line["consumer"].as_str().unwrap_or_default(), consumer, "{line}");
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
        assert!(!line.to_string().contains("PRIVATE"), "{line}");
    }
    assert_eq!(lines(&desk).len(), 5);
    assert_eq!(desk.text(), list);
}

#[test]
fn looking_is_no_change_and_without_a_configuration_there_is_no_log() {
    let desk = configured("audit.log");
    for arguments in [&["list"][..], &["show", "wiki"], &["import", "http://application.invalid", "--dry-run"]] {
        run(&desk, arguments);
    }
    desk.done(&["edit", "wiki", "--disabled"]);
    assert_eq!(lines(&desk), Vec::<Value>::new());
}

#[test]
fn where_the_audit_log_cannot_be_opened_nothing_is_changed() {
    let desk = configured("nowhere/audit.log");
    let list = desk.text();
    for arguments in [&["edit", "wiki", "--disabled"][..], &["remove", "wiki", "--yes"]] {
        let screen = run(&desk, arguments);
        assert_eq!(screen.code, Some(1), "{}", screen.err);
        assert!(screen.err.contains("nothing was changed: the audit log cannot be opened: No such file"), "{}", screen.err);
    }
    assert_eq!(desk.text(), list);
    assert!(desk.done(&["remove", "wiki", "--yes"]).contains("removed"), "without a configuration there is no such log");
}

#[test]
fn a_full_disk_under_the_audit_log_keeps_nobody_from_removing_a_consumer() {
    let desk = configured("/dev/full");
    let screen = run(&desk, &["remove", "wiki", "--yes"]);
    assert_eq!(screen.code, Some(0), "{}", screen.err);
    assert!(screen.err.contains("warning: the audit log cannot be written: No space left"), "{}", screen.err);
    assert!(!desk.text().contains("key: wiki"));
}
