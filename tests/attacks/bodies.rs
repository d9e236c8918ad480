//! Bodies where none is expected, that take their time, or that change their kind on the way.

use std::thread::sleep;
use std::time::Duration;

use crate::support::{Backend, Consumer, Gateway, Place, RSA_2048, RSA_2048_OTHER, by_reporting, eventually, response};
use crate::{admitted, denied};

/// A backend that never reads the body of a GET and takes what follows the head for the next request.
fn ignores_bodies_of_gets() -> Backend {
    Backend::scripted(|wire| {
        while let Some(head) = wire.head() {
            let target = head.first_line.split(' ').nth(1).unwrap_or_default();
            if !wire.send(&response(200, &[], target.as_bytes())) {
                return;
            }
        }
    })
}

#[test]
fn e36_the_body_of_a_get_becomes_nobodys_request_and_its_answer_nobody_elses() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\nX-OAuth-Consumer: root\r\n\r\n";
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let backend = ignores_bodies_of_gets();
        let gateway = Gateway::builder().upstream(&backend).route("{ path: /open, access: open }").setting("threads: 1").start();
        for round in 0..5 {
            let head = format!("{method} /open HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", smuggled.len());
            let mut attacker = gateway.client();
            attacker.send(format!("{head}{smuggled}"));
            assert_eq!(attacker.response_to(method).status, 200);
            let own = format!("/own/{round}");
            assert_eq!(gateway.ask(&by_reporting().get(&own)).text(), own, "{method}: another's answer");
        }
    }
}

#[test]
fn a09_a_form_begun_before_the_consumer_was_removed_is_judged_by_the_list_in_force() {
    let backend = Backend::start();
    let other = Consumer::new("other", &RSA_2048_OTHER);
    let gateway =
        Gateway::builder().upstream(&backend).consumer(Consumer::new("reporting", &RSA_2048)).consumer(other.clone()).start();
    let request = by_reporting().post("/x").form("a=1").in_place(Place::Form).bytes();
    let (begun, rest) = request.split_at(request.len() - 10);
    let mut slow = gateway.client();
    slow.send(begun);
    gateway.write_consumers(&Consumer::file(&[other]));
    eventually("the removal is in force", || (gateway.ask(&by_reporting()).status == 401).then_some(()));
    let hits = backend.byte_count();
    slow.send(rest);
    assert_eq!(slow.response().problem().as_deref(), Some("consumer_key_unknown"));
    assert_eq!(backend.byte_count(), hits);
}

#[test]
fn f38_a_form_that_drips_in_is_over_after_twice_the_bodys_time() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { body: 1s }").start();
    let mut client = gateway.client();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n");
    for _ in 0..100 {
        client.send("a");
        sleep(Duration::from_millis(100));
        if client.waiting(Duration::from_millis(1)) > 0 {
            break;
        }
    }
    assert_eq!(client.response().status, 408);
    backend.assert_untouched();
}

#[test]
fn f40_one_client_cannot_take_the_room_for_all_forms() {
    let backend = Backend::start();
    let limits = "limits: { signed_body: 64KiB, held_bodies: 256KiB }";
    let gateway = Gateway::builder().upstream(&backend).setting(limits).start();
    let mut fillers: Vec<_> = (0..8).map(|_| gateway.client_from("127.0.9.9")).collect();
    for filler in &mut fillers {
        let head =
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60001\r\n\r\n";
        filler.send(head);
        filler.send(vec![b'a'; 60_000]);
    }
    let refused = eventually("the filler is told", || fillers.iter_mut().find_map(|filler| filler.try_response()));
    assert_eq!(refused.status, 503);
    admitted(&gateway, "another client's form", &by_reporting().post("/x").form("a=1"));
}

#[test]
fn i1_parameters_cannot_vanish_into_the_header() {
    let backend = Backend::start();
    let consumer = Consumer::new("reporting", &RSA_2048).with("two_legged: { execute_as: admin, impersonation: true }");
    let gateway = Gateway::builder().upstream(&backend).consumer(consumer).start();
    for name in ["dry_run", "xoauth_requestor_id", "user_id"] {
        let moved = by_reporting().get("/x").also_in(Place::Header, name, "jdoe");
        assert_eq!(denied(&gateway, &backend, name, &moved).problem().as_deref(), Some("parameter_rejected"), "{name}");
    }
    admitted(&gateway, "an extension's", &by_reporting().get("/x").also_in(Place::Header, "xoauth_signature_publickey", "x"));
}

#[test]
fn i1_another_content_type_does_not_talk_a_body_hash_away() {
    use base64::Engine;
    use sha1::Digest;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(b"{\"enabled\":true}"));
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("verify: { body_hash: required }").start();
    for form in ["&", "id=7"] {
        // The parameters of the form are signed, so that only the hash can tell.
        let request = by_reporting().method("PUT").target("/conf").form(form).set("oauth_body_hash", &hash);
        assert_eq!(denied(&gateway, &backend, form, &request).problem().as_deref(), Some("signature_invalid"), "{form}");
    }
}

#[test]
fn g44_a_slow_upload_is_not_the_backends_delay() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 1s }").start();
    let request = by_reporting().post("/x").body("text/plain", vec![b'a'; 30]).bytes();
    let (begun, rest) = request.split_at(request.len() - 20);
    let mut client = gateway.client();
    client.send(begun);
    for byte in rest {
        sleep(Duration::from_millis(100));
        client.send([*byte]);
    }
    assert_eq!(client.response().status, 200);
}

#[test]
fn e36_a_length_beside_chunks_does_not_cut_an_answer() {
    let backend = Backend::scripted(|wire| {
        while wire.request().is_some() {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n");
        }
    });
    let gateway = Gateway::in_front_of(&backend);
    let answer = gateway.ask(&by_reporting());
    assert!(answer.status == 502 || answer.text() == "0123456789", "{} {}", answer.status, answer.text());
}
