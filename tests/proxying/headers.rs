//! Headers that the gateway adds, keeps and takes off.

use crate::admitted;
use crate::support::{Backend, Consumer, Gateway, RSA_2048, by_reporting, request, response};

#[test]
fn the_backend_is_told_where_a_request_came_from() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client_from("127.0.6.1");
    assert_eq!(client.ask(by_reporting().get("/x").line("Accept: text/html").line("X-Custom: a b").bytes()).status, 200);
    let got = backend.last_request();
    assert_eq!(got.field("X-Forwarded-For"), Some("127.0.6.1"));
    assert_eq!(got.field("X-Forwarded-Proto"), Some("http"));
    assert_eq!(got.field("X-Forwarded-Host"), Some("app.example.com"));
    assert!(got.field("Via").is_some_and(|via| via.starts_with("1.1 ")), "{got:?}");
    assert!(got.field("X-Request-Id").is_some_and(|id| id.len() >= 8), "{got:?}");
    assert_eq!((got.field("Accept"), got.field("X-Custom")), (Some("text/html"), Some("a b")));
    assert_eq!(got.field("X-OAuth-Consumer"), Some("reporting"));
    assert_eq!(got.field("Authorization"), None);
    let first = got.field("X-Request-Id").unwrap().to_owned();
    assert_eq!(client.ask(by_reporting().bytes()).status, 200);
    assert_ne!(backend.last_request().field("X-Request-Id"), Some(&*first), "each request has its own");
}

#[test]
fn repeated_headers_keep_their_order() {
    let backend = Backend::answering(|_| response(200, &[("Set-Cookie", "a=1"), ("Link", "<x>"), ("Set-Cookie", "b=2")], b"ok"));
    let gateway = Gateway::in_front_of(&backend);
    let answer = admitted(&gateway, "repeated", &by_reporting().line("X-A: 1").line("X-B: 2").line("X-A: 3"));
    assert_eq!(backend.last_request().values("X-A"), ["1", "3"]);
    assert_eq!(answer.values("Set-Cookie"), ["a=1", "b=2"]);
}

#[test]
fn hop_by_hop_headers_stop_here() {
    let backend = Backend::answering(|_| {
        response(
            200,
            &[("Keep-Alive", "timeout=5"), ("Connection", "X-Hop"), ("X-Hop", "1"), ("Proxy-Authenticate", "Basic")],
            b"ok",
        )
    });
    let gateway = Gateway::in_front_of(&backend);
    let sent = by_reporting()
        .line("Connection: keep-alive, X-Private")
        .line("Keep-Alive: timeout=5")
        .line("Proxy-Connection: keep-alive")
        .line("Proxy-Authorization: Basic YTpi")
        .line("TE: gzip")
        .line("Upgrade: something")
        .line("X-Private: 1");
    let answer = admitted(&gateway, "hop by hop", &sent);
    let got = backend.last_request();
    for name in ["Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade", "X-Private"] {
        assert!(got.values(name).is_empty(), "{name}: {got:?}");
    }
    assert_eq!((answer.field("Keep-Alive"), answer.field("X-Hop")), (None, None), "{:?}", answer.fields);
}

#[test]
fn the_host_is_the_clients_or_the_servers() {
    let backend = Backend::start();
    let as_received = Gateway::in_front_of(&backend);
    for host in ["app.example.com", "APP.Example.com:80", "127.0.0.1:9", "[::1]:8080"] {
        admitted(&as_received, host, &by_reporting().host(host));
        assert_eq!(backend.last_request().field("Host"), Some(host));
    }
    let address = backend.address().to_string();
    let upstream = Gateway::builder().upstream_setting(&format!("{{ servers: [\"http://{address}\"], host: upstream }}")).start();
    admitted(&upstream, "upstream", &by_reporting());
    let got = backend.last_request();
    assert_eq!((got.field("Host"), got.field("X-Forwarded-Host")), (Some(&*address), Some("app.example.com")));
}

#[test]
fn identity_headers_have_configured_names_and_safe_values() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("Jörg & Co", &RSA_2048).with("two_legged: { execute_as: \"jörg müller\" }"))
        .consumer(Consumer::new("reporting", &RSA_2048))
        .setting("identity_headers: { consumer: X-Who, user: X-As }")
        .start();
    admitted(&gateway, "encoded", &crate::support::signed("Jörg & Co", &RSA_2048).line("X-OAuth-Consumer: kept-now"));
    let got = backend.last_request();
    assert_eq!((got.field("X-Who"), got.field("X-As")), (Some("J%C3%B6rg%20&%20Co"), Some("j%C3%B6rg%20m%C3%BCller")));
    admitted(&gateway, "no user", &by_reporting().line("X-As: root").line("x_who: root"));
    let got = backend.last_request();
    assert_eq!((got.spellings_of("X-Who"), got.spellings_of("X-As")), (vec!["reporting"], vec![]));
}

#[test]
fn cookies_follow_the_route() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /app/**, access: signed, cookies: forward }")
        .route("{ path: /open, access: open, cookies: drop }")
        .route("{ path: /anonymous, access: open }")
        .start();
    let cookie = |request: crate::support::Signing| {
        admitted(&gateway, "cookie", &request.line("Cookie: a=1; b=2"));
        backend.last_request().field("Cookie").map(str::to_owned)
    };
    assert_eq!(cookie(by_reporting().get("/app/x")).as_deref(), Some("a=1; b=2"));
    assert_eq!(cookie(by_reporting().get("/other")), None);
    assert_eq!(cookie(request().get("/open")), None);
    assert_eq!(cookie(request().get("/anonymous")).as_deref(), Some("a=1; b=2"));
}

/// Cookies know no ports: a browser that is signed in at the administrators' pages of this machine sends that session here too.
#[test]
fn the_gateways_own_cookies_go_no_further() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /**, access: open }").start();
    for (sent, passed) in [
        ("countersign_session=x", None),
        ("a=1; countersign_session=x; b=2", Some("a=1; b=2")),
        ("a=countersign_session; countersign_form=y; __Secure-countersign_user=z", Some("a=countersign_session")),
    ] {
        admitted(&gateway, sent, &request().get("/x").line(&format!("Cookie: {sent}")));
        assert_eq!(backend.last_request().field("Cookie"), passed, "{sent}");
    }
}
