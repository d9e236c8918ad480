//! OAuth parameters.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use sha1::Digest as _;

use crate::support::{
    Backend, Consumer, Digest, Gateway, Place, RSA_2048, RSA_2048_OTHER, Signing, by_reporting, now, request, signed,
};
use crate::{admitted, denied, denied_as, denied_bytes};

const NAMES: [&str; 6] =
    ["oauth_consumer_key", "oauth_nonce", "oauth_signature_method", "oauth_timestamp", "oauth_version", "oauth_signature"];

#[test]
fn b11_a_repeated_protocol_parameter_is_refused_wherever_it_stands() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let places = [Place::Header, Place::Query, Place::Form];
    for name in NAMES {
        for first in places {
            for second in places {
                let request = by_reporting().post("/x").form("").in_place(first);
                let value = if name == "oauth_signature" { "AAAA".to_owned() } else { value_of(&request, name) };
                // The signature covers both, so it is not what the request fails by.
                let request = request.also_in(second, name, &value);
                let request = if name == "oauth_signature" { request.also_in(first, name, "BBBB") } else { request };
                let what = format!("{name} in {first:?} and {second:?}");
                let response = denied_as(&gateway, &backend, (400, "parameter_rejected"), &what, &request);
                let shown = if name == "oauth_signature" { "" } else { &value };
                let pair = format!("{name}={shown}");
                assert_eq!(response.pair("oauth_parameters_rejected"), Some(format!("{pair}&{pair}")), "{what}");
            }
        }
    }
    for name in ["oauth_token", "oauth_body_hash", "oauth_callback", "oauth_unknown"] {
        let request = by_reporting().also(name, "").also(name, "");
        denied_as(&gateway, &backend, (400, "parameter_rejected"), name, &request);
    }
}

#[test]
fn b11_different_parameters_in_different_places_pass() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    admitted(&gateway, "token in the query", &by_reporting().get("/x?a=1").also_in(Place::Query, "oauth_token", ""));
    assert_eq!(backend.last_request().target, "/x?a=1");
    let spread = by_reporting().post("/x?a=1").form("b=2").moved("oauth_nonce", Place::Query).moved("oauth_version", Place::Form);
    admitted(&gateway, "spread", &spread);
    assert_eq!((backend.last_request().target.as_str(), backend.last_request().text().as_str()), ("/x?a=1", "b=2"));
}

#[test]
fn b11_two_authorization_headers_are_refused() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .route("{ path: /open, access: open }")
        .route("{ path: /optional, access: optional }")
        .start();
    for second in
        ["Authorization: Bearer abc", "authorization: Basic YTpi", "AUTHORIZATION: OAuth oauth_token=\"x\"", "Authorization: "]
    {
        for path in ["/signed", "/optional"] {
            let response = denied(&gateway, &backend, second, &by_reporting().get(path).line(second));
            assert_eq!(response.status, 400, "{second} on {path}");
        }
        // Where nothing is verified nothing is decided by them; an OAuth one stays here all the same.
        if gateway.ask(&by_reporting().get("/open").line(second)).status == 200 {
            let got = backend.last_request();
            assert!(!got.values("Authorization").iter().any(|value| value.starts_with("OAuth")), "{second}: {got:?}");
        }
    }
    let twice = by_reporting();
    let same = format!("Authorization: {}", twice.authorization_value());
    assert_eq!(denied(&gateway, &backend, "the same twice", &twice.line(&same)).status, 400);
}

#[test]
fn b12_a_public_key_is_no_shared_secret() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let pem = &RSA_2048.public_pem;
    let der = RSA_2048.public_der();
    let bodies: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let secrets =
        [pem.clone().into_bytes(), pem.trim_end().into(), der.clone(), bodies.into(), STANDARD.encode(&der).into(), Vec::new()];
    for secret in secrets {
        for keyed in [secret.clone(), [crate::support::percent::encode(&secret).as_bytes(), b"&"].concat()] {
            let request = by_reporting().set("oauth_signature_method", "HMAC-SHA1");
            let mac = STANDARD.encode(hmac_sha1(&keyed, request.base_string().as_bytes()));
            let problem = (400, "signature_method_rejected");
            let response = denied_as(&gateway, &backend, problem, "HMAC-SHA1", &request.signature(&mac));
            assert!(response.pair("oauth_acceptable_signature_methods").is_some_and(|methods| methods.contains("RSA-SHA1")));
        }
        let plain = by_reporting().set("oauth_signature_method", "PLAINTEXT").signature(&String::from_utf8_lossy(&secret));
        assert_eq!(denied(&gateway, &backend, "PLAINTEXT", &plain).status, 400);
    }
}

