//! Dances that come to nothing, and what the person at the keyboard is told then.

use std::net::TcpListener;

use super::command::{Dance, browse};
use super::provider::Provider;

#[test]
fn a_user_who_says_no_ends_it() {
    let provider = Provider::start();
    let mut dance = Dance::start(&["--callback", "http://localhost:0/", &provider.url("good")]);
    let authorize = dance.says("oauth_token=");
    dance.says("Waiting for the browser");
    let sent_to = browse(&format!("{authorize}&decide=deny")).field("Location").unwrap().replace("localhost", "127.0.0.1");
    assert!(browse(&sent_to).text().contains("Access was denied"));
    dance.end().failed("the user denied access", "begin anew");
    // Where the code is typed, the old providers' word for it is known too.
    let mut dance = Dance::start(&["--verifier-file", "-", &provider.url("good")]);
    dance.types("denied");
    dance.end().failed("the user denied access", "begin anew");
}

#[test]
fn every_refusal_is_explained_with_what_to_do() {
    let provider = Provider::start();
    let refuses = |pairs: &str| format!("refuses~401~{pairs}");
    let then = |pairs: &str| format!("then~401~{pairs}");
    for (behaviour, error, hint) in [
        (refuses("oauth_problem=consumer_key_unknown"), "no consumer reporting (401 consumer_key_unknown)", "letter by letter"),
        (refuses("oauth_problem=consumer_key_rejected"), "is disabled, or its time is over", "`expires`"),
        (refuses("oauth_problem=consumer_key_refused"), "is disabled, or its time is over", "`enabled`"),
        (refuses("oauth_problem=signature_invalid"), "the signature does not hold", "SHA-256 fingerprint is "),
        (
            refuses("oauth_problem=signature_method_rejected~oauth_acceptable_signature_methods=RSA-SHA512"),
            "may not sign with RSA-SHA1; acceptable: RSA-SHA512",
            "--signature-method",
        ),
        (refuses("oauth_problem=nonce_used"), "has seen this request before", "begin anew"),
        (refuses("oauth_problem=parameter_absent~oauth_parameters_absent=oauth_x"), "the server misses oauth_x", "between"),
        (
            refuses("oauth_problem=parameter_rejected~oauth_parameters_rejected=oauth_callback%3Doob"),
            "does not take this callback",
            "--callback oob",
        ),
        (refuses("oauth_problem=permission_denied"), "may not ask for users' tokens", "--three-legged"),
        (refuses("oauth_problem=never_heard_of"), "the server refuses (401 never_heard_of)", "log"),
        (then("oauth_problem=token_rejected"), "does not take the code, or the request token", "exactly as it is shown"),
        (then("oauth_problem=token_expired"), "the request token had expired", "decide at once"),
        (then("oauth_problem=token_used"), "was exchanged before", "begin anew"),
        (then("oauth_problem=permission_unknown"), "neither allowed nor denied", "decide on the page"),
        (then("oauth_problem=permission_denied"), "the user denied access", "begin anew"),
        (then("oauth_problem=user_refused"), "the user denied access", "begin anew"),
        ("behind~412".into(), "this machine's clock is 41", "timedatectl"),
        ("behind~-90000".into(), "s ahead of the server's; it accepts ", "timedatectl"),
        // A second is none, and some pass on the way here.
        ("behind~1".into(), "though both clocks agree", "try again"),
    ] {
        provider.answers(&behaviour).failed(error, hint);
    }
}

#[test]
fn what_the_server_advises_is_shown_without_harm_and_without_secrets() {
    let provider = Provider::start();
    let advice = "~oauth_problem_advice=verifier-1%20of%20request-1%1B[31m%E2%80%AE";
    let screen = provider.answers(&format!("then~401~oauth_problem=token_rejected{advice}"));
    screen.failed("the server says: … of …\\u{1b}[31m\\u{202e}", "begin anew");
}

#[test]
fn what_is_no_provider_is_told_as_what_it_is() {
    let provider = Provider::start();
    for (behaviour, error, hint) in [
        ("missing", "no OAuth provider is there", "context path"),
        ("page", "is a page, and gives no request token", "context path"),
        ("moved", "redirects to https://jira.example.com/\u{fc}, which is not followed", "the base URL that the server has now"),
        ("login", "redirects to /login.jsp, which is not followed", "one URL alone"),
        ("sso", "tells no OAuth problem: something else refuses", "without signing in"),
        ("down", "answers 502", "try again later"),
        ("strange", "holds no oauth_token", "--request-token-path"),
        ("unconfirmed", "it speaks OAuth 1.0", "1.0a"),
        ("silent", "no answer from ", "https where the server speaks TLS"),
    ] {
        provider.answers(behaviour).failed(error, hint);
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Dance::start(&["--verifier-file", "-", &format!("http://{closed}")]).end().failed("Connection refused", "gateway runs there");
}

#[test]
fn a_token_is_shown_though_its_call_is_refused() {
    let provider = Provider::start();
    let url = provider.url("call~401~oauth_problem=permission_denied~oauth_problem_advice=access-1");
    for options in [&["--verifier-file", "-", &url][..], &["--verifier-file", "-", "--json", &url]] {
        let mut dance = Dance::start(options);
        dance.types("v");
        let screen = dance.end();
        assert_eq!(screen.code, Some(1));
        assert!(screen.out.contains("access-1") && screen.out.contains("secret-1") && screen.out.contains("401"), "{screen:?}");
        let told = screen.err.split_once("error: ").unwrap().1;
        assert!(told.contains("the consumer may not make this call") && !told.contains("access-1"), "{screen:?}");
    }
    // The application's own answers are no failure of the token's.
    let mut dance = Dance::start(&["--verifier-file", "-", &provider.url("call~404")]);
    dance.types("v");
    assert!(dance.end().done().contains("404 Not Found"));
}

#[test]
fn nobody_is_asked_for_what_cannot_be_waited_for() {
    let nowhere = "http://127.0.0.1:1";
    Dance::start(&[nowhere]).end().failed("no terminal", "--verifier-file - ");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let callback = format!("http://{}/", taken.local_addr().unwrap());
    Dance::start(&["--callback", &callback, nowhere]).end().failed("cannot wait for the browser at", "port 0");
    for wrong in [["--callback", "reports"], ["--get", "rest"], ["--signature-method", "HMAC-SHA1"]] {
        assert_eq!(Dance::start(&[&wrong[..], &[nowhere]].concat()).end().code, Some(2), "{wrong:?}");
    }
    for wrong in ["jira.example.com", "https://jira.example.com/?x=1"] {
        assert_eq!(Dance::start(&[wrong]).end().code, Some(2), "{wrong}");
    }
}
