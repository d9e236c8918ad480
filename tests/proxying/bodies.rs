//! Bodies: streamed, framed as they came, or held and hashed.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Backend, Consumer, Digest, Gateway, Place, RSA_2048, by_reporting, response, signed};
use crate::{admitted, refused};

#[test]
fn a_request_body_is_streamed() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    // Larger than every buffer on the way; the first part is at the backend before the last is sent.
    const SIZE: usize = 32 * 1024 * 1024;
    let before = gateway.resident_kib();
    client.send(by_reporting().post("/up").line("Content-Type: a/b").line(&format!("Content-Length: {SIZE}")).bytes());
    client.send(vec![b'1'; SIZE / 2]);
    backend.wait("the first part arrives", |records| (records.first()?.bytes.len() > SIZE / 4).then_some(()));
    client.send(vec![b'2'; SIZE / 2]);
    assert_eq!(client.response().status, 200);
    let got = backend.only_request();
    assert_eq!((got.body.len(), got.field("Content-Length")), (SIZE, Some("33554432")));
    assert!(got.body[..SIZE / 2].iter().all(|b| *b == b'1') && got.body[SIZE / 2..].iter().all(|b| *b == b'2'));
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "memory grew by {grown} KiB");
}

#[test]
fn a_form_may_take_longer_than_half_the_time_that_it_may_stop_for() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { body: 8s }").start();
    let bytes = by_reporting().post("/form").form("a=1&b=2").bytes();
    let mut client = gateway.client();
    client.send(&bytes[..bytes.len() - 3]);
    std::thread::sleep(std::time::Duration::from_millis(4200));
    client.send(&bytes[bytes.len() - 3..]);
    assert_eq!(client.response().status, 200);
    assert_eq!(backend.only_request().text(), "a=1&b=2");
}

#[test]
fn a_response_body_is_streamed() {
    const SIZE: usize = 32 * 1024 * 1024;
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let backend = Backend::scripted(move |wire| {
        wire.request();
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes());
        wire.send(&vec![b'1'; SIZE / 2]);
        wait.lock().unwrap().recv().unwrap();
        wire.send(&vec![b'2'; SIZE / 2]);
        wire.until_closed();
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    client.send(by_reporting().get("/down").bytes());
    let first = client.take(SIZE / 2);
    assert!(first.starts_with(b"HTTP/1.1 200"));
    go_on.send(()).unwrap();
    // The head took some of the first half's places.
    let head = first.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(client.take(SIZE / 2 + head).ends_with(b"2222"));
}

#[test]
fn framing_stays_what_it_was() {
    let backend = Backend::answering(|request| match request.target.as_str() {
        "/chunked" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec(),
        "/length" => response(200, &[], b"abcde"),
        _ => response(200, &[], b""),
    });
    let gateway = Gateway::in_front_of(&backend);
    let chunked = admitted(&gateway, "chunked", &by_reporting().post("/chunked").body("a/b", "hello").chunked(2));
    assert_eq!((chunked.text().as_str(), chunked.field("Transfer-Encoding")), ("abcde", Some("chunked")));
    let got = backend.last_request();
    assert_eq!(
        (got.text().as_str(), got.field("Transfer-Encoding"), got.field("Content-Length")),
        ("hello", Some("chunked"), None)
    );
    let length = admitted(&gateway, "length", &by_reporting().post("/length").body("a/b", "hello"));
    assert_eq!((length.text().as_str(), length.field("Content-Length")), ("abcde", Some("5")));
    let got = backend.last_request();
    assert_eq!((got.text().as_str(), got.field("Transfer-Encoding"), got.field("Content-Length")), ("hello", None, Some("5")));
    admitted(&gateway, "no body", &by_reporting().get("/none"));
    let got = backend.last_request();
    assert_eq!((got.field("Transfer-Encoding"), got.field("Content-Length")), (None, None));
}

/// RFC 9110 §8.6: where a body is usual, or was spoken of, it is said that there is none.
#[test]
fn no_body_is_said_to_be_none_where_one_is_expected() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for (method, line, length) in [
        ("POST", "Content-Length: 0", Some("0")),
        ("POST", "X-No: length", Some("0")),
        ("PUT", "X-No: length", Some("0")),
        ("PATCH", "X-No: length", Some("0")),
        ("GET", "Content-Length: 0", Some("0")),
        ("GET", "X-No: length", None),
        ("DELETE", "X-No: length", None),
    ] {
        admitted(&gateway, line, &by_reporting().method(method).line(line));
        let got = backend.last_request();
        assert_eq!((got.field("Content-Length"), got.field("Transfer-Encoding")), (length, None), "{method}, {line}");
    }
}

