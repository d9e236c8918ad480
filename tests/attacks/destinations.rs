//! The second path of COPY and MOVE, which stands in a header that nobody signs.

use crate::support::{Backend, Consumer, Gateway, RSA_2048, RSA_2048_OTHER, Signing, by_reporting, request, signed};
use crate::{admitted, denied};

const DENIED: u16 = 403;
const UNCLEAR: u16 = 400;

fn moved(signing: Signing, from: &str, to: &str) -> Signing {
    signing.method("MOVE").target(from).line(&format!("Destination: {to}"))
}

fn with_routes(backend: &Backend, other: &Backend) -> Gateway {
    Gateway::builder()
        .upstream(backend)
        .consumer(Consumer::new("reporting", &RSA_2048))
        .consumer(Consumer::new("confined", &RSA_2048_OTHER).with("allow: [{ path: /rest/** }, { path: /public/** }]"))
        .route("{ path: /admin/**, access: deny }")
        .route("{ path: /public/**, access: open }")
        .route("{ path: /also/**, access: open }")
        .route("{ path: /read/**, methods: [GET, HEAD], access: open }")
        .route("{ path: /maybe/**, access: optional }")
        .route("{ path: /trial/**, access: observe }")
        .route(&format!("{{ path: /other/**, access: open, upstream: \"http://{}\" }}", other.address()))
        .start()
}

#[test]
fn d31_without_a_proof_nothing_is_moved_to_where_it_could_not_be_put() {
    let (backend, other) = (Backend::start(), Backend::start());
    let gateway = with_routes(&backend, &other);
    for to in ["/public/b", "/also/b", "http://app.example.com/public/b", "HTTPS://App.Example.Com:443/also/b%20c"] {
        for method in ["MOVE", "COPY"] {
            admitted(&gateway, to, &moved(request(), "/public/a", to).method(method));
            assert_eq!(backend.last_request().field("Destination"), Some(to), "what was looked at is what goes on");
        }
    }
    admitted(&gateway, "tried", &moved(request(), "/trial/a", "/trial/b"));
    admitted(&gateway, "optional", &moved(request(), "/maybe/a", "/maybe/b"));
    admitted(&gateway, "another application's own", &moved(request(), "/other/a", "/other/b"));
    let elsewhere = ["/private/b", "/admin/b", "/Admin./b", "/maybe/b", "/trial/b", "/other/b"];
    let spelled =
        ["/public/../private/b", "/public/%2e%2e/private", "/public%2f..%2fprivate", "/public/b;/../../private", "/public//b"];
    for path in elsewhere.into_iter().chain(spelled) {
        for to in [path.to_owned(), format!("http://app.example.com{path}")] {
            for method in ["MOVE", "COPY"] {
                let response = denied(&gateway, &backend, &to, &moved(request(), "/public/a", &to).method(method));
                assert_eq!((response.status, response.problem().as_deref()), (DENIED, Some("permission_denied")), "{to}");
            }
        }
    }
    for (from, to) in [
        ("/public/a", "/read/b"),
        ("/maybe/a", "/public/b"),
        ("/maybe/a", "/private/b"),
        ("/trial/a", "/public/b"),
        ("/other/a", "/public/b"),
    ] {
        assert_eq!(denied(&gateway, &backend, to, &moved(request(), from, to)).status, DENIED, "{from} to {to}");
    }
    // Where no proof is asked for, none counts.
    assert_eq!(denied(&gateway, &backend, "signed", &moved(by_reporting(), "/public/a", "/private/b")).status, DENIED);
    assert_eq!(other.requests().len(), 1);
    let line = gateway.wait_for_access("its line", |line| line["status"] == DENIED);
    assert!(line["reason"].as_str().unwrap().contains("Destination"), "{line}");
}

