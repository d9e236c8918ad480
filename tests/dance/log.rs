//! What the logs say of a dance.

use serde_json::Value;

use crate::site::{ACCESS_TOKEN, AUTHORIZE, REPORTING, REQUEST_TOKEN, Site, USER_TOKENS};
use crate::support::{CONSUMER, eventually};

/// Waits for a line of the access log, and gives its verdict, consumer and user.
#[track_caller]
fn told(site: &Site, path: &str, status: u16) -> [Value; 3] {
    let line = site.gateway.wait_for_access(path, |line| line["path"] == path && line["status"] == status);
    ["verdict", "consumer", "user"].map(|name| line[name].clone())
}

/// Waits for a line of the audit log.
#[track_caller]
fn audited(site: &Site, action: &str) -> Value {
    eventually(action, || {
        let lines = site.gateway.lines();
        lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["audit"] == action)
    })
}

#[test]
fn each_step_leaves_a_line_that_says_who() {
    let site = Site::start();
    let given = site.access_token();
    assert_eq!(site.exchange(&given.token, "guessed").status, 400);
    assert_eq!(site.call(&given.token).status, 200);
    site.alice().revokes(CONSUMER);
    assert_eq!(site.call(&given.token).status, 401);
    let [consumer, alice, nobody] = [Value::from(CONSUMER), Value::from("alice"), Value::Null];
    assert_eq!(told(&site, REQUEST_TOKEN, 200), ["admitted".into(), consumer.clone(), nobody.clone()]);
    assert_eq!(told(&site, AUTHORIZE, 200), ["anonymous".into(), nobody.clone(), alice.clone()]);
    assert_eq!(told(&site, AUTHORIZE, 303), ["anonymous".into(), nobody.clone(), alice.clone()]);
    assert_eq!(told(&site, ACCESS_TOKEN, 400), ["parameter_absent".into(), consumer.clone(), nobody.clone()]);
    assert_eq!(told(&site, USER_TOKENS, 303), ["anonymous".into(), nobody.clone(), alice.clone()]);
    assert_eq!(told(&site, "/rest/issue", 200), ["admitted".into(), consumer.clone(), alice]);
    assert_eq!(told(&site, "/rest/issue", 401), ["token_revoked".into(), consumer, nobody]);
}

#[test]
fn what_a_user_decides_is_in_the_audit_log() {
    let site = Site::start();
    site.access_token();
    site.user("bob").denies(&site.request_token().token);
    site.alice().revokes(CONSUMER);
    for (action, who) in [("allow_consumer", "alice"), ("deny_consumer", "bob"), ("revoke_token", "alice")] {
        let line = audited(&site, action);
        assert_eq!((&line["who"], &line["consumer"], &line["result"]), (&who.into(), &CONSUMER.into(), &"done".into()), "{line}");
        assert_eq!((&line["by"], &line["from"]), (&"user".into(), &"127.0.0.1".into()), "{line}");
    }
}

#[test]
fn a_refused_exchange_tells_the_operator_why() {
    let site = Site::start();
    let token = site.request_token().token;
    site.refuses((401, "permission_unknown"), "undecided", &REPORTING.exchange(&token, "guessed"));
    let line = site.gateway.wait_for_access("undecided", |line| line["verdict"] == "permission_unknown");
    assert!(line["reason"].as_str().unwrap().contains("neither allowed nor denied"), "{line}");
    let verifier = site.alice().allows(&token);
    site.refuses((401, "token_rejected"), "wrong", &REPORTING.exchange(&token, "guessed"));
    let line = site.gateway.wait_for_access("a wrong verifier", |line| line["verdict"] == "token_rejected");
    assert!(line["reason"].as_str().unwrap().contains("4 more tries"), "{line}");
    assert!(!line.to_string().contains(&verifier), "{line}");
}
