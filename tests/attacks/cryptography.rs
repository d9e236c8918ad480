//! Cryptography, over the wire; the published vectors are in tests/vectors.rs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::BigUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

use crate::support::{
    Backend, Consumer, Digest, Gateway, KeyPair, RSA_1024, RSA_2048, RSA_2048_E3, RSA_2048_OTHER, RSA_4096, Response, Signing,
    by_reporting, eventually, signed,
};
use crate::{admitted, denied, denied_as};

/// RFC 8017 §9.2 note 1: the DigestInfo of SHA-1 up to the digest.
const SHA1_INFO: [u8; 15] = [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

#[test]
fn c23_a_cube_root_is_no_signature() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).consumer(Consumer::new("cubic", &RSA_2048_E3)).start();
    let request = signed("cubic", &RSA_2048_E3);
    // Bleichenbacher, CRYPTO 2006 rump session: padding of eight bytes, the digest, and garbage that makes it a cube.
    let digest = Digest::Sha1.of(request.base_string().as_bytes());
    let prefix = [&[0, 1][..], &[0xff; 8], &[0], &SHA1_INFO, &digest].concat();
    let slack = 8 * (256 - prefix.len());
    let wanted = BigUint::from_bytes_be(&prefix) << slack;
    let root = cube_root_above(&wanted);
    let cube = &root * &root * &root;
    assert_eq!((&cube >> slack).to_bytes_be(), prefix[1..], "the forgery would convince a lax reader");
    denied_as(&gateway, &backend, (401, "signature_invalid"), "cube root", &request.clone().signature(&padded(&root)));
    admitted(&gateway, "the key itself is good", &request);
}

#[test]
fn c23_numbers_out_of_range_are_no_signatures() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let modulus = RSA_2048.public.n().clone();
    let one = BigUint::from(1_u8);
    let all_ones = (BigUint::from(1_u8) << 2048) - &one;
    for (what, number) in [
        ("0", BigUint::from(0_u8)),
        ("1", one.clone()),
        ("n - 1", &modulus - &one),
        ("n", modulus.clone()),
        ("n + 1", &modulus + &one),
        ("all bits", all_ones.clone()),
    ] {
        denied_as(&gateway, &backend, (401, "signature_invalid"), what, &by_reporting().signature(&padded(&number)));
    }
    // s + n is congruent to s: a reader that reduces first has a second spelling of each signature.
    let (request, number) = std::iter::repeat_with(by_reporting)
        .map(|request| (request.clone(), BigUint::from_bytes_be(&request.signature_bytes()) + &modulus))
        .find(|(_, number)| *number <= all_ones)
        .unwrap();
    denied_as(&gateway, &backend, (401, "signature_invalid"), "s + n", &request.signature(&padded(&number)));
}

#[test]
fn c23_the_padding_has_one_form() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    type Shape = fn(usize) -> Vec<u8>;
    let block = |request: &Signing, info: &[u8], shape: Shape| {
        let tail = [info, &Digest::Sha1.of(request.base_string().as_bytes())].concat();
        [&shape(256 - tail.len())[..], &tail].concat()
    };
    let proper = |length: usize| [&[0, 1][..], &vec![0xff; length - 3], &[0]].concat();
    let without_null = [0x30, 0x1f, 0x30, 0x07, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x04, 0x14];
    let long_form = [0x30, 0x81, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
    let sha1_with_rsa =
        [0x30, 0x25, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00, 0x04, 0x14];
    let shapes: [(&str, &[u8], Shape); 8] = [
        ("no NULL", &without_null, proper),
        ("BER lengths", &long_form, proper),
        ("another algorithm", &sha1_with_rsa, proper),
        ("no DigestInfo", &[], proper),
        ("block type 2", &SHA1_INFO, |length| [&[0, 2][..], &vec![0xff; length - 3], &[0]].concat()),
        ("block type 0", &SHA1_INFO, |length| vec![0; length]),
        ("padding not all ones", &SHA1_INFO, |length| [&[0, 1][..], &vec![0xfe; length - 3], &[0]].concat()),
        ("no end of the padding", &SHA1_INFO, |length| [&[0, 1][..], &vec![0xff; length - 2]].concat()),
    ];
    for (what, info, shape) in shapes {
        let request = by_reporting();
        let text = sign_block(&RSA_2048, &block(&request, info, shape));
        denied_as(&gateway, &backend, (401, "signature_invalid"), what, &request.signature(&text));
    }
    let request = by_reporting();
    let text = sign_block(&RSA_2048, &block(&request, &SHA1_INFO, proper));
    admitted(&gateway, "the proper block, made the same way", &request.signature(&text));
}

