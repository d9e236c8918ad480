//! Keys that are none, in the consumers file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

use crate::support::{Backend, Consumer, Gateway, RSA_1024, RSA_2048, RSA_2048_OTHER};

#[test]
fn c24_a_key_that_is_none_is_refused_with_its_line() {
    let backend = Backend::start();
    let pem = &RSA_2048.public_pem;
    let odd = |bits: usize| {
        let mut modulus = vec![0xa5; bits / 8];
        modulus[0] = 0xff;
        modulus
    };
    let mut even = odd(2048);
    *even.last_mut().unwrap() = 0xa4;
    let bare = |der: &[u8]| STANDARD.encode(der);
    let lines = |text: String| text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n").collect::<String>();
    let (private, old_private) = (RSA_2048.private.to_pkcs8_der().unwrap(), RSA_2048.private.to_pkcs1_der().unwrap());
    let bad: [(&str, String); 19] = [
        ("16 bits", spki(&odd(16), &[1, 0, 1])),
        ("512 bits", spki(&odd(512), &[1, 0, 1])),
        ("1016 bits", spki(&odd(1016), &[1, 0, 1])),
        ("8200 bits", spki(&odd(8200), &[1, 0, 1])),
        ("65536 bits", spki(&odd(65_536), &[1, 0, 1])),
        ("e = 1", spki(&odd(2048), &[1])),
        ("e = 2", spki(&odd(2048), &[2])),
        ("e even", spki(&odd(2048), &[1, 0, 0])),
        ("e huge", spki(&odd(2048), &odd(2048))),
        ("e of 34 bits", spki(&odd(2048), &[2, 0, 0, 0, 1])),
        ("n even", spki(&even, &[1, 0, 1])),
        ("private key", RSA_2048.private.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()),
        ("old private key", RSA_2048.private.to_pkcs1_pem(LineEnding::LF).unwrap().to_string()),
        ("private key as bare base64", bare(private.as_bytes())),
        ("private key as bare base64 in lines", lines(bare(private.as_bytes()))),
        ("old private key as bare base64", lines(bare(old_private.as_bytes()))),
        ("two keys", format!("{pem}{}", RSA_2048_OTHER.public_pem)),
        ("half a key", pem[..pem.len() / 2].to_owned()),
        ("garbage", "this is no key".to_owned()),
    ];
    for (what, key) in bad {
        // The first entry takes lines 2 to 4, the second one begins at line 5.
        let builder = Gateway::builder().upstream(&backend).consumer(Consumer::new("good", &RSA_2048));
        let (status, said) = builder.consumer(Consumer::with_key_text("bad", &key)).start_in_vain();
        assert_eq!(status.code(), Some(1), "{what}: {said}");
        let line = ["consumers.yaml:5", "consumers.yaml:7"].iter().any(|place| said.contains(place));
        assert!(line, "{what}: no line in: {said}");
        assert!(!said.contains("panicked"), "{what}: {said}");
        assert_eq!(
            said.contains("this is a private key, and by standing here it is exposed"),
            what.contains("private"),
            "{said}"
        );
        for secret in key.lines().filter(|line| what.contains("private") && line.len() > 40) {
            let secret = &secret[..40];
            assert!(!said.contains(secret), "{what}: the key itself is in the message");
        }
    }
    backend.assert_untouched();
}

#[test]
fn c24_min_key_bits_is_a_floor_for_all() {
    let backend = Backend::start();
    let short = || Gateway::builder().upstream(&backend).consumer(Consumer::new("short", &RSA_1024));
    let (status, said) = short().setting("verify: { min_key_bits: 2048 }").start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("consumers.yaml:") && said.contains("2048") && said.contains("1024"), "{said}");
    // Where the old size is allowed, its use is a warning.
    short().start().wait_for_line("WARN");
    let (status, said) = short().setting("verify: { min_key_bits: 1023 }").start_in_vain();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("countersign.yaml:"), "{said}");
}

#[test]
fn c24_one_key_under_two_consumers_is_a_warning() {
    let backend = Backend::start();
    let gateway = Gateway::builder()
        .upstream(&backend)
        .consumer(Consumer::new("first-of-two", &RSA_2048))
        .consumer(Consumer::new("second-of-two", &RSA_2048))
        .start();
    let line = gateway.wait_for_line("second-of-two");
    assert!(line.contains("consumers.yaml:2") && line.contains("WARN"), "{line}");
}

/// A `SubjectPublicKeyInfo` around any two numbers, as PEM.
fn spki(modulus: &[u8], exponent: &[u8]) -> String {
    let key = tlv(0x30, &[integer(modulus), integer(exponent)].concat());
    let algorithm = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let der = tlv(0x30, &[&algorithm[..], &tlv(0x03, &[&[0][..], &key].concat())].concat());
    let text = STANDARD.encode(der);
    let lines: String = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n").collect();
    format!("-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n")
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    tlv(0x02, &if bytes[0] >= 0x80 { [&[0], bytes].concat() } else { bytes.to_vec() })
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let length = match length {
        0..0x80 => vec![length as u8],
        0x80..0x100 => vec![0x81, length as u8],
        _ => vec![0x82, (length >> 8) as u8, length as u8],
    };
    [&[tag][..], &length, content].concat()
}
