//! *Import by Consumer Base URL*: what an application publishes is shown before anything is written.

use std::fs;

use sha2::{Digest, Sha256};

use crate::browser::{Browser, Site};
use crate::form::{Form, unescaped};
use crate::support::{Backend, KeyPair, RSA_2048, RSA_2048_OTHER, Response, response, signed};

/// As Jira publishes it.
pub(crate) fn document(key: &str, name: &str, public_key: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><consumer><key>{key}</key><name>{name}</name><publicKey>{public_key}</publicKey>\
         <description>Atlassian Jira at https://jira.example.com</description></consumer>"
    )
}

pub(crate) fn application(document: String) -> Backend {
    Backend::answering(move |request| match request.path() {
        "/jira/plugins/servlet/oauth/consumer-info" => response(200, &[("Content-Type", "application/xml")], document.as_bytes()),
        _ => response(404, &[], b""),
    })
}

pub(crate) fn base64(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with('-')).collect()
}

pub(crate) fn fingerprint(pair: &KeyPair) -> String {
    Sha256::digest(pair.public_der()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn import(browser: &mut Browser, url: &str, allowed: &[(&str, &str)]) -> Response {
    browser.fill_in("/consumers/import", &[&[("base_url", url)], allowed].concat())
}

#[test]
fn an_application_inside_is_asked_once_its_address_is_allowed_and_added_once_it_was_seen() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let jira = application(document("jira:1", "Jira", &base64(&RSA_2048_OTHER.public_pem)));
    let url = format!("http://localhost:{}/jira/", jira.address().port());
    let before = fs::read(site.gateway.consumers_file()).unwrap();

    let clear = import(&mut browser, &url, &[]);
    assert_eq!(clear.status, 422);
    assert!(clear.text().contains("<a href=\"#http\">Over http, anybody between here and localhost"), "{}", clear.text());
    let inside = import(&mut browser, &url, &[("http", "yes")]);
    assert_eq!(inside.status, 422);
    assert!(inside.text().contains("value=\"127.0.0.1\">"), "a box for this very address: {}", inside.text());
    let other = import(&mut browser, &url, &[("http", "yes"), ("allow", "127.0.0.2")]);
    assert_eq!(other.status, 422, "another address is none");
    assert_eq!(jira.connections(), 0, "nobody was asked yet");

    let found = import(&mut browser, &url, &[("http", "yes"), ("allow", "127.0.0.1")]);
    let text = found.text();
    assert_eq!(found.status, 200, "{text}");
    let fingerprint = fingerprint(&RSA_2048_OTHER);
    for words in ["publishes this consumer", "Nothing has been written yet", &fingerprint] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(fs::read(site.gateway.consumers_file()).unwrap(), before);
    assert_eq!(site.gateway.ask(&signed("jira:1", &RSA_2048_OTHER)).status, 401);

    let added = browser.post("/consumers/add", &Form::of(&text).fields());
    assert_eq!(added.field("location"), Some("/consumers/show?key=jira%3A1&done=added"), "{}", added.text());
    assert_eq!(site.gateway.ask(&signed("jira:1", &RSA_2048_OTHER)).status, 200);
    let file = fs::read_to_string(site.gateway.consumers_file()).unwrap();
    assert!(file.contains("description: Atlassian Jira at https://jira.example.com\n"), "{file}");
}

#[test]
fn what_an_application_publishes_never_changes_a_consumer_that_is_there() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let jira = application(document("reporting", "Jira", &base64(&RSA_2048_OTHER.public_pem)));
    let url = format!("http://{}/jira", jira.address());
    let found = import(&mut browser, &url, &[("http", "yes"), ("allow", "127.0.0.1")]);
    let text = found.text();
    assert!(text.contains("There is a consumer with this key already, and it has another public key."), "{text}");
    assert_eq!(browser.post("/consumers/add", &Form::of(&text).fields()).status, 409);
    assert_eq!(site.gateway.ask(&signed("reporting", &RSA_2048)).status, 200);
}

#[test]
fn what_goes_wrong_is_told_with_a_way_on() {
    let site = Site::with_ada();
    let mut browser = site.signed_in();
    let jira = application(document("jira", "Jira", "x"));
    let here = format!("http://{}", jira.address());
    let local = [("http", "yes"), ("allow", "127.0.0.1")];
    for (url, words) in [
        ("", "is no URL"),
        ("jira.example.com", "Write https://jira.example.com"),
        ("file:///etc/passwd", "Nothing is read from file: URLs"),
        ("https://169.254.169.254/", "169.254.169.254 is a cloud's metadata service"),
        (&here, "The application publishes no consumer there (404)"),
        ("https://user:secret@[::ffff:10.0.0.1]/", "is a private network"),
    ] {
        let refused = import(&mut browser, url, if url == here { &local } else { &[] });
        let text = unescaped(&refused.text());
        assert_eq!(refused.status, 422, "{url}");
        assert!(text.contains(words), "{url}: {words}: {text}");
    }
    assert_eq!(site.gateway.count_lines("user:secret"), 0, "no password of a URL is in the log");
    let odd = import(&mut browser, &format!("{here}/jira"), &local);
    assert!(odd.status == 200 && odd.text().contains("This cannot be used"), "{}", odd.text());
}