#[test]
fn an_answer_until_the_end_of_its_connection_passes() {
    let backend = Backend::scripted(|wire| {
        wire.request();
        wire.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
    });
    let gateway = Gateway::in_front_of(&backend);
    assert_eq!(admitted(&gateway, "old style", &by_reporting()).text(), "until the end");
}

#[test]
fn an_early_answer_to_a_long_upload_reaches_the_client() {
    let backend = Backend::scripted(|wire| {
        wire.head();
        wire.send(&response(413, &[("Connection", "close")], b"too much"));
        wire.finish();
        wire.until_closed();
    });
    let gateway = Gateway::in_front_of(&backend);
    let mut client = gateway.client();
    client.send(by_reporting().post("/up").line("Content-Type: a/b").line("Content-Length: 100000000").bytes());
    client.send(vec![b'x'; 100_000]);
    let answer = client.response();
    assert_eq!((answer.status, answer.text().as_str()), (413, "too much"));
}

/// The backend keeps its connection, but half a request is on it: what came next there would be that request's body.
#[test]
fn after_an_early_answer_the_next_request_goes_over_another_connection() {
    let backend = Backend::scripted(|wire| {
        while let Some(head) = wire.head() {
            if head.first_line.starts_with("POST /up") {
                wire.send(&response(413, &[("Connection", "keep-alive")], b"too much"));
                return wire.until_closed();
            }
            let Some(request) = wire.request() else { return };
            wire.send(&response(200, &[], request.target.as_bytes()));
        }
    });
    // One thread has one pool: there is no other connection to choose.
    let gateway = Gateway::builder().upstream(&backend).setting("threads: 1").start();
    for (number, framing) in ["Content-Length: 100000000", "Transfer-Encoding: chunked"].into_iter().enumerate() {
        let part = if number == 0 { vec![b'x'; 100_000] } else { [b"186a0\r\n", &vec![b'x'; 100_000][..], b"\r\n"].concat() };
        let mut uploading = gateway.client();
        uploading.send(by_reporting().post("/up").line("Content-Type: a/b").line(framing).bytes());
        uploading.send(&part);
        assert_eq!(uploading.response().status, 413, "{framing}");
        for _ in 0..10 {
            // The upload may go on as far as it is let.
            uploading.send(&part[..1000]);
            let target = format!("/next/{number}");
            assert_eq!(gateway.ask(&by_reporting().get(&target)).text(), target, "{framing}");
        }
    }
    for record in backend.records() {
        let text = String::from_utf8_lossy(&record.bytes).into_owned();
        let behind = text.split_once("POST /up").map_or("", |(_, upload)| upload);
        assert!(!behind.contains("/next"), "a request inside another's body");
    }
}

#[test]
fn the_protocol_parameters_are_cut_out_of_query_and_form_and_nothing_else_is_touched() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let targets = ["/x", "/x?a=%7e+b", "/x?&&a=1&", "/x?b=2&a=1&b=%32", "/x?=&a", "/x?a=oauth_&xoauth_other=me"];
    for target in targets {
        admitted(&gateway, target, &by_reporting().get(target).in_place(Place::Query));
        // The signer puts its parameters behind what there is.
        assert_eq!(backend.last_request().target, target, "query");
    }
    for form in ["a=%7e+b", "&&a=1&", "b=2&a=1&b=%32", "a"] {
        admitted(&gateway, form, &by_reporting().post("/x").form(form).in_place(Place::Form));
        let got = backend.last_request();
        assert_eq!((got.text().as_str(), got.field("Content-Length")), (form, Some(&*form.len().to_string())));
        admitted(&gateway, form, &by_reporting().post("/x").form(form).in_place(Place::Form).chunked(7));
        assert_eq!(backend.last_request().text(), form);
    }
    admitted(&gateway, "nothing but credentials", &by_reporting().post("/x").form("").in_place(Place::Form));
    let got = backend.last_request();
    assert_eq!((got.text().as_str(), got.field("Content-Length")), ("", Some("0")));
    // In the middle, between others, and with a name in escapes.
    let middle = by_reporting().get("/x?a=1&oauth%5Fcallback=oob&b=2");
    admitted(&gateway, "in the middle", &middle);
    assert_eq!(backend.last_request().target, "/x?a=1&b=2");
}