#[test]
fn d31_a_destination_with_two_readings_or_another_host_is_refused() {
    let (backend, other) = (Backend::start(), Backend::start());
    let gateway = with_routes(&backend, &other);
    let long = format!("/public/{}", "b".repeat(8 * 1024));
    for to in [
        "",
        "b",
        "../public/b",
        "//app.example.com/public/b",
        "//public/b",
        "http:/public/b",
        "http:///public/b",
        "http://other.example/public/b",
        "http://app.example.com:8080/public/b",
        "http://app.example.com@other.example/public/b",
        "http://app.example.com\\@other.example/public/b",
        "ftp://app.example.com/public/b",
        "file:///public/b",
        "/public/b?c",
        "/public/b#c",
        "/public/b c",
        "/public/\u{e9}",
        "</public/b>",
        &long,
    ] {
        for signing in [request(), by_reporting()] {
            assert_eq!(denied(&gateway, &backend, to, &moved(signing, "/public/a", to)).status, UNCLEAR, "{to}");
        }
    }
    for (first, second) in [("/public/b", "/private/b"), ("/private/b", "/public/b"), ("/public/b", "/public/b")] {
        let twice = moved(request(), "/public/a", first).line(&format!("destination: {second}"));
        assert_eq!(denied(&gateway, &backend, "two lines", &twice).status, UNCLEAR);
    }
}

#[test]
fn d31_a_consumer_moves_nothing_to_where_it_may_not_reach() {
    let (backend, other) = (Backend::start(), Backend::start());
    let gateway = with_routes(&backend, &other);
    let confined = || signed("confined", &RSA_2048_OTHER);
    admitted(&gateway, "within", &moved(confined(), "/rest/a", "http://app.example.com/rest/b"));
    admitted(&gateway, "to what is open", &moved(confined(), "/rest/a", "/public/b"));
    admitted(&gateway, "anywhere", &moved(by_reporting(), "/a", "/b"));
    assert_eq!(backend.last_request().field("X-OAuth-Consumer"), Some("reporting"));
    for (what, request) in [
        ("outside its allow list", moved(confined(), "/rest/a", "/b")),
        ("two readings", moved(confined(), "/rest/a", "/rest/../b")),
        ("denied to all", moved(by_reporting(), "/a", "/admin/b")),
        ("denied to all, by another spelling", moved(by_reporting(), "/a", "/x/../admin/b")),
        ("another application", moved(by_reporting(), "/a", "/other/b")),
    ] {
        let response = denied(&gateway, &backend, what, &request);
        assert_eq!((response.status, response.problem().as_deref()), (DENIED, Some("permission_denied")), "{what}");
    }
    // What is only tried passes, and the log says what would have become of it.
    admitted(&gateway, "tried", &moved(confined(), "/trial/a", "/trial/b"));
    let line = gateway.wait_for_access("the trial's line", |line| line["path"] == "/trial/a");
    assert_eq!(line["verdict"], "permission_denied", "{line}");
}

#[test]
fn d31_a_prefix_that_was_taken_off_hides_no_destination() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /admin/**, access: deny }")
        .route("{ path: /jira/secret/**, access: deny }")
        .setting("trusted_proxies: [127.0.8.0/24]")
        .start();
    let ask = |to: &str| {
        let signing = by_reporting().signed_target("/jira/a").line("X-Forwarded-Prefix: /jira");
        gateway.client_from("127.0.8.1").ask(moved(signing, "/a", to).bytes()).status
    };
    assert_eq!(ask("http://app.example.com/jira/b"), 200);
    for to in ["/jira/admin/b", "http://app.example.com/jira/admin/b", "/jira/secret/b"] {
        assert_eq!(ask(to), DENIED, "{to}");
    }
    for to in ["/admin/b", "/b", "/%6Aira/admin/b", "/JIRA/admin/b", "/jira./admin/b", "/jirafoo/b"] {
        assert_eq!(ask(to), UNCLEAR, "{to}");
    }
    assert_eq!(backend.requests().len(), 1);
}
