//! Bypass and replay.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{
    Backend, Consumer, Digest, Gateway, Place, RSA_1024, RSA_1024_OTHER, RSA_2048, RSA_2048_OTHER, Signing, by_reporting,
    eventually, now, request, signed,
};
use crate::{admitted, denied, denied_as};

#[test]
fn a01_no_empty_garbage_and_foreign_credentials_are_denied() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).route("{ path: /health, methods: [GET], access: open }").start();
    let credentials = [
        "",
        "Authorization: ",
        "Authorization: OAuth",
        "Authorization: OAuth ",
        "Authorization: OAuth realm=\"x\"",
        "Authorization: OAuth ,,,,",
        "Authorization: OAuth \u{1}\u{2}",
        "Authorization: oauth ====",
        "Authorization: OAuth oauth_consumer_key=reporting",
        "Authorization: OAuthX oauth_consumer_key=\"reporting\"",
        "Authorization: Bearer abc",
        "Authorization: Basic YWRtaW46YWRtaW4=",
        "Authorization: %4fAuth x",
        "Authorization: garbage",
        "Proxy-Authorization: OAuth oauth_consumer_key=\"reporting\"",
    ];
    for (method, target) in
        [("GET", "/"), ("POST", "/rest/api"), ("PUT", "/x?y=z"), ("DELETE", "/x"), ("HEAD", "/x"), ("POST", "/health")]
    {
        for line in credentials {
            let plain = request().method(method).target(target);
            let what = format!("{method} {target} {line:?}");
            let response = denied(&gateway, &backend, &what, &if line.is_empty() { plain } else { plain.line(line) });
            // Control characters in a header are refused by the HTTP parser, before there is a request.
            if !line.contains('\u{1}') {
                let challenge = response.field("WWW-Authenticate").unwrap_or_default();
                assert!(challenge.starts_with("OAuth "), "{what}: {challenge:?}");
            }
        }
        let long = request().method(method).target(target).line(&format!("Authorization: OAuth {}", "x".repeat(64 * 1024)));
        denied(&gateway, &backend, "64 KiB of Authorization", &long);
    }
    backend.assert_untouched();
}

#[test]
fn a03_the_same_bytes_twice_pass_once() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let request = by_reporting().get("/rest/api?x=1");
    admitted(&gateway, "first", &request);
    denied_as(&gateway, &backend, (401, "nonce_used"), "second", &request);
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a03_of_sixty_four_at_once_exactly_one_passes() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    const AT_ONCE: usize = 64;
    const ROUNDS: usize = 20;
    let hash = STANDARD.encode(Digest::Sha1.of(b"{}"));
    for round in 0..ROUNDS {
        let request = match round % 3 {
            0 => by_reporting().get("/race"),
            // Bodies that are held and judged when they are there.
            1 => by_reporting().post("/race").form("a=1"),
            _ => by_reporting().post("/race").body("application/json", "{}").set("oauth_body_hash", &hash),
        };
        let (bytes, barrier) = (request.bytes(), std::sync::Barrier::new(AT_ONCE));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let race = || {
                let mut client = gateway.client();
                barrier.wait();
                client.ask(&bytes).status
            };
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "round {round}: {statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), AT_ONCE - 1, "round {round}: {statuses:?}");
    }
    assert_eq!(backend.requests().len(), ROUNDS);
}

