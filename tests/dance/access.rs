//! Requests with an access token.

use crate::site::{CALLBACK, OTHER, REPORTING, Site};
use crate::support::{Consumer, Place, RSA_2048};

#[test]
fn a_token_is_good_for_its_own_consumer_alone() {
    let site = Site::start();
    let given = site.access_token();
    site.refuses((401, "token_rejected"), "at another consumer", &OTHER.call(&given.token));
    for (what, token) in
        [("nobody's", "0123456789abcdefghijklmnopqrstuv"), ("a secret", &*given.secret), ("a handle", &given.session_handle)]
    {
        site.refuses((401, "token_rejected"), what, &REPORTING.call(token));
    }
    let swapped = REPORTING.call("x").authorization(|value| value.replace("oauth_token=\"x\"", "oauth_token=\"y\""));
    site.refuses((401, "signature_invalid"), "another token was signed", &swapped);
}

#[test]
fn a_request_token_opens_nothing_whatever_the_user_decided() {
    let site = Site::start();
    let token = site.request_token().token;
    site.refuses((401, "token_rejected"), "undecided", &REPORTING.call(&token));
    let verifier = site.alice().allows(&token);
    site.refuses((401, "token_rejected"), "allowed", &REPORTING.call(&token));
    assert_eq!(site.exchange(&token, &verifier).status, 200);
    site.refuses((401, "token_rejected"), "exchanged", &REPORTING.call(&token));
    let denied = site.request_token().token;
    site.alice().denies(&denied);
    site.refuses((401, "token_rejected"), "denied", &REPORTING.call(&denied));
}

#[test]
fn the_application_is_told_the_user_who_allowed_it_and_nobody_else() {
    let site = Site::start();
    let [alice, bob] = ["alice", "bob"].map(|user| site.access_token_of(REPORTING, user).token);
    for (token, user) in [(&alice, "alice"), (&bob, "bob"), (&alice, "alice")] {
        let call =
            REPORTING.call(token).line("X-Forwarded-User: admin").line("X_Forwarded_User: admin").line("Cookie: session=admin");
        assert_eq!(site.gateway.ask(&call).status, 200);
        let seen = site.backend.last_request();
        assert_eq!(seen.spellings_of("x-forwarded-user"), [user]);
        assert!(seen.spellings_of("cookie").is_empty() && seen.spellings_of("authorization").is_empty(), "{seen:?}");
        assert!(!String::from_utf8_lossy(&site.backend.bytes()).contains(token), "the token stays here");
    }
}

#[test]
fn a_token_in_the_query_or_the_form_is_as_good_and_stays_here_too() {
    let site = Site::start();
    let token = site.access_token().token;
    for request in [
        REPORTING.call(&token).in_place(Place::Query),
        REPORTING.call(&token).moved("oauth_token", Place::Query),
        REPORTING.signs().post("/rest/issue").set("oauth_token", &token).form("title=a+b").in_place(Place::Form),
    ] {
        let answer = site.gateway.ask(&request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(site.backend.last_request().spellings_of("x-forwarded-user"), ["alice"]);
    }
    assert!(!String::from_utf8_lossy(&site.backend.bytes()).contains(&token));
}

#[test]
fn a_verifier_that_is_still_sent_is_signed_and_ignored() {
    let site = Site::start();
    let token = site.request_token_of(REPORTING, CALLBACK).token;
    let verifier = site.alice().allows(&token);
    let given = crate::site::Given::of(&site.exchange(&token, &verifier));
    let call = REPORTING.call(&given.token).set("oauth_verifier", &verifier).without("oauth_version");
    assert_eq!(site.gateway.ask(&call).status, 200);
    assert!(!String::from_utf8_lossy(&site.backend.bytes()).contains(&verifier));
}

#[test]
fn where_the_consumer_goes_as_somebody_without_a_token_it_goes_as_its_user_with_one() {
    let entry = Consumer::new("both", &RSA_2048).with("two_legged: { execute_as: robot }");
    let site = Site::with(|builder| builder.consumer(entry));
    let by_both = || crate::support::signed("both", &RSA_2048);
    let both = crate::site::Client::new("both", || &RSA_2048);
    let token = site.access_token_of(both, "alice").token;
    for (request, user) in [(by_both().get("/"), "robot"), (both.call(&token), "alice"), (both.call(""), "robot")] {
        assert_eq!(site.gateway.ask(&request).status, 200);
        assert_eq!(site.backend.last_request().spellings_of("x-forwarded-user"), [user]);
    }
}

#[test]
fn tokens_outlive_a_restart_and_a_kill() {
    let site = Site::start();
    let given = site.access_token();
    let pending = site.request_token().token;
    let Site { gateway, backend } = site;
    gateway.signal("KILL");
    let site = Site { gateway: crate::support::Gateway::start_in(gateway.leave_folder()), backend };
    assert_eq!(site.call(&given.token).status, 200);
    let verifier = site.alice().allows(&pending);
    assert_eq!(site.exchange(&pending, &verifier).status, 200);
}

#[test]
fn a_token_is_for_the_paths_of_its_consumer_which_the_dance_is_none_of() {
    let entry = Consumer::new("narrow", &RSA_2048).with("allow: [{ path: /rest/** }]");
    let site = Site::with(|builder| builder.consumer(entry));
    let narrow = crate::site::Client::new("narrow", || &RSA_2048);
    let token = site.access_token_of(narrow, "alice").token;
    assert_eq!(site.gateway.ask(&narrow.call(&token).get("/rest/x")).status, 200);
    assert_eq!(site.gateway.ask(&narrow.call(&token).get("/other")).status, 403);
}

#[test]
fn with_a_token_nobody_but_its_user_may_be_named() {
    let site = Site::start();
    let token = site.access_token().token;
    for (target, status) in [("/?xoauth_requestor_id=alice", 200), ("/?xoauth_requestor_id=bob", 401), ("/?user_id=bob", 200)] {
        assert_eq!(site.gateway.ask(&REPORTING.call(&token).get(target)).status, status, "{target}");
    }
    for (user, status) in [("alice", 200), ("bob", 401)] {
        let named = REPORTING.call(&token).get("/").set("xoauth_requestor_id", user);
        assert_eq!(site.gateway.ask(&named).status, status, "{user}, in the header");
    }
}
