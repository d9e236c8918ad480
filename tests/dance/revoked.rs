//! What is begun before a revocation leads to no token after it.

use std::process::Command;

use crate::site::{CALLBACK, Given, OTHER, REPORTING, Site};

/// A request token of the usual consumer that a user has allowed, and its verifier.
#[track_caller]
fn allowed_by(site: &Site, user: &'static str) -> (String, String) {
    let token = site.request_token().token;
    let verifier = site.user(user).allows(&token);
    (token, verifier)
}

#[test]
fn a_yes_that_an_administrator_takes_back_is_not_exchanged() {
    let site = Site::start();
    let revoke = |whose: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(["tokens", "revoke", "--yes", "--config"]).arg(site.gateway.folder().join("countersign.yaml")).args(whose);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let [(of_alice, verifier), (of_bob, for_bob)] = ["alice", "bob"].map(|user| allowed_by(&site, user));
    revoke(&["--user", "alice"]);
    site.refuses((401, "permission_denied"), "alice's", &REPORTING.exchange(&of_alice, &verifier));
    Given::of(&site.exchange(&of_bob, &for_bob));
    let (of_bob, for_bob) = allowed_by(&site, "bob");
    let undecided = site.request_token().token;
    revoke(&["--consumer", REPORTING.key]);
    site.refuses((401, "permission_denied"), "bob's", &REPORTING.exchange(&of_bob, &for_bob));
    assert_eq!(site.alice().opens(&undecided).status, 410, "a question that was open is not answered any more");
    site.refuses((401, "permission_denied"), "undecided", &REPORTING.exchange(&undecided, "guessed"));
    let (anew, verifier) = allowed_by(&site, "alice");
    Given::of(&site.exchange(&anew, &verifier));
}

#[test]
fn with_an_application_that_its_user_revokes_ends_what_the_user_has_just_allowed_it() {
    let site = Site::start();
    site.access_token();
    let (token, verifier) = allowed_by(&site, "alice");
    let (of_bob, for_bob) = allowed_by(&site, "bob");
    let other = site.request_token_of(OTHER, CALLBACK).token;
    let for_other = site.alice().allows(&other);
    site.alice().revokes(REPORTING.key);
    site.refuses((401, "permission_denied"), "the revoked application's", &REPORTING.exchange(&token, &verifier));
    Given::of(&site.exchange(&of_bob, &for_bob));
    Given::of(&site.gateway.ask(&OTHER.exchange(&other, &for_other)));
    let line = site.gateway.wait_for_line("\"revoke_token\"");
    assert!(line.contains("\"requests_ended\":1"), "{line}");
}
