//! The whole dance in a real browser: tests/dance/people.py is who sits there, and the client that wants something.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::proxy::SignOn;
use crate::site::{REPORTING, SIGN_ON};
use crate::support::process::{Server, Stepping, key_file};
use crate::support::{Backend, Gateway, tools};
use crate::users::{PASSWORD, with_users};

fn script(base: &str, what: &[&str]) -> Command {
    let mut command = tools::browsing_client("dance/people.py");
    command.arg(base).arg(key_file("rsa-2048-a")).args(what);
    command
}

/// What the people saw at the site with this base URL.
#[track_caller]
fn people(base: &str, what: &[&str]) -> Value {
    let output = script(base, what).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "chromium and chromedriver are needed (./tests/run installs them): {told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn url(gateway: &Gateway) -> String {
    format!("http://{}", gateway.address())
}

/// Roundup, and where its accesses are written.
fn roundup() -> (Server, TempDir) {
    let folder = TempDir::new().unwrap();
    (Server::start("roundup_app.py", &folder.path().join("tracker")), folder)
}

#[track_caller]
fn alice_allowed_and_took_it_back_and_bob_said_no(seen: &Value) {
    assert_eq!((&seen["as_alice"], &seen["as_alice_still"]), (&json!([201, "alice"]), &json!([201, "alice"])), "{seen}");
    assert!(
        seen["asked"].as_str().unwrap().contains(REPORTING.key) && seen["asked"].as_str().unwrap().contains("alice"),
        "{seen}"
    );
    assert_eq!(seen["denied"], "oauth_verifier=denied", "{seen}");
    assert!(seen["exchange"].as_str().unwrap().contains("oauth_problem=permission_denied"), "{seen}");
    assert!(!seen["bobs_page"].as_str().unwrap().contains(REPORTING.key), "{seen}");
    assert!(seen["alices_page"].as_str().unwrap().contains(REPORTING.key), "{seen}");
    assert_eq!(seen["revoked"][0], 401, "{seen}");
    assert!(seen["revoked"][1].as_str().unwrap().contains("oauth_problem=token_revoked"), "{seen}");
    assert_eq!(seen["complaints"], json!([]), "the pages keep to their own policy");
}

#[test]
fn alice_allows_and_revokes_and_bob_denies_where_the_gateway_has_users_of_its_own() {
    let (roundup, _folder) = roundup();
    let gateway = with_users(Gateway::builder().upstream_setting(&roundup.url()));
    alice_allowed_and_took_it_back_and_bob_said_no(&people(&url(&gateway), &["roundup", "form"]));
}

#[test]
fn alice_allows_and_revokes_and_bob_denies_where_a_proxy_says_who_they_are() {
    let (roundup, _folder) = roundup();
    let builder = Gateway::builder().upstream_setting(&roundup.url()).setting("oauth: {}").setting(SIGN_ON);
    let gateway = builder.start();
    let proxy = SignOn::before(&gateway, PASSWORD);
    alice_allowed_and_took_it_back_and_bob_said_no(&people(&proxy.url(), &["roundup", "proxy"]));
}

/// requests-oauthlib is the client of every other test here.
#[test]
fn node_oauth_and_the_tutorials_client_act_as_whoever_allowed_it_there() {
    let (roundup, folder) = roundup();
    let gateway = with_users(Gateway::builder().upstream_setting(&roundup.url()));
    let mut people = Stepping::start(script(&url(&gateway), &["allow"]));
    let mut callback = Value::Null;
    people.at("ready", |told| callback = told["callback"].clone());
    let mut tutorial = tools::java();
    tutorial.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/dances/TutorialDance.java"));
    for (mut client, user) in [(tools::node("dances/node_oauth_dance.js"), "alice"), (tutorial, "bob")] {
        client.args([&url(&gateway), &key_file("rsa-2048-a"), REPORTING.key, callback.as_str().unwrap()]);
        let mut client = Stepping::start(client);
        client.answer("consent", |told| {
            people.answer("who", |_| format!("{user} {}", told["url"].as_str().unwrap()));
            let mut returned = String::new();
            people.at("returned", |told| {
                let page = told["page"].as_str().unwrap();
                assert!(page.contains(REPORTING.key) && page.contains(user), "{page}");
                told["url"].as_str().unwrap().clone_into(&mut returned);
            });
            returned
        });
        client.at("called", |told| {
            let body: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap_or_else(|_| panic!("{told}"));
            assert_eq!(body, json!({ "name": user }), "as Roundup has it");
        });
        client.ends_well();
    }
    people.answer("who", |_| String::new());
    people.ends_well();
    let accesses = std::fs::read_to_string(folder.path().join("tracker.accesses")).unwrap();
    let users: Vec<Value> = accesses.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["user"].clone()).collect();
    assert_eq!(users, ["alice", "bob"], "{accesses}");
}