#[test]
fn b12_the_method_is_the_consumers_property() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("old", &RSA_2048))
        .consumer(Consumer::new("new", &RSA_2048).with("signature_methods: [RSA-SHA256, RSA-SHA512]"))
        .start();
    for name in
        ["rsa-sha1", "RSA-SHA1 ", " RSA-SHA1", "RSA-SHA1\0", "RSA-SHA384", "none", "NONE", "HMAC-SHA256", "RSA-SHA1,RSA-SHA256"]
    {
        let request = signed("old", &RSA_2048).set("oauth_signature_method", name);
        denied_as(&gateway, &backend, (400, "signature_method_rejected"), name, &request);
    }
    let empty = signed("old", &RSA_2048).set("oauth_signature_method", "");
    assert_eq!(denied(&gateway, &backend, "empty", &empty).status, 400);
    for digest in [Digest::Sha256, Digest::Sha512] {
        let request = signed("old", &RSA_2048).digest(digest);
        denied_as(&gateway, &backend, (400, "signature_method_rejected"), digest.method(), &request);
        // The right label over another digest.
        let relabelled = request.set("oauth_signature_method", "RSA-SHA1");
        denied_as(&gateway, &backend, (401, "signature_invalid"), "relabelled", &relabelled);
        admitted(&gateway, digest.method(), &signed("new", &RSA_2048).digest(digest));
    }
    denied_as(&gateway, &backend, (400, "signature_method_rejected"), "RSA-SHA1", &signed("new", &RSA_2048));
}

#[test]
fn b13_only_the_headers_realm_is_left_out() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for realm in ["", "http://app.example.com/", "a, b=c"] {
        let value = format!("OAuth realm=\"{realm}\", ");
        let bytes = String::from_utf8(by_reporting().bytes()).unwrap().replacen("OAuth ", &value, 1);
        assert_eq!(gateway.ask_raw(bytes).status, 200, "{realm}");
    }
    for added in ["&realm=evil", "&realm=", "&realm"] {
        let target = format!("/x?a=1{added}");
        let in_query = by_reporting().get(&target).signed_target("/x?a=1");
        denied_as(&gateway, &backend, (401, "signature_invalid"), added, &in_query);
        let in_body = String::from_utf8(by_reporting().post("/x").form("a=123456789&b=1").bytes()).unwrap();
        let padded = format!("a=1{added}");
        let changed =
            in_body.replace("a=123456789&b=1", &format!("{padded}{}", "0".repeat("a=123456789&b=1".len() - padded.len())));
        assert_eq!(denied_bytes(&gateway, &backend, added, changed.as_bytes()).status, 401);
        // Signed, it is a parameter like any other.
        admitted(&gateway, added, &by_reporting().get(&target));
    }
}

#[test]
fn b14_a_form_is_what_its_type_says() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let no_form = "text/plain; x=application/x-www-form-urlencoded";
    admitted(&gateway, no_form, &by_reporting().post("/x").body(no_form, "a=1&oauth_nonce=2"));
    assert_eq!(backend.last_request().text(), "a=1&oauth_nonce=2");
    for no_form in [
        "application/x-www-form-urlencoded-not",
        "application/x-www-form-urlencodedx",
        "application/json",
        "multipart/form-data; boundary=x",
    ] {
        admitted(&gateway, no_form, &by_reporting().post("/x").body(no_form, "a=1"));
    }
    let forms = [
        "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=\"utf-8\"",
        "application/x-www-form-urlencoded ; x=y",
        "APPLICATION/X-WWW-FORM-URLENCODED",
    ];
    for form in forms {
        admitted(&gateway, form, &by_reporting().post("/x").form_typed(form, "a=1"));
        let unsigned = by_reporting().post("/x").body(form, "a=1");
        denied_as(&gateway, &backend, (401, "signature_invalid"), form, &unsigned);
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        admitted(&gateway, method, &by_reporting().method(method).target("/x").form("a=1"));
        assert_eq!(backend.last_request().text(), "a=1", "{method}");
        let unsigned = by_reporting().method(method).target("/x").body("application/x-www-form-urlencoded", "a=1");
        denied_as(&gateway, &backend, (401, "signature_invalid"), method, &unsigned);
    }
    let empty = by_reporting().get("/x").form("");
    admitted(&gateway, "a form type with length 0 on a GET", &empty);
    admitted(&gateway, "a POST without Content-Length", &by_reporting().post("/x?a=1").in_place(Place::Query));
}

