//! `routes`: which access a request has before anybody proved anything.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use socket2::{Domain, Socket, Type};

use crate::support::{Backend, Digest, Gateway, by_reporting, eventually, request, response};
use crate::{admitted, refused};

#[test]
fn each_kind_of_access_does_what_it_says() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /open, access: open }")
        .route("{ path: /optional, access: optional }")
        .route("{ path: /observe, access: observe }")
        .route("{ path: /deny, access: deny }")
        .route("{ path: /signed, access: signed }")
        .start();
    let forged = || by_reporting().signature("AAAA");
    let who = || backend.last_request().field("X-OAuth-Consumer").map(str::to_owned);

    admitted(&gateway, "open", &request().get("/open"));
    admitted(&gateway, "open, whatever it carries", &forged().get("/open"));
    assert_eq!(who(), None);

    admitted(&gateway, "optional, anonymous", &request().get("/optional"));
    assert_eq!(who(), None);
    admitted(&gateway, "optional, signed", &by_reporting().get("/optional"));
    assert_eq!(who().as_deref(), Some("reporting"));
    refused(&gateway, (401, "signature_invalid"), "optional, forged", &forged().get("/optional"));
    assert_eq!(gateway.ask(&request().get("/optional?oauth_consumer_key=x")).status, 400, "any credential is one");
    admitted(&gateway, "a callback of the application's own", &request().get("/optional?oauth_token=x&oauth_verifier=y"));
    assert_eq!(backend.last_request().target, "/optional?oauth_token=x&oauth_verifier=y");

    for request in [request(), by_reporting(), forged(), by_reporting().without("oauth_nonce")] {
        admitted(&gateway, "observe lets all pass", &request.get("/observe"));
        assert_eq!(who(), None);
    }

    assert_eq!(gateway.ask(&request().get("/deny")).status, 403);
    assert_eq!(gateway.ask(&by_reporting().get("/deny")).status, 403);

    for path in ["/signed", "/not-named"] {
        assert_eq!(gateway.ask(&request().get(path)).status, 401);
        admitted(&gateway, path, &by_reporting().get(path));
    }
    let verdicts = |path: &str| -> Vec<String> {
        let lines = gateway.access_log().into_iter().filter(|line| line["path"] == path);
        lines.map(|line| line["verdict"].as_str().unwrap().to_owned()).collect()
    };
    gateway.wait_for_access("the last line", |line| line["path"] == "/not-named" && line["status"] == 200);
    let signed = verdicts("/signed");
    assert!(signed.len() == 2 && signed[1] == "admitted" && !["admitted", "anonymous"].contains(&&*signed[0]), "{signed:?}");
    assert!(verdicts("/open").iter().all(|verdict| verdict == "anonymous"));
    // A trial run tells what would have happened.
    let observed = verdicts("/observe");
    assert_eq!(observed.len(), 4);
    assert!(observed.contains(&"signature_invalid".to_owned()), "{observed:?}");
}