#[test]
fn a_body_hash_is_checked_where_it_is_sent() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let hash = |body: &[u8]| STANDARD.encode(Digest::Sha1.of(body));
    let with = |body: &str, hash: &str| by_reporting().post("/x").body("application/json", body).set("oauth_body_hash", hash);
    admitted(&gateway, "right", &with("{}", &hash(b"{}")));
    assert_eq!(backend.last_request().text(), "{}");
    admitted(&gateway, "right, in chunks", &with("{\"a\": 1}", &hash(b"{\"a\": 1}")).chunked(3));
    admitted(&gateway, "of an empty body", &by_reporting().set("oauth_body_hash", &hash(b"")));
    admitted(&gateway, "absent", &by_reporting().post("/x").body("application/json", "{}"));
    let hits = backend.requests().len();
    for wrong in [hash(b"{ }"), hash(b""), "AAAA".into(), "!".into(), String::new()] {
        let request = with("{}", &wrong);
        let status = gateway.ask(&request).status;
        assert!(matches!(status, 400 | 401), "{wrong:?}: {status}");
    }
    refused(&gateway, (401, "signature_invalid"), "wrong", &with("{}", &hash(b"{ }")));
    let large = "x".repeat(1024 * 1024 + 1);
    assert_eq!(gateway.ask(&with(&large, &hash(large.as_bytes()))).status, 413, "a hashed body is held");
    assert_eq!(backend.requests().len(), hits);
}

#[test]
fn a_body_hash_is_of_the_signatures_digest() {
    let backend = Backend::start();
    let consumer = Consumer::new("modern", &RSA_2048).with("signature_methods: [RSA-SHA1, RSA-SHA256, RSA-SHA512]");
    let gateway = Gateway::builder().upstream(&backend).consumer(consumer).start();
    let digests = [Digest::Sha1, Digest::Sha256, Digest::Sha512];
    for signing in digests {
        for hashing in digests {
            let hash = STANDARD.encode(hashing.of(b"{}"));
            let json = signed("modern", &RSA_2048).digest(signing).post("/x").body("application/json", "{}");
            let request = json.set("oauth_body_hash", &hash);
            let what = format!("{signing:?}, {hashing:?}");
            if signing == hashing {
                admitted(&gateway, &what, &request);
                let other = request.nonce("other").set("oauth_body_hash", &STANDARD.encode(hashing.of(b"{ }")));
                refused(&gateway, (401, "signature_invalid"), &what, &other);
            } else {
                refused(&gateway, (401, "signature_invalid"), &what, &request);
            }
        }
    }
    assert_eq!(backend.requests().len(), digests.len());
}

#[test]
fn a_body_hash_can_be_required_or_ignored() {
    let backend = Backend::start();
    let required = Gateway::builder().upstream(&backend).setting("verify: { body_hash: required }").start();
    let hash = STANDARD.encode(Digest::Sha1.of(b"{}"));
    let json = || by_reporting().post("/x").body("application/json", "{}");
    admitted(&required, "sent", &json().set("oauth_body_hash", &hash));
    admitted(&required, "no body", &by_reporting());
    admitted(&required, "a form is signed itself", &by_reporting().post("/x").form("a=1"));
    let hits = backend.requests().len();
    let absent = required.ask(&json());
    assert_eq!((absent.status, absent.problem().as_deref()), (400, Some("parameter_absent")), "{}", absent.text());
    assert_eq!(backend.requests().len(), hits);

    let ignoring = Gateway::builder().upstream(&backend).setting("verify: { body_hash: ignore }").start();
    admitted(&ignoring, "wrong", &json().set("oauth_body_hash", &STANDARD.encode([0; 20])));
    refused(&ignoring, (401, "signature_invalid"), "unsigned", &json().set("oauth_body_hash", "x").signature("AAAA"));
}