#[test]
fn b14_what_could_be_two_bodies_is_refused() {
    let backend = Backend::start();
    let gateway = Gateway::builder().upstream(&backend).setting("limits: { signed_body: 10KiB }").start();
    let two = by_reporting().post("/x").form("a=1").line("Content-Type: text/plain");
    assert_eq!(denied(&gateway, &backend, "two types", &two).status, 400);
    let twice = by_reporting().post("/x").form("a=1").line("Content-Type: application/x-www-form-urlencoded");
    assert_eq!(denied(&gateway, &backend, "the same type twice", &twice).status, 400);
    for coding in ["gzip", "GZIP", "br", "deflate", "gzip, identity", "x-gzip"] {
        let coded = by_reporting().post("/x").form("a=1").line(&format!("Content-Encoding: {coding}"));
        assert_eq!(denied(&gateway, &backend, coding, &coded).status, 415, "{coding}");
    }
    // Too long is told from the length alone, whatever the credentials are worth, and before the body comes.
    for credentials in [by_reporting(), by_reporting().signature("AAAA"), signed("nobody", &RSA_2048)] {
        let head = credentials.post("/x").line("Content-Type: application/x-www-form-urlencoded").line("Content-Length: 10241");
        assert_eq!(denied(&gateway, &backend, "too long", &head).status, 413);
        let long = "a=".to_owned() + &"b".repeat(20_000);
        let chunked = by_reporting().post("/x").form(&long).chunked(1000);
        assert_eq!(denied(&gateway, &backend, "too long in chunks", &chunked).status, 413);
    }
    let fitting = "a=".to_owned() + &"b".repeat(10 * 1024 - 2);
    admitted(&gateway, "exactly the limit", &by_reporting().post("/x").form(&fitting));
    // Other bodies stream and have no such limit.
    admitted(&gateway, "no form", &by_reporting().post("/x").body("text/plain", vec![b'x'; 100_000]));
    assert_eq!(denied(&gateway, &backend, "unsigned", &request().post("/x").form("a=1")).status, 401);
}

#[test]
fn b15_hard_characters_have_one_reading_or_are_refused() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let agreed = [
        "/x?a=%C3%28",
        "/x?a=%FF%FE",
        "/x?a=%00",
        "/x?a+b=c+d",
        "/x?a;b=c;d",
        "/x?=1",
        "/x?=",
        "/x?a",
        "/x?a=",
        "/x?a&a=",
        "/x?&",
        "/x?a=%2526",
        "/x?a=1=2",
        "/x?%61=b",
        "/x?a=[]{}|^`",
        "/x?a='()*!",
        "/x?a=%E2%80%AE",
        "/x?a=/?:@",
    ];
    for target in agreed {
        admitted(&gateway, target, &by_reporting().get(target));
        assert_eq!(backend.last_request().target, target);
    }
    // A name without a value is signed like one with an empty value: both are one request.
    let without = by_reporting().get("/x?a").nonce("with-or-without");
    admitted(&gateway, "a", &without);
    denied_as(&gateway, &backend, (401, "nonce_used"), "a=", &without.get("/x?a="));
    for target in ["/x?a=%", "/x?a=%1", "/x?%zz=1", "/x?a=1%", "/x?a=%u0041", "/x?a=%-1", "/x?a=% 41"] {
        let response = denied(&gateway, &backend, target, &by_reporting().get(target));
        assert_eq!(response.status, 400, "{target}");
    }
    let bad_form = by_reporting().post("/x").form("a=%zz");
    denied_as(&gateway, &backend, (400, "parameter_rejected"), "in a form", &bad_form);
    let bad_header = by_reporting().authorization(|value| value.replace("1.0", "1%2"));
    denied_as(&gateway, &backend, (400, "parameter_rejected"), "in the header", &bad_header);
    // The path is signed as it is: it is refused, or arrives as it is.
    for path in ["/%zz", "/%", "/a%0", "/%c3%28", "/a%00b"] {
        let status = gateway.ask(&by_reporting().get(path)).status;
        assert!(status == 400 || (status == 200 && backend.last_request().target == path), "{path}: {status}");
    }
}

