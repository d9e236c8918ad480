//! The consumers' pages in a real browser, with scripts and without; tests/admin/consumers.py is what an administrator does there.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::browser::Site;
use crate::importing::{application, base64, document};
use crate::support::{Backend, CONSUMER, RSA_1024, RSA_2048, RSA_2048_OTHER, signed, tools};

/// The script at work, one step after the other.
struct Administrator {
    child: Child,
    told: BufReader<ChildStdout>,
}

impl Administrator {
    fn start(site: &Site, application: &Backend, what: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/consumers.py");
        let mut command = Command::new("python3");
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(format!("http://{}", site.address));
        command.arg(format!("http://localhost:{}/jira", application.address().port())).args(what);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        Self { child, told }
    }

    /// Waits for a step, whose own waits have an end, looks at the gateway, and lets the script go on.
    #[track_caller]
    fn at(&mut self, step: &str, look: impl FnOnce(&Value)) {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{step} did not come; what did is on standard error"));
        assert_eq!(told["step"], step);
        look(&told);
        writeln!(self.child.stdin.as_mut().unwrap()).unwrap();
    }

    #[track_caller]
    fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Administrator {
    fn drop(&mut self) {
        // A script that waits for a line ends without one, and with it its driver and browser.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What the gateway makes of a request, at once.
fn verdict(site: &Site, consumer: &str, pair: &'static crate::support::KeyPair) -> String {
    let response = site.gateway.ask(&signed(consumer, pair));
    response.problem().unwrap_or_else(|| response.status.to_string())
}

fn axe() -> PathBuf {
    tools::node_module("axe-core/axe.min.js")
}

#[track_caller]
fn a_day_of_work(more: &[&str]) {
    let site = Site::with_ada();
    let jira = application(document("jira:1", "Jira", &base64(&RSA_2048_OTHER.public_pem)));
    let mut ada = Administrator::start(&site, &jira, &[&["work"], more].concat());
    // Nobody but Google has the private half; that a wrong signature is what is wrong shows that the consumer is known.
    assert_eq!(verdict(&site, "www.google.com", &RSA_1024), "consumer_key_unknown");
    ada.at("added", |_| assert_eq!(verdict(&site, "www.google.com", &RSA_1024), "signature_invalid"));
    ada.at("edited", |_| {
        let file = fs::read_to_string(site.gateway.consumers_file()).unwrap();
        assert!(file.contains("    description: The gadgets of iGoogle\n"), "{file}");
        assert_eq!(verdict(&site, "www.google.com", &RSA_1024), "signature_invalid");
    });
    ada.at("found", |told| {
        assert_eq!(told["fingerprint"], crate::importing::fingerprint(&RSA_2048_OTHER));
        assert_eq!(verdict(&site, "jira:1", &RSA_2048_OTHER), "consumer_key_unknown");
    });
    ada.at("imported", |_| assert_eq!(verdict(&site, "jira:1", &RSA_2048_OTHER), "200"));
    ada.at("asked", |_| assert_eq!(verdict(&site, "jira:1", &RSA_2048_OTHER), "200"));
    ada.at("removed", |_| assert_eq!(verdict(&site, "jira:1", &RSA_2048_OTHER), "consumer_key_unknown"));
    ada.at("signed out", |told| {
        assert_eq!(told["complaints"], json!([]), "the pages keep to their own policy");
        assert_eq!(verdict(&site, CONSUMER, &RSA_2048), "200", "nobody touched this one");
    });
    ada.ends_well();
}

#[test]
fn a_consumer_is_added_edited_imported_and_removed_and_each_time_the_gateway_knows_at_once() {
    a_day_of_work(&[]);
}

#[test]
fn all_of_it_works_without_scripts() {
    a_day_of_work(&["--without-scripts"]);
}

#[test]
fn no_script_in_any_field_runs_whether_it_was_typed_in_or_published() {
    let site = Site::with_ada();
    let harm = "&lt;img src=x onerror=window.pwned=1&gt;";
    let jira = application(document(harm, harm, &base64(&RSA_2048_OTHER.public_pem)).replace("Atlassian", harm));
    let mut ada = Administrator::start(&site, &jira, &["harm"]);
    ada.at("added", |_| {
        for consumer in ["<script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>"] {
            assert_eq!(verdict(&site, consumer, &RSA_1024), "signature_invalid");
        }
    });
    ada.at("looked", |told| assert_eq!(told["complaints"], json!([]), "nothing even tried"));
    ada.ends_well();
}

#[test]
fn every_page_is_for_everybody_in_light_and_dark_on_a_phone_and_on_a_desk() {
    let site = Site::with_ada();
    let jira = application(document("jira:1", "Jira", &base64(&RSA_2048_OTHER.public_pem)));
    assert_eq!(verdict(&site, CONSUMER, &RSA_2048_OTHER), "signature_invalid");
    let axe = axe();
    let mut ada = Administrator::start(&site, &jira, &["look", axe.to_str().unwrap()]);
    let good = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    ada.at("touch the file", |_| site.gateway.write_consumers(&(good.clone() + "    description: new\n")));
    ada.at("break the file", |_| {
        site.gateway.write_consumers(&(good.clone() + "    colour: blue\n"));
        site.gateway.wait_for_line("unknown key `colour`");
    });
    ada.at("looked", |told| assert_eq!(told["found"], json!([])));
    ada.ends_well();
}