#[test]
fn a04_a_replay_in_another_spelling_is_a_replay() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let original = by_reporting().post("/rest?a=%2f").form("b=1").nonce("abc/def");
    admitted(&gateway, "original", &original);
    type Change = fn(String) -> String;
    let respelled: [(&str, Change); 7] = [
        ("nonce with an escape too many", |value| value.replace("\"abc%2Fdef\"", "\"%61bc%2Fdef\"")),
        ("other hex case", |value| value.replace("%2F", "%2f")),
        ("scheme in another case", |value| value.replacen("OAuth", "oAUTH", 1)),
        ("reordered", |value| {
            let mut parameters: Vec<&str> = value["OAuth ".len()..].split(", ").collect();
            parameters.reverse();
            format!("OAuth {}", parameters.join(", "))
        }),
        ("without blanks", |value| value.replace(", ", ",")),
        ("with a realm", |value| value.replacen("OAuth ", "OAuth realm=\"other\", ", 1)),
        ("escaped name", |value| value.replace("oauth_nonce", "oauth%5Fnonce")),
    ];
    for (what, change) in respelled {
        denied_as(&gateway, &backend, (401, "nonce_used"), what, &original.clone().authorization(change));
    }
    denied_as(&gateway, &backend, (401, "nonce_used"), "in the query", &original.clone().in_place(Place::Query));
    denied_as(&gateway, &backend, (401, "nonce_used"), "in the form", &original.clone().in_place(Place::Form));
    denied_as(&gateway, &backend, (401, "nonce_used"), "chunked", &original.clone().chunked(1));
    denied_as(&gateway, &backend, (401, "nonce_used"), "other Host case", &original.clone().host("APP.example.com:80"));
    let text = String::from_utf8(original.bytes()).unwrap();
    let shouted = text.replace("Authorization:", "AUTHORIZATION:").replace("Content-Type", "content-type");
    assert_eq!(crate::denied_bytes(&gateway, &backend, "header case", shouted.as_bytes()).status, 401);
    assert_eq!(backend.requests().len(), 1);
}

#[test]
fn a05_a_bad_signature_does_not_use_up_the_nonce() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let good = by_reporting().get("/x").nonce("contested");
    denied_as(&gateway, &backend, (401, "signature_invalid"), "forged", &good.clone().signed_target("/y"));
    admitted(&gateway, "genuine", &good);
}

#[test]
fn a05_unproved_nonces_fill_nothing() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { nonces: 1000 }").start();
    let mut client = gateway.client();
    let before = gateway.resident_kib();
    for round in 0..1500 {
        let forged = by_reporting().nonce(&format!("{round}{}", "x".repeat(200))).signature("AAAA");
        let response = client.ask(forged.bytes());
        assert_eq!((response.status, response.problem().as_deref()), (401, Some("signature_invalid")));
    }
    backend.assert_untouched();
    // More than the table has places for: had they taken one each, this would get 503.
    admitted(&gateway, "a proved one", &by_reporting());
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 20 * 1024, "memory grew by {grown} KiB");
}

#[test]
fn a06_a_consumer_beyond_its_share_is_refused_alone_and_no_live_nonce_goes() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("greedy", &RSA_1024))
        .consumer(Consumer::new("modest", &RSA_1024_OTHER))
        .setting("limits: { nonces: 1000, nonces_per_consumer: 50% }")
        .start();
    let mut client = gateway.client();
    let sent: Vec<Signing> = (0..530).map(|_| signed("greedy", &RSA_1024)).collect();
    let statuses: Vec<u16> = sent
        .iter()
        .map(|request| {
            let response = client.ask(request.bytes());
            if response.status == 503 {
                assert!(response.field("Retry-After").is_some());
            }
            response.status
        })
        .collect();
    assert_eq!(statuses[..500], [200; 500], "its share");
    assert_eq!(statuses[500..], [503; 30], "beyond its share");
    assert_eq!(backend.requests().len(), 500);
    for _ in 0..400 {
        assert_eq!(client.ask(signed("modest", &RSA_1024_OTHER).bytes()).status, 200);
    }
    for replay in &sent[..500] {
        let response = client.ask(replay.bytes());
        assert_eq!((response.status, response.problem().as_deref()), (401, Some("nonce_used")));
    }
    assert_eq!(backend.requests().len(), 900);
}