#[track_caller]
fn the_application_says_who_it_is(probe: &str) {
    let folder = TempDir::new().unwrap();
    let application = Server::start("flask_app.py", &folder.path().join("accesses"));
    let login = "login_url: '/login?next={return_to}'";
    let gateway = Gateway::builder()
        .upstream_setting(&application.url())
        .route("{ path: /rest/**, access: signed }")
        .route("{ path: /**, access: open, cookies: forward }")
        .setting("oauth: {}")
        .setting(&format!("resource_owner: {{ session_probe: {{ {probe}, {login} }} }}"))
        .start();
    let seen = people(&url(&gateway), &["application"]);
    assert!(seen["asked_at"].as_str().unwrap().starts_with("/login?next="), "{seen}");
    for page in [&seen["consent"], &seen["again"]] {
        let page = page.as_str().unwrap();
        assert!(page.contains(REPORTING.key) && page.contains("alice"), "{page}");
    }
    assert_eq!(seen["me"], json!({ "name": "alice", "cookies": [] }), "{seen}");
    let accesses = std::fs::read_to_string(folder.path().join("accesses")).unwrap();
    assert!(accesses.lines().any(|access| access.contains("\"/session\"") && access.contains("[\"session\"]")), "{accesses}");
    assert!(!accesses.contains("countersign_"), "the pages' cookies are not the application's: {accesses}");
    assert_eq!(seen["complaints"], json!([]), "the pages keep to their own policy");
}

#[test]
fn an_application_says_by_a_header_who_is_signed_in_and_asks_whoever_is_not() {
    the_application_says_who_it_is("url: /session, user_header: X-AUSERNAME, anonymous: [anonymous]");
}

#[test]
fn an_application_says_by_json_who_is_signed_in_and_asks_whoever_is_not() {
    the_application_says_who_it_is("url: /session, user_json_pointer: /session/user/name");
}

/// Each means something to some reader; whichever of them runs says so.
const HARM: [&str; 7] = [
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror=window.pwned=1>",
    "' autofocus onfocus='window.pwned=1",
    "</title></textarea><svg onload=window.pwned=1>",
    "javascript:window.pwned=1//",
    "{{ 7 * 7 }}${7*7}",
    "a\u{202e}txt.exe\u{2028}b",
];

#[test]
fn h47_no_script_in_a_consumers_name_or_description_runs_and_h46_no_other_site_decides() {
    let backend = Backend::start();
    let builder = HARM.iter().enumerate().fold(Gateway::builder().upstream(&backend), |builder, (number, harm)| {
        let entry = crate::support::Consumer::named(&format!("harm{number}"), harm, &crate::support::RSA_2048);
        builder.consumer(entry.with(&format!("description: {}", Value::from(*harm))))
    });
    let gateway = with_users(builder);
    let seen = people(&url(&gateway), &["harm", &HARM.len().to_string()]);
    assert_eq!(seen["complaints"], json!([]), "nothing even tried");
    let texts: Vec<&str> = seen["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(texts.len(), HARM.len() + 1);
    for (text, harm) in texts.iter().zip(HARM) {
        // What turns a line's direction is shown as what it is, or not at all.
        assert!(text.contains(harm) != harm.contains('\u{202e}'), "{harm}: {text}");
        assert!(!text.contains('\u{202e}') && !text.contains("49$"), "{text}");
    }
    // Another port of this machine is the same site to a browser: it sends the cookies along.
    let framed = seen["framed"].as_str().unwrap();
    assert!(!framed.contains("Allow") && !framed.contains("alice"), "{framed}");
    assert!(seen["not_allowed"].as_str().unwrap().contains("oauth_problem=permission_unknown"), "{seen}");
}

#[test]
fn every_page_is_for_everybody_in_light_and_dark_on_a_phone_and_on_a_desk() {
    let backend = Backend::start();
    let gateway = with_users(Gateway::builder().upstream(&backend));
    let axe: PathBuf = tools::node_module("axe-core/axe.min.js");
    let pictures = std::env::var("COUNTERSIGN_PICTURES").ok();
    let what = ["look", axe.to_str().unwrap()].into_iter().chain(pictures.as_deref());
    let seen = people(&url(&gateway), &what.collect::<Vec<_>>());
    assert_eq!(seen["found"], json!([]), "{seen}");
    assert_eq!(seen["pages"].as_array().unwrap().len(), 10);
    assert_eq!(seen["complaints"], json!([]), "the pages keep to their own policy");
}
