//! The consumers' pages in a real browser, with scripts and without; tests/admin/consumers.py is what an administrator does there.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::allowed::{App, DANCE};
use crate::browser::Site;
use crate::importing::{application, base64, document};
use crate::support::process::Stepping;
use crate::support::{Backend, CONSUMER, RSA_1024, RSA_2048, RSA_2048_OTHER, signed, tools};

/// The script at work.
fn administrator(site: &Site, application: &Backend, what: &[&str]) -> Stepping {
    let mut command = tools::browsing("admin/consumers.py");
    command.arg(format!("http://{}", site.address));
    command.arg(format!("http://localhost:{}/jira", application.address().port())).args(what);
    Stepping::start(command)
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
    let mut ada = administrator(&site, &jira, &[&["work"], more].concat());
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
    let mut ada = administrator(&site, &jira, &["harm"]);
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
    let site = Site::with_ada_and(|builder| builder.setting(DANCE));
    for user in ["fred", "gina", "fred", "a-user-with-a-name-that-is-as-long-as-an-address@example.com"] {
        App::new(CONSUMER, &RSA_2048).allowed_by(&site.gateway, user);
    }
    let jira = application(document("jira:1", "Jira", &base64(&RSA_2048_OTHER.public_pem)));
    assert_eq!(verdict(&site, CONSUMER, &RSA_2048_OTHER), "signature_invalid");
    let axe = axe();
    let mut ada = administrator(&site, &jira, &["look", axe.to_str().unwrap()]);
    let good = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    ada.at("touch the file", |_| site.gateway.write_consumers(&(good.clone() + "    description: new\n")));
    ada.at("break the file", |_| {
        site.gateway.write_consumers(&(good.clone() + "    colour: blue\n"));
        site.gateway.wait_for_line("unknown key `colour`");
    });
    ada.at("looked", |told| assert_eq!(told["found"], json!([])));
    ada.ends_well();
}
