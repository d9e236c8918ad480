//! Row H48 of docs/attacks.md: answers that would keep the gateway waiting, fill its memory, or make it read something else; and those that are only wrong.

use super::application::Application;

#[test]
fn h48_an_application_that_stalls_is_waited_for_five_seconds() {
    let application = Application::start();
    std::thread::scope(|scope| {
        for behaviour in ["stalled", "stalled-head", "stalled-body", "dripping"] {
            // The application itself would go on for thirty seconds.
            scope.spawn(|| application.import(behaviour).refused("not everything was there within 5 s", "less busy"));
        }
    });
}

#[test]
fn h48_an_answer_of_more_than_a_megabyte_is_not_read_to_its_end() {
    let application = Application::start();
    for behaviour in ["endless", "huge", "attributes"] {
        application.import(behaviour).refused("more than 1000000 bytes", "base URL");
    }
    // Of the head, 64 KiB are read.
    application.import("endless-head").refused("no HTTP", "browser");
}

#[test]
fn h48_a_compressed_answer_is_not_unpacked() {
    let application = Application::start();
    for behaviour in ["gzip", "gzip-transfer"] {
        application.import(behaviour).refused("compressed, which nobody asked for", "between");
    }
}

#[test]
fn h48_a_document_with_a_doctype_with_entities_or_of_any_excess_is_not_read() {
    let application = Application::start();
    let cases = [
        ("doctype", "DOCTYPE"),
        ("external", "DOCTYPE"),
        ("laughs", "DOCTYPE"),
        ("entity", "no XML: unknown entity"),
        ("attributes-within", "more than 1000 attributes"),
        ("deep", "more than 1000 elements"),
    ];
    for (behaviour, why) in cases {
        application.import(behaviour).refused(why, "by hand");
    }
}

#[test]
fn an_answer_that_is_no_document_is_told_with_what_to_do() {
    let application = Application::start();
    let cases = [
        ("login", "asks for a user to sign in", "without signing in"),
        ("login-redirect", "asks for a user to sign in", "without signing in"),
        ("forbidden", "asks for a user to sign in", "without signing in"),
        ("nothing-here", "publishes no consumer there (404)", "context path such as /jira"),
        ("broken", "status 500", "log"),
        ("text", "text/plain, and no XML", "base URL"),
        ("no-key", "no <publicKey>", "by hand"),
        ("odd-key", "cannot be used: the base64 decodes", "pasted"),
    ];
    for (behaviour, why, hint) in cases {
        let screen = application.import(behaviour);
        screen.refused(why, hint);
        // Else an import would be a way to read pages inside.
        assert!(!screen.err.contains("secret-of-the-inside"), "{behaviour}: {screen:?}");
    }
}

#[test]
fn a_key_that_anybody_can_sign_with_is_not_taken() {
    let application = Application::start();
    let screen = application.import("private-key");
    screen.refused("the private half of a key pair", "make a new key pair");
    assert!(screen.err.lines().all(|line| !line.contains("MII")), "{screen:?}");
    application.import("published-key").refused("stands in public documentation", "new key pair");
}

#[test]
fn an_application_that_is_not_there_is_told_with_its_address() {
    let application = Application::start();
    let url = application.url("jira");
    drop(application);
    let screen = super::application::import(&url, &["--http", "--allow-address", "127.0.0.1"]);
    screen.refused("does not answer: 127.0.0.1:", "connect");
    super::application::import("https://no-such-name.invalid/", &[]).refused("no-such-name.invalid can't be found", "spelled");
}
