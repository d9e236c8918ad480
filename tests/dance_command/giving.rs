//! Dances that end with a token.

use serde_json::Value;

use super::certificates::Authority;
use super::command::{Dance, between, browse, dance};
use super::provider::Provider;
use super::support::tools;

#[test]
fn a_script_dances_with_oauthlib_by_every_method() {
    let provider = Provider::start();
    for method in ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"] {
        let url = provider.url("good/");
        let options = ["--json", "--get", "/rest/a%20b?x=1&x=%C3%A9", "--signature-method", method, "--verifier-file", "-", &url];
        let mut dance = Dance::start(&options);
        let page = browse(&format!("{}&decide=allow", dance.says("oauth_token=")));
        dance.types(between(&page.text(), "oauth_verifier=", "&"));
        let token: Value = serde_json::from_str(&dance.end().done()).unwrap();
        assert!(token["oauth_token"].as_str().unwrap().len() >= 20, "{token}");
        assert_eq!((&token["oauth_session_handle"], &token["oauth_expires_in"]), (&"handle-1".into(), &157_680_000.into()));
        assert!(token["renewable_until"].as_u64() > token["expires_at"].as_u64(), "{token}");
        assert_eq!(token["call"]["status"], 200);
        let body: Value = serde_json::from_str(token["call"]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, serde_json::json!({ "name": "alice", "url": "/good/rest/a%20b?x=1&x=%C3%A9" }));
    }
}

#[test]
fn a_person_types_the_code_at_a_terminal() {
    let provider = Provider::start();
    let mut command = tools::python("dance_at_terminal.py");
    let words = dance(&["--get", "/who", &provider.url("good")]);
    command.arg(words.get_program()).args(words.get_args());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let screen = seen["screen"].as_str().unwrap();
    assert_eq!(seen["code"], 0, "{screen}");
    for line in ["access token     ", "session handle   handle-1", "/good/who  200 OK", "{\"name\": \"alice\""] {
        assert!(screen.contains(line), "{line:?} is not on the screen: {screen}");
    }
}

#[test]
fn a_browser_brings_the_code_and_gets_a_page() {
    let provider = Provider::start();
    let mut dance = Dance::start(&["--callback", "http://127.0.0.1:0/back?x=1", &provider.url("good")]);
    let authorize = dance.says("oauth_token=");
    let waiting = dance.says("Waiting for the browser");
    let callback = waiting.split_whitespace().last().unwrap();
    assert!(!callback.contains(":0/") && callback.ends_with("/back?x=1"), "{callback}");
    let sent_to = browse(&format!("{authorize}&decide=allow")).field("Location").unwrap().to_owned();
    assert!(sent_to.starts_with(callback), "{sent_to}");
    // What other pages of this machine ask for ends nothing.
    let origin = callback.split_once("/back").unwrap().0;
    assert_eq!(browse(&format!("{origin}/favicon.ico")).status, 404);
    assert_eq!(browse(&format!("{origin}/back?oauth_token=another&oauth_verifier=v")).status, 400);
    assert_eq!(browse(&format!("{origin}/back")).status, 400);
    let page = browse(&sent_to);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("You can close this window"), "{}", page.text());
    assert_eq!(page.field("Cache-Control"), Some("no-store"));
    assert_eq!(page.field("Referrer-Policy"), Some("no-referrer"));
    let out = dance.end().done();
    assert!(out.contains("\"name\": \"alice\""), "{out}");
}

#[test]
fn somebody_elses_callback_is_answered_by_its_address() {
    let provider = Provider::start();
    let callback = "https://reports.example.com/cb";
    let mut dance = Dance::start(&["--json", "--callback", callback, "--verifier-file", "-", &provider.url("good")]);
    let sent_to = browse(&format!("{}&decide=allow", dance.says("oauth_token="))).field("Location").unwrap().to_owned();
    assert!(sent_to.starts_with(callback), "{sent_to}");
    dance.types(&sent_to);
    let token: Value = serde_json::from_str(&dance.end().done()).unwrap();
    assert_eq!(token["call"]["status"], 200);
}

#[test]
fn an_https_provider_has_to_show_who_it_is() {
    let authority = Authority::new();
    let provider = Provider::run(Some(&authority.issue("provider", "DNS:localhost,IP:127.0.0.1")));
    let url = format!("https://localhost:{}/call~404", provider.port);
    let ca = authority.ca();
    let mut dance = Dance::start(&["--verifier-file", "-", "--ca", ca.to_str().unwrap(), &url]);
    dance.types("v");
    assert!(dance.end().done().contains("access-1"));
    let stranger = Authority::new();
    let other = stranger.ca();
    let options = ["--verifier-file", "-", "--ca", other.to_str().unwrap(), &url];
    Dance::start(&options).end().failed("an authority that is not trusted here", "--ca FILE");
    let plain = Provider::start();
    let url = format!("https://localhost:{}/good", plain.port);
    Dance::start(&["--verifier-file", "-", "--ca", ca.to_str().unwrap(), &url])
        .end()
        .failed("no TLS connection", "https at that port");
}
