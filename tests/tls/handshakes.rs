//! Whom the gateway shakes hands with, and which certificate they get.

use std::process::Command;
use std::time::Instant;

use super::certificates::{Authority, Kind};
use super::client::{curl, s_client, serial_for, with_input};
use super::gateway;
use super::support::{Backend, CONSUMER, Client, Gateway, by_reporting, eventually, tools};

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml())).start();
    for (version, name) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
        let got = curl(gateway.address(), "localhost", &authority.ca()).args(&["--tlsv1.2", "--tls-max", version]).get("/open/a");
        assert_eq!((got.status, got.err.as_str()), (200, ""), "{name}");
        let said = s_client(gateway.address(), &[&format!("-tls{}", version.replace('.', "_"))]);
        assert!(said.out.contains(&format!("New, {name}, Cipher is ")), "{name}: {}", said.out);
    }
    for old in ["-tls1", "-tls1_1"] {
        // Debian's openssl speaks these only at its lowest level of security.
        let said = s_client(gateway.address(), &[old, "-cipher", "DEFAULT@SECLEVEL=0"]);
        // An alert of the gateway's, and not a refusal of openssl's own.
        let refused = said.out.contains("New, (NONE), Cipher is (NONE)") && said.err.contains("SSL alert number");
        assert!(!said.succeeded && refused, "{old}: {said:?}");
    }
}

#[test]
fn http_1_1_is_the_only_protocol() {
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml())).start();
    let chosen = |offered| s_client(gateway.address(), &["-alpn", offered]);
    assert!(chosen("h2,http/1.1").out.contains("ALPN protocol: http/1.1"));
    let refused = chosen("h2");
    assert!(!refused.succeeded && refused.err.contains("no application protocol"), "{refused:?}");
    assert!(s_client(gateway.address(), &[]).out.contains("No ALPN negotiated"));
}

#[test]
fn the_signature_is_over_https() {
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml())).start();
    let host = format!("localhost:{}", gateway.address().port());
    let ask = |root: &str| {
        let signed = by_reporting().get("/x?a=1").host(&host).signed_for(root);
        let header = format!("Authorization: {}", signed.authorization_value());
        curl(gateway.address(), "localhost", &authority.ca()).args(&["--header", &header]).get("/x?a=1")
    };
    let got = ask(&format!("http://{host}"));
    assert_eq!(got.status, 401, "signed for http: {got:?}");
    assert!(got.body.contains("signature_invalid"), "{got:?}");
    backend.assert_untouched();
    let got = ask(&format!("https://{host}"));
    assert_eq!(got.status, 200, "signed for https: {got:?}");
    let request = backend.only_request();
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!(request.field("x-oauth-consumer"), Some(CONSUMER));
}

#[test]
fn requests_oauthlib_is_admitted_over_https() {
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml())).start();
    let mut client = tools::python("tls_client.py");
    client.args(["signed", "--url", &format!("https://localhost:{}", gateway.address().port())]);
    client.arg("--ca").arg(authority.ca());
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keys/rsa-2048-a.pem");
    let said = with_input(client.args(["--consumer", &format!("{CONSUMER}={key}")]), b"");
    assert!(said.succeeded, "{said:?}");
    let answer: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let statuses = (answer["get"].as_u64(), answer["post"].as_u64(), answer["crossed"].as_u64());
    assert_eq!(statuses, (Some(200), Some(200), Some(401)), "{answer}");
    assert!(answer["why"].as_str().unwrap().contains("signature_invalid"), "{answer}");
}

#[test]
fn the_certificate_is_that_of_the_name_that_is_asked_for() {
    let authority = Authority::new();
    let main = authority.issue("main", "DNS:one.example.com,DNS:localhost");
    let other = authority.issue("other", "DNS:two.example.com,DNS:Three.example.com");
    let wild = authority.issue("wild", "DNS:*.apps.example.com");
    let backend = Backend::start();
    let list = format!("[{{ {} }}, {{ {} }}, {{ {} }}]", main.yaml(), other.yaml(), wild.yaml());
    for tls in [list.clone(), format!("{{ certificates: {list} }}")] {
        let gateway = gateway(&backend, &tls).start();
        let cases = [
            ("one.example.com", &main),
            ("two.example.com", &other),
            ("TWO.example.com", &other),
            ("three.example.com", &other),
            ("a.apps.example.com", &wild),
            // The first is for those that no certificate is for, and for those that name nobody.
            ("a.b.apps.example.com", &main),
            ("apps.example.com", &main),
            ("nobody.example.com", &main),
            ("", &main),
        ];
        for (name, pair) in cases {
            assert_eq!(serial_for(gateway.address(), name, &[]), pair.serial(), "{name} with {tls}");
        }
        assert_eq!(curl(gateway.address(), "two.example.com", &authority.ca()).get("/open/a").status, 200);
    }
}

#[test]
fn two_certificates_of_one_name_are_for_two_kinds_of_clients() {
    let authority = Authority::new();
    let new = authority.issue("new", "DNS:localhost");
    let old = authority.issue_as("old", "DNS:localhost", Kind::Rsa, 365);
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("[{{ {} }}, {{ {} }}]", new.yaml(), old.yaml())).start();
    let serial = |algorithms| serial_for(gateway.address(), "localhost", &["-sigalgs", algorithms]);
    assert_eq!(serial("ECDSA+SHA256:RSA-PSS+SHA256"), new.serial());
    assert_eq!(serial("RSA-PSS+SHA256"), old.serial());
}