#[test]
fn a08_the_windows_edges_pass_and_a_second_more_does_not() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("verify: { max_age: 300s, max_ahead: 60s }").start();
    for (offset, expected) in [(-300_i64, 200), (-301, 401), (60, 200), (61, 401)] {
        // Counts only if the clock showed the same second before and after.
        let response = eventually("a request within one second", || {
            let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            if start.subsec_millis() > 500 {
                return None;
            }
            let response = gateway.ask(&by_reporting().timestamp(start.as_secs().saturating_add_signed(offset)));
            (now() == start.as_secs()).then_some(response)
        });
        assert_eq!(response.status, expected, "{offset}: {}", response.text());
        if expected == 401 {
            assert_eq!(response.problem().as_deref(), Some("timestamp_refused"));
            let acceptable = response.pair("oauth_acceptable_timestamps").unwrap();
            let (from, to) = acceptable.split_once('-').unwrap();
            assert_eq!(to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap(), 360);
        }
    }
}

#[test]
fn a08_a_nonce_is_kept_until_its_stamp_is_out_of_the_window_for_good() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("verify: { max_age: 2s, max_ahead: 2s }").start();
    // Some tries: a stamp that is exactly at the far edge.
    let (request, stamp) = eventually("a stamp at the far edge passes", || {
        let stamp = now() + 2;
        let request = by_reporting().timestamp(stamp);
        (gateway.ask(&request).status == 200).then_some((request, stamp))
    });
    let hits = backend.requests().len();
    // Until four seconds after it came the stamp is still in the window; two seconds more show what comes after.
    while now() <= stamp + 4 {
        let response = gateway.ask(&request);
        assert_eq!(response.status, 401, "{} seconds after the stamp", now() as i64 - stamp as i64);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(backend.requests().len(), hits);
}

#[test]
fn a08_a_request_whose_body_comes_after_the_window_is_judged_again() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("verify: { max_age: 2s, max_ahead: 2s }").start();
    let bytes = by_reporting().post("/x").form("a=1").bytes();
    let stamp = now();
    let mut client = gateway.client();
    client.send(&bytes[..bytes.len() - 1]);
    eventually("the stamp is too old", || (now() > stamp + 3).then_some(()));
    client.send(&bytes[bytes.len() - 1..]);
    let response = client.response();
    assert_eq!((response.status, response.problem().as_deref()), (401, Some("timestamp_refused")));
    backend.assert_untouched();
}

#[test]
fn a09_a_consumer_removed_or_disabled_is_refused_on_its_open_connection() {
    let other = Consumer::new("other", &RSA_2048_OTHER);
    let reporting = Consumer::new("reporting", &RSA_2048);
    let changes = [
        ("removed", Consumer::file(std::slice::from_ref(&other)), "consumer_key_unknown"),
        ("disabled", Consumer::file(&[other.clone(), reporting.clone().with("enabled: false")]), "consumer_key_rejected"),
        ("expired", Consumer::file(&[other.clone(), reporting.clone().with("expires: 2020-01-01")]), "consumer_key_rejected"),
        ("another key", Consumer::file(&[other.clone(), Consumer::new("reporting", &RSA_2048_OTHER)]), "signature_invalid"),
    ];
    for (what, file, problem) in changes {
        let backend = Backend::start();
        let gateway = Gateway::builder().upstream(&backend).consumer(reporting.clone()).consumer(other.clone()).start();
        let mut client = gateway.client();
        assert_eq!(client.ask(by_reporting().bytes()).status, 200);
        gateway.write_consumers(&file);
        let refused = eventually(what, || {
            let response = client.ask(by_reporting().bytes());
            (response.status != 200).then_some(response)
        });
        assert_eq!((refused.status, refused.problem().as_deref()), (401, Some(problem)), "{what}");
        let hits = backend.requests().len();
        for _ in 0..5 {
            assert_eq!(client.ask(by_reporting().bytes()).status, 401, "{what}");
        }
        assert_eq!(backend.requests().len(), hits);
        assert_eq!(client.ask(signed("other", &RSA_2048_OTHER).bytes()).status, 200, "{what}: the others stay");
    }
}
