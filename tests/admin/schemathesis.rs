//! The API as its description has it, read by somebody else: whatever the description allows or forbids is sent, and every answer has
//! to be one that is described.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::allowed::{App, DANCE};
use crate::browser::Site;
use crate::program::Program;
use crate::support::{CONSUMER, RSA_2048, tools};

#[test]
fn every_answer_to_any_request_is_described_and_none_is_the_servers_fault() {
    let site = Site::with(|builder| builder.setting(DANCE));
    for user in ["fred", "gina"] {
        App::new(CONSUMER, &RSA_2048).allowed_by(&site.gateway, user);
    }
    let program = Program::at(&site);
    let examples = if std::env::var_os("COUNTERSIGN_LONG").is_some() { "300" } else { "50" };
    let (elsewhere, report) = (TempDir::new().unwrap(), site.gateway.folder().join("schemathesis.json"));
    let mut command = tools::schemathesis();
    command.current_dir(elsewhere.path()).args(["run", &format!("http://{}/openapi.json", site.address)]);
    command.args(["--header", &format!("Authorization: Bearer {}", program.token()), "--max-examples", examples]);
    // What is valid by the description can be refused nevertheless: whether a text is a key, no description can say.
    command.args(["--checks=all", "--exclude-checks=positive_data_acceptance", "--phases=examples,coverage,fuzzing,stateful"]);
    command.args(["--continue-on-failure", "--suppress-health-check=all", "--request-timeout=60", "--output-truncate=false"]);
    let output = command.arg("--report-json-path").arg(&report).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("12 selected / 12 total"), "{said}");

    // It got past the door, and into the file.
    let done = site.audit().into_iter().filter(|line| line["result"] == "done").count();
    assert!(done >= 10, "{done} changes were made: {said}");
    let config = site.gateway.folder().join("countersign.yaml");
    let check = Command::new(env!("CARGO_BIN_EXE_countersign")).args(["check", "--config"]).arg(config).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let faults = site
        .gateway
        .lines()
        .into_iter()
        .filter(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"] == "ERROR"));
    assert_eq!(faults.collect::<Vec<_>>(), Vec::<String>::new());
}
