//! Bodies where none is expected, that take their time, or that change their kind on the way.

use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{
    Backend, Client, Consumer, Digest, Gateway, Place, RSA_2048, RSA_2048_OTHER, Response, Signing, by_reporting, eventually,
    response, signed,
};
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

/// A signed body whose last byte is still to come, from a client that sent the rest only when the gateway asked for it:
/// all that can be judged without the body has been found good.
struct HalfSent {
    client: Client,
    last: Vec<u8>,
}

impl HalfSent {
    fn of(gateway: &Gateway, request: &Signing) -> Self {
        let bytes = request.clone().line("Expect: 100-continue").bytes();
        let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let mut client = gateway.client();
        client.send(&bytes[..body]);
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(client.take(go_on.len()), go_on);
        client.send(&bytes[body..bytes.len() - 1]);
        Self { client, last: bytes[bytes.len() - 1..].to_vec() }
    }

    #[track_caller]
    fn finish(mut self) -> Response {
        self.client.send(self.last);
        self.client.response()
    }
}

fn hashed_json() -> Signing {
    let body = "{\"enabled\":true}";
    let hash = STANDARD.encode(Digest::Sha1.of(body.as_bytes()));
    by_reporting().method("PUT").target("/conf").body("application/json", body).set("oauth_body_hash", &hash)
}

/// Puts a list in force: it is when its last consumer, which is in no other, is known.
fn put_in_force(gateway: &Gateway, number: usize, consumers: &[Consumer]) {
    let witness = format!("witness-{number}");
    gateway.write_consumers(&Consumer::file(&[consumers, &[Consumer::new(&witness, &RSA_2048_OTHER)]].concat()));
    eventually("the list is in force", || {
        (gateway.ask(&signed(&witness, &RSA_2048_OTHER).get("/witness")).status == 200).then_some(())
    });
}

#[test]
fn a09_what_is_changed_of_a_consumer_while_its_body_is_read_refuses_nothing_that_it_may_still_do() {
    let backend = Backend::start();
    let reporting = || Consumer::new("reporting", &RSA_2048).with("two_legged: { execute_as: anna }");
    let gateway = Gateway::builder().upstream(&backend).consumer(reporting()).start();
    let request = HalfSent::of(&gateway, &hashed_json());
    put_in_force(&gateway, 1, &[reporting().with("description: nightly")]);
    let keys = [&RSA_2048_OTHER, &RSA_2048].map(|pair| serde_json::Value::from(pair.public_pem.as_str()).to_string());
    let two_keys = Consumer::without_key("reporting")
        .with(&format!("public_keys: [{}]", keys.join(", ")))
        .with("two_legged: { execute_as: bert }");
    put_in_force(&gateway, 2, &[two_keys]);
    assert_eq!(request.finish().status, 200);
    let got = backend.last_request();
    assert_eq!((got.text().as_str(), got.target.as_str()), ("{\"enabled\":true}", "/conf"));
    assert_eq!(got.field("X-Forwarded-User"), Some("bert"), "as the entry in force has it");
}

#[test]
fn a09_what_a_consumer_may_no_longer_do_when_its_body_is_there_is_refused() {
    let reporting = || Consumer::new("reporting", &RSA_2048);
    let changes: [(&str, Vec<Consumer>, (u16, &str)); 8] = [
        ("removed", vec![], (401, "consumer_key_unknown")),
        ("disabled", vec![reporting().with("enabled: false")], (401, "consumer_key_rejected")),
        ("expired", vec![reporting().with("expires: 2020-01-01")], (401, "consumer_key_rejected")),
        ("another key", vec![Consumer::new("reporting", &RSA_2048_OTHER)], (401, "signature_invalid")),
        ("another method", vec![reporting().with("signature_methods: [RSA-SHA256]")], (400, "signature_method_rejected")),
        ("narrower", vec![reporting().with("allow: [{ path: /rest/** }]")], (403, "permission_denied")),
        ("from elsewhere", vec![reporting().with("allow_from: [10.0.0.0/8]")], (403, "permission_denied")),
        ("with a token only", vec![reporting().with("two_legged: { allowed: false }")], (401, "permission_denied")),
    ];
    for (number, (what, list, (status, problem))) in changes.into_iter().enumerate() {
        let backend = Backend::start();
        let gateway = Gateway::builder().upstream(&backend).consumer(reporting()).start();
        let request = HalfSent::of(&gateway, &hashed_json());
        put_in_force(&gateway, number, &list);
        let hits = backend.byte_count();
        let refused = request.finish();
        assert_eq!((refused.status, refused.problem().as_deref()), (status, Some(problem)), "{what}: {}", refused.text());
        assert_eq!(backend.byte_count(), hits, "{what}");
    }
}

#[test]
fn a03_copies_of_one_request_use_up_no_rate_budget() {
    let backend = Backend::start();
    let limited = Consumer::new("reporting", &RSA_2048).with("rate_limit: { requests: 5, per: 3600s }");
    let gateway = Gateway::builder().upstream(&backend).consumer(limited).start();
    let request = hashed_json();
    let copies: Vec<HalfSent> = (0..20).map(|_| HalfSent::of(&gateway, &request)).collect();
    for (number, copy) in copies.into_iter().enumerate() {
        let answer = copy.finish();
        let problem = answer.problem();
        let expected = if number == 0 { (200, None) } else { (401, Some("nonce_used")) };
        assert_eq!((answer.status, problem.as_deref()), expected, "copy {number}: {}", answer.text());
    }
    for _ in 0..4 {
        admitted(&gateway, "within the budget", &hashed_json());
    }
    assert_eq!(denied(&gateway, &backend, "beyond it", &hashed_json()).status, 429);
    assert_eq!(backend.requests().len(), 5);
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
    // Those that found room are still waited for, and are told nothing.
    let refused = eventually("a filler is told", || {
        fillers.iter_mut().find_map(|filler| (filler.waiting(Duration::from_millis(1)) > 0).then(|| filler.response()))
    });
    assert_eq!(refused.status, 503);
    admitted(&gateway, "another client's form", &by_reporting().post("/x").form("a=1"));
}

#[test]
fn i1_parameters_cannot_vanish_into_the_header() {
    let backend = Backend::start();
    let consumer = Consumer::new("reporting", &RSA_2048).with("two_legged: { execute_as: admin, impersonation: true }");
    let gateway = Gateway::builder().upstream(&backend).consumer(consumer).start();
    for (name, problem) in
        [("dry_run", "parameter_rejected"), ("user_id", "parameter_rejected"), ("xoauth_requestor_id", "permission_denied")]
    {
        let moved = by_reporting().get("/x").also_in(Place::Header, name, "jdoe");
        assert_eq!(denied(&gateway, &backend, name, &moved).problem().as_deref(), Some(problem), "{name}");
    }
    admitted(&gateway, "an extension's", &by_reporting().get("/x").also_in(Place::Header, "xoauth_signature_publickey", "x"));
}

#[test]
fn i1_another_content_type_does_not_talk_a_body_hash_away() {
    let hash = STANDARD.encode(Digest::Sha1.of(b"{\"enabled\":true}"));
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
    let gateway = Gateway::builder().upstream(&backend).setting("timeouts: { response: 4s }").start();
    let request = by_reporting().post("/x").body("text/plain", vec![b'a'; 30]).bytes();
    let (begun, rest) = request.split_at(request.len() - 20);
    let mut client = gateway.client();
    client.send(begun);
    for byte in rest {
        sleep(Duration::from_millis(300));
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
