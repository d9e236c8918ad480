//! Bodies that do not end as they began.

use crate::denied;
use crate::support::{Backend, Client, Gateway, Signing, by_reporting, message};

/// Asserts that the one message the backend saw was never complete, and that its connection was not kept.
fn assert_cut(backend: &Backend, what: &str) {
    let record = backend.wait(&format!("{what}: the backend's connection ends"), |records| {
        records.first().filter(|record| record.end.is_some()).cloned()
    });
    match message::requests(&record.bytes) {
        Ok((requests, _)) => assert!(requests.is_empty(), "{what}: the backend took it for complete: {requests:?}"),
        Err(why) => panic!("{what}: {why}: {}", record.bytes.escape_ascii()),
    }
}

#[test]
fn e34_broken_chunks_never_become_a_complete_message() {
    let broken: [(&str, &[u8]); 9] = [
        ("no size", b"\r\nabc\r\n0\r\n\r\n"),
        ("not hexadecimal", b"xyz\r\nabc\r\n0\r\n\r\n"),
        ("0x before the size", b"0x3\r\nabc\r\n0\r\n\r\n"),
        ("a negative size", b"-3\r\nabc\r\n0\r\n\r\n"),
        ("a size beyond 64 bits", b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("a size of 2^64 + 3", b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("longer than its size", b"3\r\nabcdef\r\n0\r\n\r\n"),
        ("shorter than its size", b"5\r\nabc\r\n0\r\n\r\n"),
        ("a bare line feed after the size", b"3\n\nabc\r\n0\r\n\r\n"),
    ];
    for (what, body) in broken {
        // After the first good chunk the head is with the backend already.
        let backend = Backend::scripted(|wire| {
            wire.request();
            wire.until_closed();
        });
        let gateway = Gateway::in_front_of(&backend);
        let mut client = gateway.client();
        client.send(head(by_reporting(), "Transfer-Encoding: chunked"));
        client.send(b"5\r\nfirst\r\n");
        backend.wait("the first chunk arrives", |records| contains(&records.first()?.bytes, b"first").then_some(()));
        client.send(body);
        client.finish();
        assert_cut(&backend, what);
        assert_eq!(client.response_to("POST").status, 400, "{what}: it is not the backend's fault");
    }
}

#[test]
fn e35_a_client_that_dies_half_way_leaves_no_complete_message() {
    let deaths: [(&str, &str, &[u8]); 4] = [
        ("half of Content-Length", "Content-Length: 100", b"first, and no more"),
        ("in the middle of a chunk", "Transfer-Encoding: chunked", b"20\r\nfirst, and no more"),
        ("between two chunks", "Transfer-Encoding: chunked", b"5\r\nfirst\r\n"),
        ("before the last line", "Transfer-Encoding: chunked", b"5\r\nfirst\r\n0\r\n"),
    ];
    for (what, framing, body) in deaths {
        for end in [Client::reset as fn(Client), |mut client| client.finish(), drop] {
            let backend = Backend::scripted(|wire| {
                wire.request();
                wire.until_closed();
            });
            let gateway = Gateway::in_front_of(&backend);
            let mut client = gateway.client();
            client.send(head(by_reporting(), framing));
            client.send(body);
            backend.wait("the first part arrives", |records| contains(&records.first()?.bytes, b"first").then_some(()));
            end(client);
            assert_cut(&backend, what);
        }
    }
}

/// A form on an observed route is held for the trial; what was read must not be lost from what passes on.
#[test]
fn e35_a_form_that_stalls_on_an_observed_route_is_not_passed_on_in_part() {
    let backend = Backend::start();
    let gateway =
        Gateway::builder().upstream(&backend).route("{ path: /**, access: observe }").setting("timeouts: { body: 1s }").start();
    let mut client = gateway.client();
    client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 900\r\n\r\n");
    client.send(vec![b'a'; 500]);
    assert_eq!(client.response().status, 408);
    client.send(vec![b'b'; 400]);
    assert!(client.until_closed().is_empty());
    assert_eq!(backend.connections(), 0, "half a form reached the backend");
}

#[test]
fn e35_what_follows_a_refused_body_is_never_a_request() {
    const LENGTH: usize = 10 * 1024 * 1024;
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /open, access: open }").start();
    for framing in ["Content-Length: 10485760", "Transfer-Encoding: chunked"] {
        let mut client = gateway.client();
        client.send(head(by_reporting().signature("AAAA"), framing));
        client.send([b'x'; 1000]);
        let mut sender = std::iter::repeat_n([b'x'; 16 * 1024], LENGTH / (16 * 1024));
        let refused = sender.try_for_each(|part| client.send(part).then_some(()));
        client.send("GET /open HTTP/1.1\r\nHost: app.example.com\r\n\r\n");
        if refused.is_some() || framing.starts_with("Content") {
            // The refusal may have been lost to a reset by now; a second answer never comes.
            let answer = client.try_response();
            assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 401)));
        }
        client.until_closed();
        backend.assert_untouched();
    }
    assert_eq!(
        denied(&gateway, &backend, "the refusal itself", &by_reporting().signature("AAAA").post("/x").body("a/b", "abc")).status,
        401
    );
}

fn head(signing: Signing, framing: &str) -> Vec<u8> {
    signing.post("/upload").line("Content-Type: text/plain").line(framing).bytes()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