#[test]
fn c23_another_key_or_another_text_is_no_signature() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let problem = (401, "signature_invalid");
    denied_as(&gateway, &backend, problem, "another key", &signed("reporting", &RSA_2048_OTHER));
    denied_as(&gateway, &backend, problem, "another size", &signed("reporting", &RSA_4096));
    let borrowed = STANDARD.encode(by_reporting().signature_bytes());
    denied_as(&gateway, &backend, problem, "of another request", &by_reporting().signature(&borrowed));
}

#[test]
fn c25_an_unknown_consumer_is_told_the_same_as_a_wrong_signature_where_configured() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("refusals: { reveal_unknown_consumer: false }").start();
    let told = |request: &Signing| shown(&denied(&gateway, &backend, "either", request));
    let wrong = told(&by_reporting().signature(&STANDARD.encode([1; 256])));
    assert_eq!(wrong.0, 401);
    assert!(wrong.2.contains("signature_invalid"), "{}", wrong.2);
    assert_eq!(told(&signed("nobody", &RSA_2048)), wrong);
    assert_eq!(told(&signed("nobody", &RSA_2048).signature("AAAA")), wrong);
    assert_eq!(told(&signed("nobody", &RSA_2048).digest(Digest::Sha256)).0, told(&by_reporting().digest(Digest::Sha256)).0);
    assert_eq!(told(&signed("nobody", &RSA_2048).set("oauth_token", "x")).0, 401);
}

#[test]
fn c25_neither_the_method_nor_the_cap_of_failures_tells_consumers_apart_where_configured() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("plain", &RSA_1024))
        .consumer(Consumer::new("modern", &RSA_1024).with("signature_methods: [RSA-SHA256]"))
        .setting("refusals: { reveal_unknown_consumer: false }")
        .start();
    let mut client = gateway.client();
    let mut told = |request: &Signing| shown(&client.ask(request.bytes()));
    let forged = signed("plain", &RSA_1024).signature(&STANDARD.encode([1; 128]));
    let wrong = told(&forged);
    assert_eq!((wrong.0, wrong.2.as_str()), (401, "oauth_problem=signature_invalid"));
    for key in ["plain", "modern", "nobody"] {
        for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha512] {
            let request = signed(key, &RSA_1024).digest(digest).signature(&STANDARD.encode([1; 128]));
            assert_eq!(told(&request), wrong, "{key}, {digest:?}");
        }
        let unknown = told(&signed(key, &RSA_1024).set("oauth_signature_method", "HMAC-SHA1"));
        assert_eq!((unknown.0, unknown), (400, told(&signed("nobody", &RSA_1024).set("oauth_signature_method", "HMAC-SHA1"))));
    }
    // Beyond the cap the access log alone says so: nobody's failures are capped, so an answer of its own would tell.
    let is_capped = || gateway.access_log().iter().any(|line| line["verdict"] == "too_many_failures");
    let mut rounds = 0;
    while !is_capped() {
        rounds += 1;
        assert!(rounds < 100, "failures of one address against one consumer are capped");
        for _ in 0..200 {
            assert_eq!(told(&forged), wrong);
        }
    }
    backend.assert_untouched();
}

