//! Every option, and what a person sees.

use std::io::Write;
use std::process::Stdio;

use crate::desk::{Desk, Screen, on_a_terminal, two};

#[test]
fn every_option_is_written_and_taken_out_again() {
    let desk = Desk::with_two();
    let options = [
        "--description",
        "Nightly: # reports",
        "--callback-url",
        "https://a.example/cb",
        "--disabled",
        "--signature-method",
        "RSA-SHA256",
        "--signature-method",
        "RSA-SHA1",
        "--three-legged=false",
        "--two-legged=false",
        "--execute-as",
        "yes",
        "--impersonation",
        "--allow",
        "/rest/**",
        "--allow",
        "GET,POST /x",
        "--allow-from",
        "10.0.0.0/8",
        "--allow-from",
        "::1",
        "--rate-limit",
        "100/1s",
        "--expires",
        "2100-01-01",
        "--allow-oauth-1-0",
        "--upstream-basic-file",
        "legacy.password",
        "--reveal",
        "diagnosis",
    ];
    std::fs::write(desk.path("legacy.password"), "legacy:hunter2").unwrap();
    desk.done(&[&["edit", "reports"], &options[..]].concat());
    let shown = desk.show("reports");
    let rules = serde_json::json!([{ "path": "/rest/**", "methods": null }, { "path": "/x", "methods": ["GET", "POST"] }]);
    for (name, value) in [
        ("description", "Nightly: # reports".into()),
        ("callback_url", "https://a.example/cb".into()),
        ("state", "disabled".into()),
        ("signature_methods", serde_json::json!(["RSA-SHA256", "RSA-SHA1"])),
        ("three_legged", false.into()),
        ("two_legged", serde_json::json!({ "allowed": false, "execute_as": "yes", "impersonation": true })),
        ("allow", rules),
        ("allow_from", serde_json::json!(["10.0.0.0/8", "::1"])),
        ("rate_limit", serde_json::json!({ "requests": 100, "per": "1s" })),
        ("expires", "2100-01-01".into()),
        ("allow_oauth_1_0", true.into()),
        ("upstream_authorization", serde_json::json!({ "basic_file": "legacy.password" })),
        ("refusals", serde_json::json!({ "reveal": "diagnosis" })),
    ] {
        assert_eq!(shown[name], value, "{name}: {}", desk.text());
    }
    let out = [
        "--no-description",
        "--no-callback-url",
        "--no-signature-methods",
        "--no-execute-as",
        "--no-allow",
        "--no-allow-from",
        "--no-rate-limit",
        "--no-expires",
        "--no-upstream-authorization",
        "--no-reveal",
        "--enabled",
        "--three-legged",
        "--two-legged",
        "--impersonation=false",
        "--allow-oauth-1-0=false",
    ];
    desk.done(&[&["edit", "reports"], &out[..]].concat());
    let flags = "    enabled: true\n    three_legged: true\n    two_legged: { allowed: true, impersonation: false }\n    allow_oauth_1_0: false\n";
    let wiki = two().find("  - key: \"wiki\"").unwrap();
    assert_eq!(desk.text(), format!("{}{flags}{}", &two()[..wiki], &two()[wiki..]));
}

#[test]
fn a_credential_is_named_and_never_shown() {
    let desk = Desk::with_two();
    std::fs::write(desk.path("legacy.password"), "legacy:hunter2\n").unwrap();
    std::fs::write(desk.path("legacy.token"), "hunter2").unwrap();
    let told = desk.refused(&["edit", "reports", "--upstream-basic-file", "legacy.token"]);
    assert!(told.contains("legacy.token has no colon between a user and a password"), "{told}");
    let changed = desk.done(&["edit", "reports", "--upstream-bearer-file", "legacy.token"]);
    let line = |word: &str| desk.done(&["show", "reports"]).lines().find(|line| line.starts_with(word)).map(str::to_owned);
    assert_eq!(line("to upstream").as_deref(), Some("to upstream  Authorization from bearer_file legacy.token"));
    assert!(desk.text().contains("    upstream_authorization: { bearer_file: legacy.token }\n"), "{}", desk.text());
    desk.done(&["edit", "reports", "--upstream-basic-file", "legacy.password"]);
    assert!(desk.text().contains("    upstream_authorization: { basic_file: legacy.password }\n"), "{}", desk.text());
    // An edit of something else leaves it where it is.
    desk.done(&["edit", "reports", "--name", "Other"]);
    assert_eq!(line("to upstream").as_deref(), Some("to upstream  Authorization from basic_file legacy.password"));
    let shown = [changed, told, desk.done(&["show", "reports", "--json"]), desk.done(&["list"]), desk.done(&["list", "--json"])];
    assert!(shown.iter().all(|text| !text.contains("hunter2")), "{shown:?}");
    let both = desk.run(&["edit", "reports", "--upstream-basic-file", "a", "--upstream-bearer-file", "b"]);
    assert_eq!(both.code, Some(2), "{}", both.err);
}

