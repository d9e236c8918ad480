//! Foreign clients, unmodified, that dance: their scripts are in tests/interop/dances, and the test is the user.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::site::{AUTHORIZE, CALLBACK, REPORTING, Site, shown_code};
use crate::support::jira::small_jira;
use crate::support::process::{Stepping, key_file};
use crate::support::{Backend, Consumer, tools};

/// A gateway in front of what clients of Jira expect there, which answers with the user's name.
fn site(consumer: Option<Consumer>) -> Site {
    let backend = Backend::answering(|request| small_jira(request, "x-forwarded-user"));
    Site::before(backend, "{}", |builder| consumer.into_iter().fold(builder, |builder, consumer| builder.consumer(consumer)))
}

/// Starts a client with the key of [`REPORTING`].
fn starts(mut client: Command, site: &Site, callback: &str) -> Stepping {
    client.args([&url(site), &key_file("rsa-2048-a"), REPORTING.key, callback]);
    Stepping::start(client)
}

fn url(site: &Site) -> String {
    format!("http://{}", site.gateway.address())
}

/// The user goes to the page that the client names, and decides: where it led to, or the code that it showed.
#[track_caller]
fn decides(site: &Site, user: &'static str, told: &Value, decision: &str) -> String {
    let page = told["url"].as_str().unwrap();
    let token = page.strip_prefix(&format!("{}{AUTHORIZE}?oauth_token=", url(site)));
    let answer = site.user(user).decides(token.unwrap_or_else(|| panic!("the client leads to {page}")), decision);
    match answer.field("location") {
        Some(location) => location.to_owned(),
        None => shown_code(&answer),
    }
}

/// The client asked the application who it is.
#[track_caller]
fn called_as(told: &Value, user: &str) {
    let body: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap_or_else(|_| panic!("{told}"));
    assert_eq!((told["status"].as_u64(), &body["name"]), (Some(200), &Value::from(user)), "{told}");
}

fn python(script: &str) -> Command {
    tools::python(&format!("dances/{script}"))
}

fn node(script: &str) -> Command {
    tools::node(&format!("dances/{script}"))
}

#[test]
fn requests_oauthlib_dances_with_a_callback_and_without_one() {
    let site = site(None);
    for (callback, user) in [(CALLBACK, "alice"), ("oob", "bob")] {
        let mut client = starts(python("requests_oauthlib_dance.py"), &site, callback);
        client.answer("consent", |told| decides(&site, user, told, "allow"));
        client.at("called", |told| called_as(told, user));
        client.at("renewed", |told| {
            assert_eq!(told["status"], 200, "{told}");
            assert!(told["body"].as_str().unwrap().starts_with("oauth_token="), "{told}");
        });
        client.ends_well();
    }
}

#[test]
fn requests_oauthlib_understands_a_no() {
    let site = site(None);
    let mut client = starts(python("requests_oauthlib_dance.py"), &site, CALLBACK);
    client.answer("consent", |told| decides(&site, "bob", told, "deny"));
    client.at("refused", |told| {
        assert_eq!(told["status"], 401, "{told}");
        assert!(told["body"].as_str().unwrap().contains("oauth_problem=permission_denied"), "{told}");
    });
    client.ends_well();
    site.backend.assert_untouched();
}

#[test]
fn jira_works_as_the_user_until_the_user_ends_it() {
    let site = site(None);
    let mut client = starts(python("jira_dance.py"), &site, "oob");
    client.answer("consent", |told| decides(&site, "alice", told, "allow"));
    client.at("called", |told| assert_eq!((&told["user"], &told["version"][0]), (&"alice".into(), &9.into()), "{told}"));
    client.at("created", |_| {
        let created = site.backend.last_request();
        assert_eq!((&*created.target, created.spellings_of("x-forwarded-user")), ("/rest/api/2/issue/DEMO-1", vec!["alice"]));
        assert!(created.values("authorization").is_empty(), "{created:?}");
        site.alice().revokes(REPORTING.key);
    });
    client.at("refused", |told| {
        assert_eq!(told["status"], 401, "{told}");
        assert!(told["body"].as_str().unwrap().contains("oauth_problem=token_revoked"), "{told}");
    });
    client.ends_well();
}

#[test]
fn node_oauth_dances() {
    let site = site(None);
    for (callback, user) in [(CALLBACK, "alice"), ("oob", "bob")] {
        let mut client = starts(node("node_oauth_dance.js"), &site, callback);
        client.answer("consent", |told| decides(&site, user, told, "allow"));
        client.at("called", |told| called_as(told, user));
        client.ends_well();
    }
}

#[test]
fn jira_connector_dances_with_its_own_paths() {
    let site = site(None);
    for (callback, user) in [(CALLBACK, "alice"), ("oob", "bob")] {
        let mut client = starts(node("jira_connector_dance.js"), &site, callback);
        client.answer("consent", |told| decides(&site, user, told, "allow"));
        client.at("called", |told| called_as(told, user));
        client.ends_well();
    }
}

#[test]
fn the_client_of_the_tutorial_dances_with_a_key_made_as_it_says() {
    let folder = TempDir::new().unwrap();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").current_dir(folder.path()).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl("genrsa -out jira_privatekey.pem 2048");
    openssl("rsa -in jira_privatekey.pem -pubout -out jira_publickey.pem");
    openssl("pkcs8 -topk8 -nocrypt -in jira_privatekey.pem -out jira_privatekey.pcks8");
    let public = std::fs::read_to_string(folder.path().join("jira_publickey.pem")).unwrap();
    let site = site(Some(Consumer::with_key_text("hardcoded-consumer", &public)));

    let mut client = tools::java();
    client.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/dances/TutorialDance.java"));
    client.arg(url(&site)).arg(folder.path().join("jira_privatekey.pcks8")).args(["hardcoded-consumer", CALLBACK]);
    let mut client = Stepping::start(client);
    client.answer("consent", |told| decides(&site, "alice", told, "allow"));
    client.at("called", |told| assert_eq!(told["body"], r#"{"name":"alice"}"#));
    client.ends_well();
    let seen = site.backend.only_request();
    assert_eq!(seen.spellings_of("x-oauth-consumer"), ["hardcoded-consumer"]);
}