/// What is in a form decides on the signature, so it is asked for; who asks for none betrays that there is no such consumer.
#[test]
fn c25_a_form_of_an_unknown_consumer_is_asked_for_like_any_others_where_configured() {
    let backend = Backend::start();
    for (reveal, nobodys) in [(true, "HTTP/1.1 401"), (false, "HTTP/1.1 100")] {
        let setting = format!("refusals: {{ reveal_unknown_consumer: {reveal} }}");
        let gateway = Gateway::builder().upstream(&backend).setting(&setting).start();
        let first_line = |request: Signing| {
            let bytes = request.post("/x").form("a=1").line("Expect: 100-continue").bytes();
            let mut client = gateway.client();
            client.send(&bytes[..bytes.len() - 3]);
            String::from_utf8(client.take(12)).unwrap()
        };
        let wrong = STANDARD.encode([1; 256]);
        assert_eq!(first_line(by_reporting().signature(&wrong)), "HTTP/1.1 100", "reveal: {reveal}");
        assert_eq!(first_line(signed("nobody", &RSA_2048)), nobodys, "reveal: {reveal}");
        // What can be judged of anybody is judged at once, of anybody.
        for consumer in ["reporting", "nobody"] {
            let first = first_line(signed(consumer, &RSA_2048).timestamp(1));
            assert_eq!(first, "HTTP/1.1 401", "{consumer}, reveal: {reveal}");
        }
    }
    backend.assert_untouched();
}

#[test]
fn c26_a_flood_of_bad_signatures_locks_nobody_else_out() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("large", &RSA_4096))
        .consumer(Consumer::new("other", &RSA_2048))
        .start();
    let wrong = STANDARD.encode([1; 512]);
    let forged = signed("large", &RSA_4096).signature(&wrong).bytes();
    let (over, flooded) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let guard = SetOnDrop(&over);
        let flood = |stranger: String| {
            let mut stranger = gateway.client_from(&stranger);
            let mut capped = None;
            // Until the others are served, and at most ten times the cap, so that the loop ends where there is none.
            for number in 0.. {
                if number >= 20_000 && capped.is_none() || capped.is_some() && over.load(Ordering::SeqCst) {
                    break;
                }
                let response = stranger.ask(&forged);
                flooded.fetch_add(1, Ordering::SeqCst);
                assert!(matches!(response.status, 401 | 429 | 503), "{}", response.status);
                if response.status != 401 {
                    capped = Some(response);
                }
            }
            let capped = capped.expect("failures of one address against one consumer are capped");
            assert!(capped.field("Retry-After").is_some(), "{:?}", capped.fields);
        };
        for number in 1..=4 {
            scope.spawn(move || flood(format!("127.0.2.{number}")));
        }
        // The consumer itself, from where it is, and another consumer: each of their requests is served while it lasts.
        let (mut large, mut other) = (gateway.client_from("127.0.2.11"), gateway.client_from("127.0.2.12"));
        for number in 0..100 {
            let before = flooded.load(Ordering::SeqCst);
            assert_eq!(other.ask(signed("other", &RSA_2048).bytes()).status, 200, "{number}");
            if number % 5 == 0 {
                assert_eq!(large.ask(signed("large", &RSA_4096).bytes()).status, 200, "{number}");
            }
            // The flood goes on between two of them: nothing here is asked in a lull.
            eventually("the flood goes on", || (flooded.load(Ordering::SeqCst) > before).then_some(()));
        }
        drop(guard);
    });
    assert_eq!(backend.requests().len(), 120, "nothing of the flood came through");
}

/// Ends the flood when the test ends, however it does.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a caller can tell answers apart by.
fn shown(response: &Response) -> (u16, Vec<(String, String)>, String) {
    let own = |name: &str| ["date", "x-request-id"].contains(&&*name.to_ascii_lowercase());
    let fields = response.fields.iter().filter(|(name, _)| !own(name)).cloned().collect();
    (response.status, fields, response.text())
}

fn padded(number: &BigUint) -> String {
    let bytes = number.to_bytes_be();
    STANDARD.encode([&vec![0; 256 - bytes.len()][..], &bytes].concat())
}

/// The raw RSA operation on a block of one's own.
fn sign_block(key: &KeyPair, block: &[u8]) -> String {
    padded(&BigUint::from_bytes_be(block).modpow(key.private.d(), key.public.n()))
}

/// The least number whose cube is not below `target`.
fn cube_root_above(target: &BigUint) -> BigUint {
    let (mut low, mut high) = (BigUint::from(0_u8), BigUint::from(1_u8) << (target.bits() / 3 + 1));
    while low < high {
        let middle: BigUint = (&low + &high) >> 1;
        if &middle * &middle * &middle < *target {
            low = middle + BigUint::from(1_u8);
        } else {
            high = middle;
        }
    }
    low
}