#[test]
fn a_client_certificate_is_required_where_an_authority_is_named() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let site = authority.issue("site", "DNS:localhost");
    let (good, bad) = (authority.issue("client", "DNS:client"), stranger.issue("stranger", "DNS:client"));
    let expired = authority.issue_expired("late", "DNS:client");
    let backend = Backend::start();
    let tls = format!("{{ {}, client_ca: {} }}", site.yaml(), authority.ca().display());
    let gateway = gateway(&backend, &tls).start();
    for version in ["1.2", "1.3"] {
        let ask = || curl(gateway.address(), "localhost", &authority.ca()).args(&["--tlsv1.2", "--tls-max", version]);
        for (what, got) in [
            ("none", ask().get("/open/a")),
            ("a stranger's", ask().with(&bad).get("/open/a")),
            ("an expired one", ask().with(&expired).get("/open/a")),
        ] {
            assert_eq!(got.status, 0, "{what} with {version}: {got:?}");
        }
    }
    backend.assert_untouched();
    let got = curl(gateway.address(), "localhost", &authority.ca()).with(&good).get("/open/a");
    assert_eq!(got.status, 200, "{got:?}");
    // It opens the door and proves no consumer.
    assert_eq!(backend.only_request().field("x-oauth-consumer"), None);
    let got = curl(gateway.address(), "localhost", &authority.ca()).with(&good).get("/closed");
    assert_eq!(got.status, 401, "{got:?}");
    gateway.wait_for_line("TLS handshakes failed");
}

#[test]
fn a_client_certificate_may_be_optional_and_still_not_be_a_strangers() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let site = authority.issue("site", "DNS:localhost");
    let (good, bad) = (authority.issue("client", "DNS:client"), stranger.issue("stranger", "DNS:client"));
    let backend = Backend::start();
    let tls = format!("{{ {}, client_ca: {}, client_certificate: optional }}", site.yaml(), authority.ca().display());
    let gateway = gateway(&backend, &tls).start();
    let ask = || curl(gateway.address(), "localhost", &authority.ca());
    assert_eq!(ask().get("/open/a").status, 200);
    assert_eq!(ask().with(&good).get("/open/a").status, 200);
    assert_eq!(ask().with(&bad).get("/open/a").status, 0);
    assert_eq!(backend.requests().len(), 2);
}

#[test]
fn a_session_is_resumed() {
    let authority = Authority::new();
    let backend = Backend::start();
    let gateway = gateway(&backend, &format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml())).start();
    let session = authority.path("session");
    let file = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        // The ticket of TLS 1.3 comes after the handshake, with the answer at the latest.
        let mut first = Command::new("openssl");
        first.args(["s_client", "-ign_eof", "-connect", &gateway.address().to_string(), version, "-sess_out", file]);
        let said = with_input(&mut first, b"GET /open/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(said.out.contains("HTTP/1.1 200"), "{said:?}");
        let again = s_client(gateway.address(), &[version, "-sess_in", file]);
        assert!(again.out.contains("Reused, "), "{version}: {}", again.out);
    }
}

#[test]
fn clear_text_at_a_tls_listener_gets_no_answer_and_tls_listeners_stand_beside_others() {
    let authority = Authority::new();
    let pair = authority.issue("site", "DNS:localhost");
    let backend = Backend::start();
    let listen = format!("listen: [\"127.0.0.1:0\", {{ address: \"127.0.0.2:0\", tls: {{ {} }} }}]", pair.yaml());
    let gateway = Gateway::builder().upstream(&backend).setting(&listen).route("{ path: /open/**, access: open }").start();
    let tls = gateway.wait_for_line("127.0.0.2:");
    let said: serde_json::Value = serde_json::from_str(&tls).unwrap();
    let said = said.get("fields").unwrap_or(&said);
    assert_eq!(said["tls"], true, "{tls}");
    let address = said["address"].as_str().unwrap().parse().unwrap();
    let mut clear = Client::connect(address);
    clear.send(by_reporting().get("/open/a").bytes());
    let answer = clear.until_closed();
    assert!(!answer.windows(5).any(|bytes| bytes == b"HTTP/"), "{}", answer.escape_ascii());
    backend.assert_untouched();
    // And each listener goes on in its own language.
    assert_eq!(gateway.ask(&by_reporting().get("/open/a")).status, 200);
    assert_eq!(curl(address, "localhost", &authority.ca()).get("/open/a").status, 200);
    let forwarded: Vec<_> =
        backend.requests().iter().map(|request| request.field("x-forwarded-proto").unwrap().to_owned()).collect();
    assert_eq!(forwarded, ["http", "https"]);
}

#[test]
fn a_failed_handshake_is_told_once_with_its_reason_and_a_look_at_the_port_is_not() {
    let authority = Authority::new();
    let backend = Backend::start();
    let tls = format!("{{ {} }}", authority.issue("site", "DNS:localhost").yaml());
    let begun = Instant::now();
    let gateway = gateway(&backend, &tls).setting("log: { level: info }").start();
    for _ in 0..20 {
        drop(std::net::TcpStream::connect(gateway.address()).unwrap());
    }
    for _ in 0..20 {
        s_client(gateway.address(), &["-alpn", "h2"]);
    }
    let line = gateway.wait_for_line("TLS handshakes failed");
    assert!(line.contains("last_peer") && line.contains("127.0.0.1"), "{line}");
    // The good client shows that the first ones are all handled.
    assert_eq!(curl(gateway.address(), "localhost", &authority.ca()).get("/open/a").status, 200);
    eventually("the access line", || (!gateway.access_log().is_empty()).then_some(()));
    let lines = gateway.count_lines("TLS handshakes failed") as u64;
    assert!(lines <= 1 + begun.elapsed().as_secs() / 10, "{lines} lines, though one in ten seconds is enough");
    assert_eq!(gateway.count_lines("left during"), 0, "a look at the port is worth a line only at debug");
}