#[test]
fn b15_raw_bytes_above_ascii_mean_their_escapes_or_are_refused() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let mut passed = (0, 0);
    // Sends raw bytes for the escape that is signed; true if they pass.
    let ask = |signed: &Signing, escape: &str, raw: &[u8]| {
        let text = String::from_utf8(signed.bytes()).unwrap();
        let (before, after) = text.split_once(escape).unwrap();
        let shorter = |length: usize| format!("Content-Length: {}", length + raw.len() - escape.len());
        let before = match before.split_once("\r\n\r\n") {
            Some((_, begun)) => {
                let length = begun.len() + escape.len() + after.len();
                before.replace(&format!("Content-Length: {length}"), &shorter(length))
            }
            None => before.to_owned(),
        };
        let hits = backend.byte_count();
        let response = gateway.ask_raw([before.as_bytes(), raw, after.as_bytes()].concat());
        if response.status == 200 {
            let got = backend.last_request();
            let arrived = [got.target.as_bytes(), &got.body].concat();
            assert!(arrived.windows(raw.len()).any(|part| part == raw), "{raw:x?}: {}", arrived.escape_ascii());
            // And it is one request with the one that spells it out.
            denied_as(&gateway, &backend, (401, "nonce_used"), escape, signed);
            return true;
        }
        assert_eq!((response.status, backend.byte_count()), (400, hits), "{raw:x?}: {}", response.text());
        false
    };
    for byte in 0x80..=0xff_u8 {
        let escape = format!("%{byte:02X}");
        passed.0 += usize::from(ask(&by_reporting().get(&format!("/x?a={escape}")), &escape, &[byte]));
        passed.1 += usize::from(ask(&by_reporting().post("/x").form(&format!("a={escape}&b=1")), &escape, &[byte]));
    }
    // A form is bytes, and all of them can be signed; a target that is no UTF-8 is refused with its head.
    assert_eq!(passed, (0, 128));
    for (text, escape) in [("é", "%C3%A9"), ("你", "%E4%BD%A0"), ("\u{202e}", "%E2%80%AE")] {
        ask(&by_reporting().get(&format!("/x?a={escape}")), escape, text.as_bytes());
        // A path is signed as it stands.
        let (hits, target) = (backend.byte_count(), format!("/{text}"));
        let status = gateway.ask(&by_reporting().get(&target)).status;
        let one_meaning = status == 200 && backend.last_request().target == target;
        assert!(one_meaning || (status == 400 && backend.byte_count() == hits), "{target}: {status}");
    }
}

#[test]
fn b16_timestamps_nonces_and_versions_have_one_form() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let now = now().to_string();
    let arabic: String = now.chars().map(|digit| char::from_u32(0x660 + digit.to_digit(10).unwrap()).unwrap()).collect();
    let stamps = [
        format!("+{now}"),
        format!("{now}.0"),
        format!(" {now}"),
        format!("{now} "),
        format!("0x{:x}", 1_700_000_000),
        arabic,
        String::new(),
        format!("{now}0000000000"),
        format!("-{now}"),
        "1e9".into(),
        "abc".into(),
        "0".into(),
        "99999999999999999999".into(),
        format!("{now}\n"),
    ];
    for stamp in stamps {
        denied_as(&gateway, &backend, (400, "parameter_rejected"), &stamp, &by_reporting().timestamp(&stamp));
    }
    denied_as(&gateway, &backend, (401, "timestamp_refused"), "milliseconds", &by_reporting().timestamp(format!("{now}000")));
    for nonce in [String::new(), "n".repeat(256), "n".repeat(10_000)] {
        denied_as(&gateway, &backend, (400, "parameter_rejected"), "a nonce's length", &by_reporting().nonce(&nonce));
    }
    admitted(&gateway, "one character", &by_reporting().nonce("n"));
    admitted(&gateway, "255 characters", &by_reporting().nonce(&"n".repeat(255)));
    for version in ["1.0a", "2.0", "1", "1.00", " 1.0", "1.0 ", ""] {
        let response =
            denied_as(&gateway, &backend, (400, "version_rejected"), version, &by_reporting().set("oauth_version", version));
        assert_eq!(response.pair("oauth_acceptable_versions").as_deref(), Some("1.0-1.0"));
    }
    admitted(&gateway, "no version", &by_reporting().without("oauth_version"));
}