#[test]
fn an_observed_body_is_judged_as_on_a_signed_route() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /**, access: observe }").start();
    let hash = |body: &[u8]| crate::support::percent::encode(STANDARD.encode(Digest::Sha1.of(body)));
    for (number, name) in ["oauth_body_hash", "oauth%5Fbody_hash", "%6fauth_body%5fhash"].into_iter().enumerate() {
        for (what, hash, verdict) in [("right", hash(b"{}"), "admitted"), ("wrong", hash(b"{ }"), "signature_invalid")] {
            let path = format!("/{number}/{what}");
            let request = by_reporting().post(&format!("{path}?{name}={hash}")).body("application/json", "{}");
            admitted(&gateway, &path, &request);
            assert_eq!((backend.last_request().target, backend.last_request().text()), (path.clone(), "{}".to_owned()));
            let line = gateway.wait_for_access(&path, |line| line["path"] == path);
            assert_eq!(line["verdict"], verdict, "{line}");
        }
    }
}

#[test]
fn an_observed_body_without_a_hash_is_streamed() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /**, access: observe }").start();
    let mut client = gateway.client();
    client.send(by_reporting().post("/up").line("Content-Type: a/b").line("Content-Length: 8").bytes());
    client.send("1234");
    backend.wait("the first part arrives", |records| records.first()?.bytes.ends_with(b"1234").then_some(()));
    client.send("5678");
    assert_eq!(client.response().status, 200);
    assert_eq!(backend.only_request().text(), "12345678");
}

#[test]
fn an_observed_body_that_was_read_for_the_trial_and_stops_coming_is_not_forwarded() {
    let backend = Backend::start();
    let settings = "timeouts: { body: 1s }";
    let gateway = Gateway::builder().upstream(&backend).setting(settings).route("{ path: /**, access: observe }").start();
    let hash = STANDARD.encode(Digest::Sha1.of(b"12345678"));
    let request = by_reporting().post("/up").set("oauth_body_hash", &hash);
    let mut client = gateway.client();
    client.send(request.line("Content-Type: a/b").line("Content-Length: 8").bytes());
    client.send("1234");
    assert_eq!(client.response().status, 408);
    backend.assert_untouched();
}

#[test]
fn an_observed_body_for_which_there_is_no_room_is_logged_as_that() {
    let backend = Backend::start();
    let limits = "limits: { signed_body: 64KiB, held_bodies: 256KiB }";
    let route = "{ path: /observed/**, access: observe }";
    let gateway = Gateway::builder().upstream(&backend).route(route).setting(limits).start();
    let form = by_reporting().post("/observed/form").form(&format!("a={}", "b".repeat(10_000)));
    // A client's share is a quarter of all. One of these takes most of it, whichever comes first.
    let mut fillers = Vec::new();
    let refused = eventually("the share is used up", || {
        let mut filler = gateway.client_from("127.0.9.9");
        let head = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60001";
        filler.send(format!("{head}\r\n\r\n{}", "a".repeat(60_000)));
        fillers.push(filler);
        let answer = gateway.client_from("127.0.9.9").ask(form.clone().bytes());
        (answer.status != 200).then_some(answer)
    });
    // Its credentials cannot be cut.
    assert_eq!(refused.status, 503);
    assert!(refused.field("Retry-After").is_some());
    gateway.wait_for_access("the form", |line| line["path"] == "/observed/form" && line["verdict"] == "held_bodies_full");
    let body = "x".repeat(10_000);
    let hash = STANDARD.encode(Digest::Sha1.of(body.as_bytes()));
    let hashed = by_reporting().post("/observed/json").body("application/json", body.as_str()).set("oauth_body_hash", &hash);
    assert_eq!(gateway.client_from("127.0.9.9").ask(hashed.bytes()).status, 200);
    assert_eq!(backend.last_request().text(), body);
    let line = gateway.wait_for_access("the hashed body", |line| line["path"] == "/observed/json");
    assert_eq!(line["verdict"], "held_bodies_full", "{line}");
    // Too long is another reason.
    let long = by_reporting().post("/observed/long").body("a/b", vec![b'x'; 65_537]).set("oauth_body_hash", &hash);
    for request in [long.clone(), long.nonce("other").post("/observed/long-in-chunks").chunked(4096)] {
        admitted(&gateway, "too long", &request);
        assert_eq!(backend.last_request().body.len(), 65_537);
        let line = gateway.wait_for_access("the long body", |line| line["path"] == backend.last_request().path());
        assert_eq!(line["verdict"], "body_too_large", "{line}");
    }
}

#[test]
fn rules_are_asked_in_order_and_by_method() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /status, methods: [GET, HEAD], access: open }")
        .route("{ path: /static/*.css, access: open }")
        .route("{ path: /docs/**, access: open }")
        .start();
    for (method, path, status) in [
        ("GET", "/status", 200),
        ("GET", "/status?x=1", 200),
        ("POST", "/status", 401),
        ("GET", "/status/", 401),
        ("GET", "/static/a.css", 200),
        ("GET", "/static/a/b.css", 401),
        ("GET", "/docs", 200),
        ("DELETE", "/docs/a/b", 200),
        ("GET", "/documents", 401),
    ] {
        assert_eq!(gateway.ask(&request().method(method).target(path)).status, status, "{method} {path}");
    }
}

#[test]
fn a_route_can_have_a_backend_of_its_own() {
    let usual = Backend::answering(|_| response(200, &[], b"usual"));
    let other = Backend::answering(|_| response(200, &[], b"other"));
    let gateway = Gateway::builder()
        .upstream(&usual)
        .route(&format!("{{ path: /other/**, access: signed, upstream: \"http://{}\" }}", other.address()))
        .start();
    for _ in 0..3 {
        assert_eq!(admitted(&gateway, "other", &by_reporting().get("/other/x")).text(), "other");
        assert_eq!(admitted(&gateway, "usual", &by_reporting().get("/x")).text(), "usual");
    }
    assert_eq!((usual.requests().len(), other.requests().len()), (3, 3));
}

#[test]
fn several_servers_share_the_work_and_one_may_fail() {
    let (first, second) = (Backend::start(), Backend::start());
    let servers = format!("{{ servers: [\"http://{}\", \"http://{}\"] }}", first.address(), second.address());
    let gateway = Gateway::builder().upstream_setting(&servers).start();
    for _ in 0..40 {
        admitted(&gateway, "either", &by_reporting());
    }
    assert_eq!(first.requests().len() + second.requests().len(), 40);

    // Bound, so that nobody else gets the port, and not listening, so that connections are refused.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let closed = socket.local_addr().unwrap().as_socket().unwrap();
    let servers = format!("{{ servers: [\"http://{closed}\", \"http://{}\"] }}", first.address());
    let gateway = Gateway::builder().upstream_setting(&servers).start();
    for _ in 0..10 {
        admitted(&gateway, "the one that is there", &by_reporting().post("/x").body("a/b", "abc"));
    }
}

#[test]
fn an_upstream_takes_no_more_than_its_share_at_once() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = Backend::scripted(move |wire| {
        while wire.request().is_some() {
            let _ = wait.lock().unwrap().recv();
            wire.send(&response(200, &[], b"ok"));
        }
    });
    let setting = format!("{{ servers: [\"http://{}\"], max_in_flight: 2 }}", backend.address());
    let gateway = Gateway::builder().upstream_setting(&setting).start();
    let mut busy = [gateway.client(), gateway.client()];
    for client in &mut busy {
        client.send(by_reporting().get("/busy").bytes());
    }
    backend.wait("both are in flight", |records| {
        (records.iter().filter(|record| !record.bytes.is_empty()).count() == 2).then_some(())
    });
    let beyond = gateway.ask(&by_reporting().get("/beyond"));
    assert_eq!(beyond.status, 503);
    assert!(beyond.field("Retry-After").is_some());
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    for client in &mut busy {
        assert_eq!(client.response().status, 200);
    }
    drop(go_on);
    assert_eq!(gateway.ask(&by_reporting().get("/after")).status, 200);
}
