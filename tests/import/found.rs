//! What an application publishes, shown and taken over.

use super::application::{Application, import, with_empty_list};
use super::support::RSA_2048;

/// SHA-256 of the DER, by a crate of its own.
fn fingerprint() -> String {
    use sha2::Digest;
    sha2::Sha256::digest(RSA_2048.public_der()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_consumer_is_shown_with_its_keys_fingerprint() {
    let application = Application::start();
    let screen = application.import("jira");
    assert_eq!(screen.code, Some(0), "{screen:?}");
    for words in ["jira:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3", "JIRA", "Atlassian JIRA at https://jira.example.com", "2048 bits"]
    {
        assert!(screen.out.contains(words), "{words}: {}", screen.out);
    }
    assert!(screen.out.contains(&fingerprint()), "{}", screen.out);
    assert!(screen.out.contains("https://jira.example.com/plugins/servlet/oauth/callback"), "{}", screen.out);
}

#[test]
fn chunks_redirects_within_the_host_and_the_documents_own_url_make_no_difference() {
    let application = Application::start();
    let shown = |behaviour: &str| application.import(behaviour).out.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let plain = shown("jira");
    assert!(plain.len() > 5);
    for behaviour in ["chunked", "moved", "jira/", "jira/plugins/servlet/oauth/consumer-info"] {
        assert_eq!(shown(behaviour), plain, "{behaviour}");
    }
}

#[test]
fn what_would_change_the_screen_or_run_in_a_browser_does_neither() {
    let application = Application::start();
    let screen = application.import("terminal");
    assert!(screen.out.contains("JI\\u{202e}RA") && !screen.out.contains('\u{202e}'), "{}", screen.out);
    let screen = application.import("script");
    assert!(
        screen.out.contains("warning: the callback javascript:alert(1) is no http or https URL and is left out"),
        "{}",
        screen.out
    );
    assert!(screen.out.contains("callback     none"), "{}", screen.out);
}

#[test]
fn json_has_everything_that_is_shown() {
    let application = Application::start();
    let url = application.url("jira");
    let found = import(&url, &["--http", "--allow-address", "127.0.0.1", "--json", "--name", "Issues"]).json();
    assert_eq!((&found["added"]["done"], &found["added"]["line"]), (&"added".into(), &2.into()));
    assert_eq!(found["key"], "jira:6a3a3d9e-7a0f-4b37-a2b5-b8f0a4b1d2c3");
    assert_eq!((&found["name"], &found["url"]), (&"Issues".into(), &url.into()));
    assert_eq!(found["public_key"]["fingerprint"], fingerprint());
    assert_eq!(found["public_key"]["public_key"], RSA_2048.public_pem);
}

#[test]
fn json_is_for_those_who_are_not_asked() {
    let screen = with_empty_list(&["consumers", "import", "https://example.com", "--consumers", "consumers.yaml", "--json"]);
    assert!(screen.code == Some(2) && screen.err.contains("--yes|--dry-run"), "{screen:?}");
}
