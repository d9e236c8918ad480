//! The renewal of an access token by its session handle.

use crate::refused::refused;
use crate::site::{Given, OTHER, REPORTING, Site};
use crate::support::eventually;

#[test]
fn a_renewed_token_takes_the_place_of_the_old_one() {
    let site = Site::start();
    let old = site.access_token();
    let new = Given::of(&site.renew(&old.token, &old.session_handle));
    assert!(new.token != old.token && new.secret != old.secret && new.session_handle != old.session_handle, "{new:?}");
    assert_eq!(site.call(&new.token).status, 200);
    assert_eq!(site.backend.only_request().spellings_of("x-forwarded-user"), ["alice"]);
    site.refuses((401, "token_rejected"), "the old one", &REPORTING.call(&old.token));
    site.refuses((401, "token_rejected"), "the old pair", &REPORTING.renewal(&old.token, &old.session_handle));
    site.refuses((401, "token_rejected"), "the old handle", &REPORTING.renewal(&new.token, &old.session_handle));
    let newest = Given::of(&site.renew(&new.token, &new.session_handle));
    assert_eq!(site.call(&newest.token).status, 200);
}

#[test]
fn a_wrong_or_absent_handle_renews_nothing() {
    let site = Site::start();
    let [given, neighbour] = [site.access_token(), site.access_token()];
    let of_other = site.access_token_of(OTHER, "alice");
    for (what, handle) in [("guessed", "guessed"), ("another token's", &neighbour.session_handle), ("its secret", &given.secret)]
    {
        site.refuses((401, "token_rejected"), what, &REPORTING.renewal(&given.token, handle));
    }
    let absent = REPORTING.renewal(&given.token, "").without("oauth_session_handle");
    let absent = site.refuses((400, "parameter_absent"), "absent", &absent);
    assert_eq!(absent.pair("oauth_parameters_absent").as_deref(), Some("oauth_session_handle"));
    site.refuses((401, "token_rejected"), "at another consumer", &OTHER.renewal(&given.token, &given.session_handle));
    site.refuses((401, "token_rejected"), "of another consumer", &REPORTING.renewal(&of_other.token, &of_other.session_handle));
    site.refuses((401, "token_rejected"), "nobody's", &REPORTING.renewal("0123456789abcdefghijklmnopqrstuv", "guessed"));
    assert_eq!(site.call(&given.token).status, 200, "and the token stays good");
    Given::of(&site.renew(&given.token, &given.session_handle));
}

#[test]
fn without_a_handle_nothing_is_told_of_a_token_that_could_not_be_renewed_with_one() {
    let site = Site::start();
    let of_other = site.access_token_of(OTHER, "alice").token;
    let [old, revoked] = [site.access_token(), site.access_token()];
    Given::of(&site.renew(&old.token, &old.session_handle));
    site.alice().revokes(REPORTING.key);
    site.alice().revokes(REPORTING.key);
    for (what, token, problem) in [
        ("nobody's", "0123456789abcdefghijklmnopqrstuv", "token_rejected"),
        ("another consumer's", &*of_other, "token_rejected"),
        ("renewed before", &*old.token, "token_rejected"),
        ("revoked", &*revoked.token, "token_revoked"),
    ] {
        site.refuses((401, problem), what, &REPORTING.renewal(token, "").without("oauth_session_handle"));
    }
    let expired = Site::living("{ access_token_ttl: 1s, session_ttl: 1s }", |builder| builder);
    let token = expired.access_token().token;
    eventually("the session ends", || (expired.call(&token).status != 200).then_some(()));
    expired.refuses((401, "permission_denied"), "over", &REPORTING.renewal(&token, "").without("oauth_session_handle"));
}

#[test]
fn a_request_token_is_not_renewed() {
    let site = Site::start();
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let renewal = site.refuses((400, "parameter_absent"), "a request token is exchanged", &REPORTING.renewal(&token, "guessed"));
    assert_eq!(renewal.pair("oauth_parameters_absent").as_deref(), Some("oauth_verifier"));
    Given::of(&site.exchange(&token, &verifier));
}

#[test]
fn an_expired_token_is_renewed_while_its_session_lasts() {
    let site = Site::living("{ access_token_ttl: 1s, session_ttl: 1h }", |builder| builder);
    let given = site.access_token();
    let answer = eventually("the access token expires", || Some(site.call(&given.token)).filter(|answer| answer.status != 200));
    refused(&answer, (401, "token_expired"), "expired");
    let answer = site.renew(&given.token, &given.session_handle);
    assert_eq!(answer.pair("oauth_expires_in").as_deref(), Some("1"), "{}", answer.text());
    let new = Given::of(&answer);
    assert_ne!(new.token, given.token);
}

#[test]
fn a_session_is_thirty_days_longer_than_its_token_where_nothing_is_said_of_it() {
    let site = Site::living("{ access_token_ttl: 1h }", |builder| builder);
    let token = site.request_token().token;
    let verifier = site.alice().allows(&token);
    let answer = site.exchange(&token, &verifier);
    let seconds = |name: &str| answer.pair(name).unwrap();
    assert_eq!((&*seconds("oauth_expires_in"), &*seconds("oauth_authorization_expires_in")), ("3600", "2595600"));
}

#[test]
fn a_session_that_is_over_is_not_renewed() {
    let site = Site::living("{ access_token_ttl: 1s, session_ttl: 1s }", |builder| builder);
    let given = site.access_token();
    eventually("the session ends", || (site.call(&given.token).status != 200).then_some(()));
    site.refuses((401, "permission_denied"), "over", &REPORTING.renewal(&given.token, &given.session_handle));
}
