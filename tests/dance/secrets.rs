//! Row H49 of docs/attacks.md: what only one may know is in no log, no file and no metric.

use std::fs;
use std::path::Path;

use crate::form::Form;
use crate::site::{CALLBACK, Given, OTHER, REPORTING, Site, USER_TOKENS, authorize, called_back, shown_code};
use crate::support::percent::encode;
use crate::support::{Backend, Gateway};
use crate::users::{PASSWORD, with_users};

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    found
}

#[test]
fn h49_what_only_one_may_know_is_in_no_log_no_file_and_no_metric() {
    let backend = Backend::start();
    let builder =
        Gateway::builder().upstream(&backend).setting("log: { level: trace }").setting("admin: { listen: 127.0.0.1:0 }");
    let gateway = with_users(builder.consumer(REPORTING.entry()).consumer(OTHER.entry()));
    let site = Site { gateway, backend };
    let mut secrets: Vec<(&str, String)> = vec![("the password", PASSWORD.to_owned())];

    let first = site.request_token();
    let mut alice = site.nobody();
    let answer = alice.signs_in(&first.token, "alice", PASSWORD);
    assert_eq!(answer.field("location"), Some(&*authorize(&first.token)), "{}", answer.text());
    let form = Form::with(&alice.opens(&first.token).text(), "name=\"decision\"");
    secrets
        .extend(form.hidden.into_iter().filter(|(name, _)| name != "oauth_token").map(|(_, value)| ("what a form hides", value)));
    let verifier = called_back(&alice.decides(&first.token, "allow"), &first.token);
    let wrong = site.exchange(&first.token, "a-guessed-verifier");
    assert_eq!(wrong.status, 401);
    let given = Given::of(&site.exchange(&first.token, &verifier));
    assert_eq!(site.call(&given.token).status, 200);
    assert_eq!(site.exchange(&first.token, &verifier).status, 401);
    let renewed = Given::of(&site.renew(&given.token, &given.session_handle));
    assert_eq!(site.renew(&given.token, &given.session_handle).status, 401);

    let second = site.request_token_of(REPORTING, "oob");
    let code = shown_code(&alice.decides(&second.token, "allow"));
    let unexchanged = site.request_token_of(OTHER, CALLBACK);
    let denied = site.request_token();
    alice.decides(&denied.token, "deny");
    assert_eq!(alice.get(USER_TOKENS).status, 200);
    for given in [&first, &given, &renewed, &second, &unexchanged, &denied] {
        secrets.push(("a token", given.token.clone()));
        secrets.push(("a token's secret", given.secret.clone()));
        secrets.push(("a session handle", given.session_handle.clone()));
    }
    secrets.extend([("the verifier", verifier), ("the code", code), ("a guess", "a-guessed-verifier".to_owned())]);
    secrets.extend(alice.browser.cookies.values().map(|value| ("a cookie", value.clone())));
    secrets.retain(|(_, secret)| !secret.is_empty());
    assert!(secrets.len() > 20, "{}", secrets.len());
    // And at the end of every gateway: what the client was given and what was typed is looked for there.
    for (what, secret) in secrets.iter().filter(|(what, _)| !["what a form hides", "a guess"].contains(what)) {
        assert!(crate::support::secrets::is_in(format!("{{\"told\":\"{secret}\"}}").as_bytes()), "{what}");
    }

    let metrics = site.gateway.ask_admin("GET", "/metrics", &[], "").text();
    site.gateway.wait_for_access("the last request is logged", |line| line["path"] == USER_TOKENS);
    let mut places = files(site.gateway.folder());
    places.push(("the log".to_owned(), site.gateway.lines().join("\n").into_bytes()));
    places.push(("the metrics".to_owned(), metrics.into_bytes()));
    places.push(("the application".to_owned(), site.backend.bytes()));
    assert!(places.iter().any(|(place, _)| place.contains("/state/")), "the gateway keeps something");
    for (place, bytes) in &places {
        for (what, secret) in &secrets {
            for spelling in [secret.clone(), encode(secret)] {
                let found = bytes.windows(spelling.len()).position(|window| window == spelling.as_bytes());
                let around = found.map(|at| bytes[at.saturating_sub(200)..bytes.len().min(at + 100)].escape_ascii().to_string());
                assert!(around.is_none(), "{what} is in {place}: {around:?}");
            }
        }
    }
}
