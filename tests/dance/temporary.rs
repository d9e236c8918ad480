//! Temporary credentials (RFC 5849 §2.1): who gets some, and what they look like.

use crate::refused::refused;
use crate::site::{CALLBACK, OTHER, REPORTING, REQUEST_TOKEN, Site};
use crate::support::percent::pairs;
use crate::support::{Gateway, Place, RSA_2048_OTHER, Response, now, request, signed};

/// The names in a body, in their order.
fn names(answer: &Response) -> Vec<String> {
    pairs(&answer.text()).into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
}

/// Tokens, secrets and session handles, as they always were.
#[track_caller]
pub(crate) fn assert_credential(text: &str) {
    assert!(text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
}

#[test]
fn a_consumer_gets_a_request_token_wherever_its_parameters_stand() {
    let site = Site::start();
    let mut tokens = Vec::new();
    for place in [Place::Header, Place::Query, Place::Form] {
        for callback in ["oob", CALLBACK, "http://127.0.0.1:9000/"] {
            let answer = site.gateway.ask(&REPORTING.request_token(callback).in_place(place));
            assert_eq!(answer.status, 200, "{place:?}, {callback}: {}", answer.text());
            assert!(answer.field("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
            assert_eq!(answer.field("cache-control"), Some("no-store"));
            assert_eq!(names(&answer), ["oauth_token", "oauth_token_secret", "oauth_callback_confirmed"]);
            assert_eq!(answer.pair("oauth_callback_confirmed").as_deref(), Some("true"));
            for name in ["oauth_token", "oauth_token_secret"] {
                let value = answer.pair(name).unwrap();
                assert_credential(&value);
                tokens.push(value);
            }
        }
    }
    let count = tokens.len();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), count, "each is a new one");
    site.backend.assert_untouched();
}

#[test]
fn what_published_clients_send_besides_is_signed_and_ignored() {
    let site = Site::start();
    for (name, value) in [("oauth_verifier", "none"), ("oauth_token", ""), ("xoauth_displayname", "Reports")] {
        let answer = site.gateway.ask(&REPORTING.request_token("oob").set(name, value));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    let beside = REPORTING.request_token("oob").target(&format!("{REQUEST_TOKEN}?scope=a%20b")).form("scope=all&scope=none");
    assert_eq!(site.gateway.ask(&beside).status, 200);
    let no_length = REPORTING.request_token("oob").line("Content-Type: application/x-www-form-urlencoded");
    assert_eq!(site.gateway.ask(&no_length).status, 200, "a form's type without a form");
    site.backend.assert_untouched();
}

#[test]
fn the_endpoint_takes_posts_alone() {
    let site = Site::start();
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        for signed in [REPORTING.signs().set("oauth_callback", "oob"), request()] {
            let bytes = signed.method(method).target(REQUEST_TOKEN).bytes();
            let answer = site.gateway.client().ask(bytes);
            assert_eq!((answer.status, answer.field("allow")), (405, Some("POST")), "{method}: {}", answer.text());
        }
    }
    site.backend.assert_untouched();
}

#[test]
fn every_rule_for_signed_requests_holds_at_the_endpoint() {
    let site = Site::start();
    let good = || REPORTING.request_token("oob");
    let before = now() - 400;
    for (problem, what, request) in [
        (
            (401, "signature_invalid"),
            "another's key",
            signed(REPORTING.key, &RSA_2048_OTHER).post(REQUEST_TOKEN).set("oauth_callback", "oob"),
        ),
        ((401, "signature_invalid"), "another path was signed", good().signed_target("/")),
        ((401, "consumer_key_unknown"), "nobody's key", good().set("oauth_consumer_key", "nobody")),
        ((401, "timestamp_refused"), "too old", good().timestamp(before)),
        ((400, "signature_method_rejected"), "HMAC", good().set("oauth_signature_method", "HMAC-SHA1")),
        ((400, "version_rejected"), "2.0", good().set("oauth_version", "2.0")),
        ((400, "parameter_absent"), "no nonce", good().without("oauth_nonce")),
        ((400, "parameter_rejected"), "the callback twice", good().also("oauth_callback", "oob")),
    ] {
        site.refuses(problem, what, &request);
    }
    let once = good();
    assert_eq!(site.gateway.ask(&once).status, 200);
    site.refuses((401, "nonce_used"), "the same once more", &once);
    assert_eq!(site.gateway.ask(&request().post(REQUEST_TOKEN)).status, 401, "unsigned");
    site.backend.assert_untouched();
}

#[test]
fn a_form_that_was_signed_is_not_read_in_another_way() {
    let site = Site::start();
    let moved = REPORTING.request_token("oob").moved("oauth_callback", Place::Query);
    assert_eq!(site.gateway.ask(&moved).status, 200, "different places are habits of clients");
    let doubled = REPORTING.request_token("oob").also_in(Place::Query, "oauth_callback", CALLBACK);
    site.refuses((400, "parameter_rejected"), "in header and query", &doubled);
}

#[test]
fn a_consumer_without_the_dance_gets_no_token() {
    let entry = OTHER.entry().with("three_legged: false");
    let backend = crate::support::Backend::start();
    let setting = "resource_owner: { trusted_header: { name: X-SSO-User, from: [127.0.0.1/32] } }";
    let builder = Gateway::builder().upstream(&backend).consumer(entry).setting("oauth: {}").setting(setting);
    let gateway = builder.start();
    refused(&gateway.ask(&OTHER.request_token("oob")), (401, "permission_denied"), "three_legged: false");
    backend.assert_untouched();
    assert_eq!(gateway.ask(&OTHER.signs().get("/")).status, 200, "two-legged it is as good as ever");
}

#[test]
fn a_consumer_that_may_not_sign_without_a_token_dances_all_the_same() {
    let site = Site::with(|builder| {
        builder.consumer(crate::support::Consumer::new("dancer", &RSA_2048_OTHER).with("two_legged: { allowed: false }"))
    });
    let by_dancer = || signed("dancer", &RSA_2048_OTHER);
    site.refuses((401, "permission_denied"), "two-legged", &by_dancer().get("/"));
    let answer = site.gateway.ask(&by_dancer().post(REQUEST_TOKEN).set("oauth_callback", "oob"));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn without_the_section_there_are_no_endpoints() {
    let backend = crate::support::Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let answer = gateway.ask(&REPORTING.request_token("oob"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "the path is the application's");
    refused(&gateway.ask(&REPORTING.call("a-token")), (401, "token_rejected"), "and no token is good");
}

#[test]
fn the_endpoints_are_below_the_public_path_and_where_they_are_configured() {
    let oauth = "{ request_token: /oauth/temporary }";
    let site = Site::living(oauth, |builder| builder.setting("public_url: https://jira.example.com/jira"));
    let ask = |target: &str| {
        let request = REPORTING.request_token("oob").target(target).signed_for("https://jira.example.com");
        site.gateway.ask(&request)
    };
    let given = ask("/jira/oauth/temporary");
    assert!(given.status == 200 && given.pair("oauth_token").is_some(), "{}", given.text());
    for elsewhere in
        ["/oauth/temporary", "/jira/plugins/servlet/oauth/request-token", "/jira/oauth/temporary/", "/jira//oauth/temporary"]
    {
        assert_eq!(ask(elsewhere).pair("oauth_token"), None, "{elsewhere} is the application's");
    }
    let token = given.pair("oauth_token").unwrap();
    let head = format!(
        "GET /jira/plugins/servlet/oauth/authorize?oauth_token={token} HTTP/1.1\r\nHost: jira.example.com\r\nX-SSO-User: alice\r\n\r\n"
    );
    let page = site.gateway.ask_raw(head);
    assert_eq!(page.status, 200, "{}", page.text());
    for own in ["href=\"/jira/plugins/servlet/oauth/authorize/style.css\"", "action=\"/jira/plugins/servlet/oauth/authorize\""] {
        assert!(page.text().contains(own), "{own}: {}", page.text());
    }
    let cookie = page.field("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Secure-") && cookie.contains("; Secure") && cookie.contains("; Path=/jira/plugins/"),
        "{cookie}"
    );
}
