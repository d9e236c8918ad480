//! The application behind the gateway speaks https.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::certificates::{Authority, Pair, overwrite};
use super::support::gateway::Builder;
use super::support::{CONSUMER, Gateway, Response, by_reporting, eventually, tools};

#[test]
fn an_https_upstream_is_reached_where_its_authority_is_named() {
    let authority = Authority::new();
    let application = Application::start(&authority.issue("app", "DNS:localhost,IP:127.0.0.1"), None);
    for host in ["localhost", "127.0.0.1"] {
        let gateway = application.behind(host, &format!("ca: {}", authority.ca().display()));
        // One thread, and so one pool.
        let gateway = gateway.setting("threads: 1").start();
        let seen = admitted(&gateway);
        assert_eq!(seen["headers"]["x-oauth-consumer"], CONSUMER);
        // One connection serves both requests.
        assert_eq!(admitted(&gateway)["connection"], seen["connection"]);
        assert_eq!((&seen["alpn"], &seen["version"]), (&"http/1.1".into(), &"TLSv1.3".into()), "{seen}");
    }
}

#[test]
fn a_server_that_cannot_show_who_it_is_gets_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let names = "DNS:app.example.com";
    let ca = |authority: &Authority| format!("ca: {}", authority.ca().display());
    let cases = [
        ("another authority", authority.issue("a", "DNS:localhost"), ca(&stranger), "UnknownIssuer"),
        ("another name", authority.issue("b", names), ca(&authority), "not valid for name"),
        ("expired", authority.issue_expired("c", "DNS:localhost"), ca(&authority), "expired"),
        ("an authority that the system does not know", authority.issue("d", "DNS:localhost"), String::new(), "UnknownIssuer"),
    ];
    for (what, pair, settings, why) in cases {
        let application = Application::start(&pair, None);
        let gateway = application.behind("localhost", &settings).start();
        unreachable(&gateway, what, why);
    }
    // The certificate is for another name, and somebody who knows says so.
    let application = Application::start(&authority.issue("e", names), None);
    let gateway = application.behind("localhost", &format!("{}, server_name: app.example.com", ca(&authority))).start();
    admitted(&gateway);
}

#[test]
fn without_a_ca_the_systems_authorities_count() {
    let authority = Authority::new();
    let application = Application::start(&authority.issue("app", "DNS:localhost"), None);
    let system = format!("SSL_CERT_FILE={}", authority.ca().display());
    let short = Gateway::builder().upstream_setting(&format!("https://localhost:{}", application.port));
    admitted(&short.through(&["env", "--unset=SSL_CERT_DIR", &system]).start());
    // A system without any is a problem, and not one of the first request.
    let nothing = format!("SSL_CERT_FILE={}", authority.path("nothing.pem").display());
    std::fs::write(authority.path("nothing.pem"), "").unwrap();
    let folder = application.behind("localhost", "host: upstream").write();
    let mut check = std::process::Command::new("env");
    check
        .args(["--unset=SSL_CERT_DIR", &nothing, env!("CARGO_BIN_EXE_countersign"), "check", "--config"])
        .arg(folder.path().join("countersign.yaml"));
    let output = check.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("countersign.yaml:1: the system has no certificate authorities"), "{said}");
}

#[test]
fn the_gateway_shows_its_client_certificate() {
    let authority = Authority::new();
    let application = Application::start(&authority.issue("app", "DNS:localhost"), Some(&authority));
    let own = authority.issue("gateway", "DNS:gateway");
    let ca = format!("ca: {}", authority.ca().display());
    let shows =
        |pair: &Pair| format!("{ca}, client_certificate: {}, client_key: {}", pair.certificate.display(), pair.key.display());
    let gateway = application.behind("localhost", &shows(&own)).start();
    assert_eq!(admitted(&gateway)["client"], "gateway");
    for settings in [ca.clone(), shows(&Authority::new().issue("stranger", "DNS:gateway"))] {
        let gateway = application.behind("localhost", &settings).start();
        let response = gateway.ask(&by_reporting().get("/a"));
        assert_eq!(response.status, 502, "{settings}: {}", response.text());
    }
}

#[test]
fn a_server_that_does_not_shake_hands_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let settings = "timeouts: { connect: 500ms }";
    let gateway = Gateway::builder().upstream_setting(&upstream).setting(settings).start();
    unreachable(&gateway, "a server that says nothing", "no connection within 0.5 s");
}

#[test]
fn one_that_speaks_clear_text_gets_nothing() {
    let backend = super::Backend::start();
    let upstream = format!("https://localhost:{}", backend.address().port());
    let gateway = Gateway::builder().upstream_setting(&upstream).start();
    let response = gateway.ask(&by_reporting().get("/a"));
    assert_eq!(response.status, 502, "{}", response.text());
    assert!(!backend.bytes().windows(5).any(|bytes| bytes == b"HTTP/"), "the request went out in clear text");
}

#[test]
fn no_connection_of_an_older_trust_is_used_again() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let application = Application::start(&authority.issue("app", "DNS:localhost"), None);
    let ca = authority.path("trusted.pem");
    overwrite(&authority.ca(), &ca);
    // One thread: it is its connection that would be used again.
    let gateway = application.behind("localhost", &format!("ca: {}", ca.display())).setting("threads: 1").start();
    admitted(&gateway);
    overwrite(&stranger.ca(), &ca);
    gateway.wait_for_line("the certificates were read again");
    unreachable(&gateway, "after the change", "UnknownIssuer");
    overwrite(&authority.ca(), &ca);
    eventually("trusted again", || (gateway.ask(&by_reporting().get("/a")).status == 200).then_some(()));
}

#[track_caller]
fn admitted(gateway: &Gateway) -> Value {
    let response: Response = gateway.ask(&by_reporting().get("/a"));
    assert_eq!(response.status, 200, "{}", response.text());
    serde_json::from_str(&response.text()).unwrap()
}

#[track_caller]
fn unreachable(gateway: &Gateway, what: &str, why: &str) {
    let response = gateway.ask(&by_reporting().get("/a"));
    assert_eq!((response.status, response.text().trim()), (502, "upstream_unreachable"), "{what}");
    let line = gateway.wait_for_access(what, |line| line["verdict"] == "upstream_unreachable");
    assert!(line["reason"].as_str().unwrap().contains(why), "{what}: {line}");
}

/// A Python server with this certificate.
struct Application {
    child: Child,
    port: u16,
}

impl Application {
    fn start(pair: &Pair, clients: Option<&Authority>) -> Self {
        let mut server = tools::python("tls_backend.py");
        server.arg("--certificate").arg(&pair.certificate).arg("--key").arg(&pair.key);
        if let Some(authority) = clients {
            server.arg("--client-ca").arg(authority.ca());
        }
        let mut child = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }

    /// A gateway in front of it, with these further settings of the upstream.
    fn behind(&self, host: &str, settings: &str) -> Builder {
        let upstream = format!("{{ servers: [\"https://{host}:{}\"], {settings} }}", self.port);
        Gateway::builder().upstream_setting(&upstream)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
