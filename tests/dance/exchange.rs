//! The exchange of a request token for an access token (RFC 5849 §2.3).

use crate::site::{ACCESS_TOKEN, CALLBACK, Given, OTHER, REPORTING, Site};
use crate::support::{Place, eventually};
use crate::temporary::assert_credential;

#[test]
fn what_the_user_allows_becomes_an_access_token() {
    let site = Site::start();
    let temporary = site.request_token();
    let verifier = site.alice().allows(&temporary.token);
    assert!(verifier.len() >= 6 && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{verifier}");
    let answer = site.exchange(&temporary.token, &verifier);
    let given = Given::of(&answer);
    let length = |name: &str| answer.pair(name).unwrap();
    assert_eq!((&*length("oauth_expires_in"), &*length("oauth_authorization_expires_in")), ("157680000", "160272000"));
    assert!(answer.field("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    for text in [&given.token, &given.secret, &given.session_handle] {
        assert_credential(text);
        assert_ne!(*text, temporary.token);
    }
    site.backend.assert_untouched();
    let called = site.call(&given.token);
    assert_eq!((called.status, called.text().as_str()), (200, "ok"));
    let seen = site.backend.only_request();
    assert_eq!(
        (seen.spellings_of("x-forwarded-user"), seen.spellings_of("x-oauth-consumer")),
        (vec!["alice"], vec![REPORTING.key])
    );
    assert_eq!(seen.target, "/rest/issue?id=1");
}

#[test]
fn a_code_that_is_typed_in_is_as_good() {
    let site = Site::start();
    let token = site.request_token_of(REPORTING, "oob").token;
    let code = site.alice().allows_out_of_band(&token);
    let exchange = REPORTING.exchange(&token, &code).set("oauth_callback", "oob").in_place(Place::Form);
    let given = Given::of(&site.gateway.ask(&exchange));
    assert_eq!(site.call(&given.token).status, 200);
}

#[test]
fn before_the_user_has_decided_and_after_a_no_there_is_no_token() {
    let site = Site::start();
    let token = site.request_token().token;
    site.refuses((401, "permission_unknown"), "undecided", &REPORTING.exchange(&token, "guessed"));
    site.refuses((401, "permission_unknown"), "undecided", &REPORTING.exchange(&token, ""));
    site.alice().denies(&token);
    for verifier in ["denied", "guessed"] {
        site.refuses((401, "permission_denied"), "denied", &REPORTING.exchange(&token, verifier));
    }
}

#[test]
fn a_token_that_is_unknown_or_anothers_is_rejected() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let others = site.request_token_of(OTHER, CALLBACK).token;
    let others_verifier = site.alice().allows(&others);
    for (what, token, verifier) in [
        ("nobody's", "0123456789abcdefghijklmnopqrstuv", &verifier),
        ("another consumer's", &*others, &others_verifier),
        ("with other letters", &*token.chars().rev().collect::<String>(), &verifier),
        ("cut", &token[..31], &verifier),
        ("longer", &*format!("{token}0"), &verifier),
        ("very long", &*"a".repeat(4000), &verifier),
        ("no text", "\0\u{202e}ä", &verifier),
    ] {
        site.refuses((401, "token_rejected"), what, &REPORTING.exchange(token, verifier));
    }
    site.refuses((401, "token_rejected"), "of two tokens", &REPORTING.exchange(&token, &others_verifier));
    let bare = REPORTING.signs().post(ACCESS_TOKEN).set("oauth_verifier", &verifier);
    let absent = site.refuses((400, "parameter_absent"), "no token", &bare);
    assert_eq!(absent.pair("oauth_parameters_absent").as_deref(), Some("oauth_token"));
    Given::of(&site.exchange(&token, &verifier));
}

#[test]
fn an_access_token_is_no_request_token() {
    let site = Site::start();
    let given = site.access_token();
    site.refuses((400, "parameter_absent"), "an access token is renewed", &REPORTING.exchange(&given.token, "guessed"));
    assert_eq!(site.call(&given.token).status, 200, "and is none the worse for it");
}

#[test]
fn without_the_verifier_or_with_a_wrong_one_there_is_no_token() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let without = REPORTING.exchange(&token, "").without("oauth_verifier");
    for _ in 0..6 {
        let absent = site.refuses((400, "parameter_absent"), "absent, which is no try", &without.clone().nonce(&fresh()));
        assert_eq!(absent.pair("oauth_parameters_absent").as_deref(), Some("oauth_verifier"));
    }
    for wrong in ["guessed", &verifier.to_lowercase().to_uppercase(), &verifier[1..], &format!("{verifier} ")] {
        site.refuses((401, "token_rejected"), wrong, &REPORTING.exchange(&token, wrong));
    }
    Given::of(&site.exchange(&token, &verifier));
}

#[test]
fn after_five_wrong_verifiers_the_right_one_is_no_good_either() {
    let site = Site::start();
    let [token, neighbour] = [site.request_token().token, site.request_token().token];
    let [verifier, of_neighbour] = [&token, &neighbour].map(|token| site.alice().allows(token));
    for _ in 0..5 {
        site.refuses((401, "token_rejected"), "wrong", &REPORTING.exchange(&token, &of_neighbour));
    }
    site.refuses((401, "token_rejected"), "dead", &REPORTING.exchange(&token, &verifier));
    Given::of(&site.exchange(&neighbour, &of_neighbour));
}

#[test]
fn a_bad_signature_is_no_try_and_tells_nothing_of_the_token() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    for _ in 0..8 {
        let forged = REPORTING.exchange(&token, "guessed").signed_target("/");
        site.refuses((401, "signature_invalid"), "forged", &forged);
    }
    // Another consumer, whose signature is good, learns nothing and uses up nothing.
    for _ in 0..8 {
        site.refuses((401, "token_rejected"), "another's", &OTHER.exchange(&token, "guessed"));
    }
    Given::of(&site.exchange(&token, &verifier));
}

#[test]
fn a_request_token_is_exchanged_once() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let exchange = REPORTING.exchange(&token, &verifier);
    let given = Given::of(&site.gateway.ask(&exchange));
    site.refuses((401, "nonce_used"), "the same request", &exchange);
    site.refuses((401, "token_used"), "signed anew", &REPORTING.exchange(&token, &verifier));
    assert_eq!(site.call(&given.token).status, 200, "the access token stays good");
}

#[test]
fn a_request_token_expires() {
    let site = Site::living("{ request_token_ttl: 1s }", |builder| builder);
    let token = site.request_token().token;
    let answer = eventually("the request token expires", || {
        let answer = site.exchange(&token, "guessed");
        (answer.problem().as_deref() != Some("permission_unknown")).then_some(answer)
    });
    crate::refused::refused(&answer, (401, "token_expired"), "expired");
    let page = site.alice().opens(&token);
    assert!((400..500).contains(&page.status), "nothing to decide about any more: {}", page.text());
}

#[test]
fn the_endpoint_takes_posts_alone() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let get = site.gateway.ask(&REPORTING.exchange(&token, &verifier).get(ACCESS_TOKEN));
    assert_eq!((get.status, get.field("allow")), (405, Some("POST")), "{}", get.text());
    Given::of(&site.exchange(&token, &verifier));
}

/// A nonce that was not used before.
fn fresh() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("fresh{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