#[test]
fn a_key_is_rolled_over_and_the_old_one_taken_out() {
    let desk = Desk::with_two();
    desk.done(&["edit", "reports", "--public-key", "a.pub", "--public-key", "c.pub"]);
    let bits = |desk: &Desk| {
        desk.show("reports")["public_keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["bits"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&desk), [2048, 4096]);
    assert!(desk.text().contains("    public_keys:\n      - |\n        -----BEGIN PUBLIC KEY-----\n"), "{}", desk.text());
    desk.done(&["edit", "reports", "--public-key", "c.pub"]);
    assert_eq!(bits(&desk), [4096]);
    let error = desk.run(&["edit", "reports", "--public-key", "b.pub"]).err;
    assert!(error.contains("has the same public key as the consumer in"), "{error}");
    for key in ["it's", "a\"b", "a\\b", "a\u{202e}b"] {
        let error = desk.run(&["add", "--key", key, "--name", "New", "--public-key", "b.pub"]).err;
        assert!(error.contains("has the same public key as the consumer in") && !error.contains('\u{202e}'), "{key}: {error}");
    }
}

#[test]
fn a_key_may_come_from_standard_input() {
    let desk = Desk::with_two();
    let mut child =
        desk.command(&["add", "--key", "new", "--name", "New", "--public-key", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let key = std::fs::read_to_string(desk.path("c.pub")).unwrap().replace('\n', "\r\n");
    child.stdin.take().unwrap().write_all(format!("\r\n  {key}\r\n").as_bytes()).unwrap();
    let screen = Screen::of(child.wait_with_output().unwrap());
    assert_eq!(screen.code, Some(0), "{}", screen.err);
    assert!(desk.text().contains("    public_key: |\n      -----BEGIN PUBLIC KEY-----\n"), "{}", desk.text());
    assert!(!desk.text().contains('\r'));
}

#[test]
fn the_table_is_aligned_and_hides_no_signs() {
    let desk = Desk::with_two();
    desk.done(&["edit", "wiki", "--name", "W\u{202e}", "--expires", "2100-01-01"]);
    let out = desk.done(&["list"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("KEY      NAME") && lines[2].contains("W\\u{202e}") && lines[2].contains("2100-01-01"), "{out}");
    let columns: Vec<Option<usize>> = lines.iter().map(|line| line.find("RSA-SHA1").or(line.find("METHODS"))).collect();
    assert!(columns.iter().all(|column| *column == columns[0]), "{out}");
}

#[test]
fn what_is_missing_is_asked_on_a_terminal_and_named_elsewhere() {
    let desk = Desk::with_two();
    for (arguments, option) in [
        (vec!["add"], "--key"),
        (vec!["add", "--key", "new"], "--name"),
        (vec!["add", "--key", "new", "--name", "New"], "--public-key"),
        (vec!["remove", "reports"], "--yes"),
    ] {
        let error = desk.refused(&arguments);
        assert!(error.contains(&format!("{option} is missing")), "{error}");
    }
    assert!(desk.refused(&["edit", "reports"]).contains("no option says what to change"));
    let key = std::fs::read_to_string(desk.path("c.pub")).unwrap();
    let screen = on_a_terminal(&desk, "add", &format!("new\nNew\n{key}"));
    assert!(screen.out.contains("added consumer new"), "{}", screen.out);
    assert!(on_a_terminal(&desk, "remove new", "n\n").out.contains("nothing was removed"));
    assert!(on_a_terminal(&desk, "remove new", "y\n").out.contains("removed consumer new"));
    assert_eq!(desk.text(), two());
}