#[test]
fn b17_a_signature_has_one_spelling() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    let fresh = by_reporting;
    let of = |change: &dyn Fn(Vec<u8>) -> String| {
        let request = fresh();
        let text = change(request.signature_bytes());
        request.signature(&text)
    };
    let encode = |bytes: Vec<u8>| STANDARD.encode(bytes);
    let changed = [
        (
            "line breaks",
            of(&|bytes| encode(bytes).as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n").collect()),
        ),
        ("no padding", of(&|bytes| STANDARD_NO_PAD.encode(bytes))),
        ("junk at the end", of(&|bytes| encode(bytes) + "x")),
        ("a blank at the end", of(&|bytes| encode(bytes) + " ")),
        ("double encoding", of(&|bytes| crate::support::percent::encode(encode(bytes)))),
        ("hexadecimal", of(&|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())),
        ("a byte more", of(&|bytes| encode([&bytes[..], &[0]].concat()))),
        ("a zero before", of(&|bytes| encode([&[0], &bytes[..]].concat()))),
        ("a byte less", of(&|bytes| encode(bytes[1..].to_vec()))),
        ("20 bytes", of(&|bytes| encode(bytes[..20].to_vec()))),
        ("128 bytes", of(&|bytes| encode(bytes[..128].to_vec()))),
        ("10 kB", of(&|bytes| encode(bytes.repeat(40)))),
        ("reversed", of(&|bytes| encode(bytes.into_iter().rev().collect()))),
        ("blanks instead of plus", of(&|bytes| encode(bytes).replacen(['+', 'A'], " ", 1))),
    ];
    for (what, request) in changed {
        denied_as(&gateway, &backend, (401, "signature_invalid"), what, &request);
    }
    // Of another length than the key's: it is told by that, and no RSA operation is spent.
    for bytes in [257, 255, 20, 128, 10_240] {
        let told = format!("the signature has {bytes} bytes, and the consumer's key makes 256");
        gateway.wait_for_access(&told, |line| line["reason"].as_str().is_some_and(|reason| reason.starts_with(&told)));
    }
    let url_safe = std::iter::repeat_with(fresh).find(|request| encode(request.signature_bytes()).contains(['+', '/'])).unwrap();
    let text = URL_SAFE.encode(url_safe.signature_bytes());
    denied_as(&gateway, &backend, (401, "signature_invalid"), "URL-safe alphabet", &url_safe.signature(&text));
    let empty = denied(&gateway, &backend, "empty", &fresh().signature(""));
    assert!(matches!(empty.status, 400 | 401), "{}", empty.status);
}

#[test]
fn b18_consumer_keys_are_compared_byte_for_byte() {
    let backend = Backend::start();
    // A fourth, "wiki ", would look like the third to the backend.
    let (status, said) = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("wiki%20", &RSA_2048))
        .consumer(Consumer::new("wiki ", &RSA_2048_OTHER))
        .start_in_vain();
    assert!(status.code() == Some(1) && said.contains("consumers.yaml:5"), "{said}");
    let keys = ["Wiki", "wiki", "wiki%20"];
    let builder =
        keys.iter().fold(Gateway::builder().upstream(&backend), |builder, key| builder.consumer(Consumer::new(key, &RSA_2048)));
    let gateway = builder.start();
    let mut identities: Vec<String> = Vec::new();
    for key in keys {
        admitted(&gateway, key, &signed(key, &RSA_2048));
        identities.push(backend.last_request().field("X-OAuth-Consumer").unwrap().to_owned());
    }
    assert_eq!(identities[..2], ["Wiki", "wiki"]);
    let distinct: std::collections::BTreeSet<&String> = identities.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "two consumers look the same to the backend: {identities:?}");
    for unknown in ["WIKI", "wiki ", "wiki%2520", "wiki\t", "wiki\0", "wik", "wikii", "wіki", " wiki"] {
        let response = denied(&gateway, &backend, unknown, &signed(unknown, &RSA_2048));
        assert!(matches!(response.status, 400 | 401), "{unknown:?}: {}", response.status);
    }
    denied_as(&gateway, &backend, (400, "parameter_rejected"), "an empty key", &signed("", &RSA_2048));
}

#[test]
fn b19_without_a_dance_no_token_is_good() {
    let backend = Backend::start();
    let gateway = Gateway::in_front_of(&backend);
    for token in ["x", "0", "abcdefghijklmnopqrstuvwxyz012345", " "] {
        denied_as(&gateway, &backend, (401, "token_rejected"), token, &by_reporting().set("oauth_token", token));
    }
    admitted(&gateway, "an empty token means two-legged", &by_reporting().set("oauth_token", ""));
}

fn value_of(request: &Signing, name: &str) -> String {
    // Read off the base string: the parameters are in it, encoded twice.
    let base = request.base_string();
    let once = crate::support::percent::decode_form(base.rsplit('&').next().unwrap());
    let pairs = crate::support::percent::pairs(&String::from_utf8_lossy(&once));
    let value = pairs.into_iter().find(|(n, _)| n == name.as_bytes()).unwrap().1;
    String::from_utf8_lossy(&value).into_owned()
}

/// RFC 2104 with SHA-1.
fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { sha1::Sha1::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |byte: u8| block.iter().map(|b| b ^ byte).collect::<Vec<u8>>();
    let inner = sha1::Sha1::digest([pad(0x36), message.to_vec()].concat());
    sha1::Sha1::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}
