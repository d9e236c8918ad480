//! Callbacks, and clients that speak OAuth 1.0, which knows neither callback nor verifier in the signed requests.

use crate::site::{CALLBACK, Client, Given, Owner, REPORTING, REQUEST_TOKEN, Site, called_back, shown_code};
use crate::support::{RSA_1024_OTHER, RSA_2048_OTHER};

const OLD: Client = Client::new("old", || &RSA_2048_OTHER);
const CONFIGURED: Client = Client::new("configured", || &RSA_1024_OTHER);

fn site() -> Site {
    Site::with(|builder| {
        let configured = CONFIGURED.entry().with(&format!("callback_url: {CALLBACK:?}"));
        builder.consumer(OLD.entry().with("allow_oauth_1_0: true")).consumer(configured)
    })
}

/// A request without a callback.
fn without_callback(client: Client) -> crate::support::Signing {
    client.signs().post(REQUEST_TOKEN)
}

#[test]
fn a_callback_has_to_be_said_or_configured() {
    let site = site();
    let absent = site.refuses((400, "parameter_absent"), "neither", &without_callback(REPORTING));
    assert_eq!(absent.pair("oauth_parameters_absent").as_deref(), Some("oauth_callback"));
    let empty = site.gateway.ask(&REPORTING.request_token(""));
    assert_eq!(empty.status, 400, "{}", empty.text());
    let given = Given::of(&site.gateway.ask(&without_callback(CONFIGURED)));
    let verifier = site.alice().allows(&given.token);
    Given::of(&site.gateway.ask(&CONFIGURED.exchange(&given.token, &verifier)));
    // gomodule/oauth1 sends an empty one when none is set.
    let given = Given::of(&site.gateway.ask(&CONFIGURED.request_token("")));
    site.alice().allows(&given.token);
}

#[test]
fn a_configured_callback_needs_the_verifier_all_the_same() {
    let site = site();
    let token = Given::of(&site.gateway.ask(&without_callback(CONFIGURED))).token;
    let verifier = site.alice().allows(&token);
    let without = CONFIGURED.exchange(&token, "").without("oauth_verifier");
    site.refuses((400, "parameter_absent"), "no verifier", &without);
    Given::of(&site.gateway.ask(&CONFIGURED.exchange(&token, &verifier)));
}

#[test]
fn what_the_client_signs_goes_before_what_is_configured() {
    let site = site();
    let token = site.request_token_of(CONFIGURED, "oob").token;
    let code = site.alice().allows_out_of_band(&token);
    Given::of(&site.gateway.ask(&CONFIGURED.exchange(&token, &code)));
}

#[test]
fn a_1_0_client_that_is_allowed_dances_without_callback_and_verifier() {
    let site = site();
    let answer = site.gateway.ask(&without_callback(OLD));
    let token = Given::of(&answer).token;
    let exchange = || OLD.exchange(&token, "").without("oauth_verifier");
    site.refuses((401, "permission_unknown"), "undecided", &exchange());
    let mut alice = site.alice();
    let decided = alice.decides(&token, "allow");
    assert_eq!(decided.status, 200, "there is nowhere to go: {}", decided.text());
    assert!(!decided.text().contains("id=\"verifier\""), "and no code to type in: {}", decided.text());
    let given = Given::of(&site.gateway.ask(&exchange()));
    assert_eq!(site.gateway.ask(&OLD.call(&given.token)).status, 200);
    assert_eq!(site.backend.only_request().spellings_of("x-forwarded-user"), ["alice"]);
    site.refuses((401, "token_used"), "a second time", &exchange());
}

#[test]
fn a_1_0_client_is_still_held_to_the_verifier_where_it_said_a_callback() {
    let site = site();
    let token = site.request_token_of(OLD, CALLBACK).token;
    let mut alice: Owner = site.alice();
    let verifier = called_back(&alice.decides(&token, "allow"), &token);
    site.refuses((400, "parameter_absent"), "no verifier", &OLD.exchange(&token, "").without("oauth_verifier"));
    Given::of(&site.gateway.ask(&OLD.exchange(&token, &verifier)));
    let token = site.request_token_of(OLD, "oob").token;
    let mut alice = site.alice();
    let code = shown_code(&alice.decides(&token, "allow"));
    site.refuses((400, "parameter_absent"), "no code", &OLD.exchange(&token, "").without("oauth_verifier"));
    Given::of(&site.gateway.ask(&OLD.exchange(&token, &code)));
}

#[test]
fn a_no_to_a_1_0_client_is_a_no() {
    let site = site();
    let token = Given::of(&site.gateway.ask(&without_callback(OLD))).token;
    let mut alice = site.alice();
    assert_eq!(alice.decides(&token, "deny").status, 200);
    site.refuses((401, "permission_denied"), "denied", &OLD.exchange(&token, "").without("oauth_verifier"));
}
