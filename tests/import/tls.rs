//! https: the application has to show that it is the one.

use super::application::{Application, import};
use super::certificates::Authority;

fn arguments(ca: &str) -> Vec<&str> {
    vec!["--allow-address", "127.0.0.1", "--ca", ca]
}

#[test]
fn an_application_is_believed_with_a_certificate_of_the_named_authority() {
    let authority = Authority::new();
    let application = Application::with_tls(&authority.issue("app", "DNS:localhost,IP:127.0.0.1"));
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/jira", application.port);
        let screen = import(&url, &arguments(authority.ca().to_str().unwrap()));
        assert_eq!(screen.code, Some(0), "{screen:?}");
        assert!(screen.out.contains("JIRA"), "{screen:?}");
    }
}

#[test]
fn an_application_that_does_not_show_who_it_is_is_not_asked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let ca = authority.ca();
    let ca = ca.to_str().unwrap();
    let cases = [
        (stranger.issue("a", "DNS:localhost"), "an authority that is not trusted here", " --ca FILE"),
        (authority.issue("b", "DNS:app.example.com"), "did not show that it is localhost", "certificate mended"),
        (authority.issue_expired("c", "DNS:localhost"), "did not show that it is localhost", "certificate mended"),
    ];
    for (pair, why, hint) in cases {
        let application = Application::with_tls(&pair);
        let url = format!("https://localhost:{}/jira", application.port);
        import(&url, &arguments(ca)).refused(why, hint);
        // Nor with http allowed, nor by the system's authorities.
        let url = format!("https://localhost:{}/jira", application.port);
        let screen = import(&url, &["--http", "--allow-address", "127.0.0.1"]);
        assert_eq!((screen.code, screen.out.as_str()), (Some(1), ""), "{screen:?}");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_told() {
    let application = Application::start();
    let url = format!("https://localhost:{}/jira", application.port);
    import(&url, &["--allow-address", "127.0.0.1"]).refused("no TLS connection with localhost", "https at that port");
}

#[test]
fn a_file_without_authorities_is_told() {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("nobody.pem");
    std::fs::write(&file, "").unwrap();
    import("https://localhost/", &arguments(file.to_str().unwrap())).refused("nobody.pem is empty", "put");
    import("https://localhost/", &arguments("missing.pem")).refused("missing.pem can't be read", "path");
}
