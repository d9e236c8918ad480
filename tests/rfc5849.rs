//! Base strings: as RFC 5849 prints them, as the one published RSA-SHA1 request was signed, and as oauthlib makes them.
//!
//! The blocks of tests/vectors are explained in the head of rfc5849.txt there.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: whatever goes wrong here ends one")]

mod support;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::oauth::base_string::{Authority, BaseStringUri, Scheme, SignatureBaseString};
use countersign::oauth::key::PublicKey;
use countersign::oauth::parameters::{Malformed, Parameters, Raw, Source};
use countersign::oauth::percent;
use countersign::oauth::signature::{Signature, SignatureMethod};
use serde_json::Value;
use sha1::{Digest, Sha1};
use support::tools;

#[test]
fn the_examples_of_the_rfc_come_out() {
    let expected = [("base-string", 4), ("base-string-uri", 2), ("collected", 1), ("normalized", 1), ("percent-encode", 4)];
    assert_eq!(check_all("rfc5849.txt"), BTreeMap::from(expected));
}

#[test]
fn the_published_request_is_verified_and_its_variations_are_not() {
    assert_eq!(check_all("published_rsa.txt"), BTreeMap::from([("rsa-sha1", 3)]));
}

#[test]
fn oauthlibs_own_cases_come_out() {
    let expected = [("base-string", 6), ("base-string-uri", 31), ("normalized", 25), ("percent-encode", 1)];
    assert_eq!(check_all("oauthlib_cases.txt"), BTreeMap::from(expected));
}

#[test]
fn no_file_of_vectors_is_left_out() {
    let mut names: Vec<String> =
        std::fs::read_dir(vectors()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    // `pasted_keys.txt` is read where pasted keys are checked.
    assert_eq!(names, ["oauthlib_cases.txt", "pasted_keys.txt", "published_rsa.txt", "rfc5849.txt"]);
}

#[test]
fn the_realm_is_left_out_of_the_header_alone() {
    let received = |target, content_type, body| Received {
        method: "POST",
        scheme: "http",
        host: "a",
        target,
        authorization: Some("OAuth realm=\"header\", oauth_nonce=\"1\""),
        content_type,
        body,
    };
    assert_eq!(received("/", None, None).normalized(), "oauth_nonce=1");
    assert_eq!(received("/?realm=query", None, None).normalized(), "oauth_nonce=1&realm=query");
    assert_eq!(received("/?realm", Some(FORM), Some("re%61lm=form")).normalized(), "oauth_nonce=1&realm=&realm=form");
}

#[test]
fn generated_requests_have_the_base_strings_that_oauthlib_makes() {
    let long = std::env::var_os("COUNTERSIGN_LONG").is_some();
    let count: usize = if long { 100_000 } else { 10_000 };
    // The same in every run, unless a seed is given; with `--long` another each time.
    let given = std::env::var("COUNTERSIGN_SEED").ok();
    let seed = given.unwrap_or_else(|| if long { RandomState::new().hash_one(0).to_string() } else { "5849".to_owned() });
    println!("{count} requests, seed {seed}");
    let mut generator = tools::python("base_strings.py")
        .args(["--generate", &count.to_string(), "--seed", &seed])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut saw = |what: &str| *seen.entry(what.to_owned()).or_default() += 1;
    for line in BufReader::new(generator.stdout.take().unwrap()).lines().map(Result::unwrap) {
        let request: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| request[name].as_str();
        let received = Received::from(|name| text(&name.replace('-', "_")));
        let parameters = received.parameters().unwrap_or_else(|why| panic!("seed {seed}: {why:?}: {line}"));
        let uri = received.uri().unwrap_or_else(|| panic!("seed {seed}: no base string URI: {line}"));
        assert_eq!(Some(uri.as_str()), text("base_string_uri"), "seed {seed}: {line}");
        assert_eq!(Some(&*normalized(&parameters)), text("normalized_parameters"), "seed {seed}: {line}");
        let base_string = SignatureBaseString::new(received.method, &uri, &parameters).to_string();
        assert_eq!(Some(&*base_string), text("base_string"), "seed {seed}: {line}");

        saw("all");
        saw(text("placement").unwrap());
        received.form().is_some().then(|| saw("form"));
        received.authorization.is_some_and(|header| header.contains("realm=")).then(|| saw("realm in the header"));
        parameters.values("realm").for_each(|(source, _)| saw(&format!("realm: {source:?}")));
    }
    assert!(generator.wait().unwrap().success());
    println!("{seen:?}");
    assert_eq!(seen.remove("all"), Some(count), "seed {seed}");
    // A generator that made only easy requests would prove nothing.
    let kinds = ["body", "form", "header", "mixed", "query", "realm in the header", "realm: Form", "realm: Query"];
    assert!(seen.keys().eq(&kinds) && seen.values().all(|times| *times > count / 100), "seed {seed}: {seen:?}");
}

const FORM: &str = "application/x-www-form-urlencoded";

/// More than any request here has.
const LIMIT: usize = 1000;

/// A request as a server receives it.
struct Received<'a> {
    method: &'a str,
    scheme: &'a str,
    host: &'a str,
    /// Path and query; a vector may have neither.
    target: &'a str,
    authorization: Option<&'a str>,
    content_type: Option<&'a str>,
    body: Option<&'a str>,
}

impl<'a> Received<'a> {
    /// Takes what there is of it, by the names that the vectors use.
    fn from(mut field: impl FnMut(&str) -> Option<&'a str>) -> Self {
        Self {
            method: field("method").unwrap_or("GET"),
            scheme: field("scheme").unwrap(),
            host: field("host").unwrap(),
            target: field("target").unwrap(),
            authorization: field("authorization"),
            content_type: field("content-type"),
            body: field("body"),
        }
    }

    fn path_and_query(&self) -> (&'a str, Option<&'a str>) {
        self.target.split_once('?').map_or((self.target, None), |(path, query)| (path, Some(query)))
    }

    /// The body, if its type says that it is a form.
    fn form(&self) -> Option<&'a str> {
        let media_type = self.content_type?.split(';').next()?.trim();
        self.body.filter(|_| media_type.eq_ignore_ascii_case(FORM))
    }

    fn uri(&self) -> Option<BaseStringUri> {
        let (scheme, authority) = (Scheme::parse(self.scheme)?, Authority::parse(self.host)?);
        Some(BaseStringUri::new(scheme, &authority, self.path_and_query().0))
    }

    fn parameters(&self) -> Result<Parameters, Malformed> {
        let header = self.authorization.map(|value| {
            let (scheme, rest) = value.split_at("OAuth".len());
            assert!(scheme.eq_ignore_ascii_case("OAuth"), "{value}");
            rest.as_bytes()
        });
        let (_, query) = self.path_and_query();
        Parameters::collect(Raw { header, query: query.map(str::as_bytes), form: self.form().map(str::as_bytes) }, LIMIT)
    }

    fn normalized(&self) -> String {
        normalized(&self.parameters().unwrap())
    }

    fn base_string(&self) -> String {
        SignatureBaseString::new(self.method, &self.uri().unwrap(), &self.parameters().unwrap()).to_string()
    }
}

/// RFC 5849 §3.4.1.3.2.
fn normalized(parameters: &Parameters) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    parameters.signed().map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("&")
}

/// A block of a file of vectors, for as long as there is something in it that was not looked at.
struct Block<'a> {
    case: &'a str,
    fields: BTreeMap<&'a str, &'a str>,
}

/// Checks every block of a file; how many there were of each kind.
#[track_caller]
fn check_all(file: &str) -> BTreeMap<&'static str, usize> {
    let text = std::fs::read_to_string(vectors().join(file)).unwrap();
    let mut checked = BTreeMap::new();
    for mut block in blocks(&text) {
        *checked.entry(block.check()).or_default() += 1;
        assert!(block.fields.is_empty(), "{}: nobody looked at {:?}", block.case, block.fields);
    }
    assert_eq!(checked.values().sum::<usize>(), text.lines().filter(|line| line.starts_with("case:")).count());
    checked
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?} is no field"));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if name == "case" {
            blocks.push(Block { case: value, fields: BTreeMap::new() });
            continue;
        }
        let block = blocks.last_mut().unwrap_or_else(|| panic!("{line:?} belongs to no case"));
        assert_eq!(block.fields.insert(name, value), None, "{}: {name} stands twice", block.case);
    }
    blocks
}

impl<'a> Block<'a> {
    fn take(&mut self, name: &str) -> Option<&'a str> {
        self.fields.remove(name)
    }

    #[track_caller]
    fn must_take(&mut self, name: &str) -> &'a str {
        self.take(name).unwrap_or_else(|| panic!("{}: no {name}", self.case))
    }

    /// Checks the block; its kind.
    fn check(&mut self) -> &'static str {
        let (kind, expected, case) = (self.must_take("kind"), self.must_take("expect"), self.case);
        match kind {
            "percent-encode" => {
                let encoded = percent::encode(self.must_take("text").as_bytes());
                assert_eq!(encoded, expected, "{case}");
                "percent-encode"
            }
            "base-string-uri" => {
                let uri = self.received().uri();
                assert_eq!(uri.as_ref().map_or("refused", BaseStringUri::as_str), expected, "{case}");
                "base-string-uri"
            }
            "collected" => {
                let received = self.received();
                let mut collected: Vec<_> = expected.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
                let parameters = received.parameters().unwrap();
                let in_order: Vec<Source> = collected.iter().map(|(name, value)| source(&parameters, name, value)).collect();
                assert!(in_order.is_sorted_by_key(|source| ORDER.iter().position(|place| place == source)), "{case}");
                collected.sort();
                let sorted: Vec<String> = collected.iter().map(|(name, value)| format!("{name}={value}")).collect();
                assert_eq!(received.normalized(), sorted.join("&"), "{case}");
                "collected"
            }
            "normalized" => {
                let parameters = self.received().parameters();
                assert_eq!(parameters.as_ref().map_or("refused".into(), normalized), expected, "{case}");
                "normalized"
            }
            "base-string" => {
                let received = self.received();
                assert_eq!(received.base_string(), expected, "{case}");
                self.check_hmac(&received, expected);
                "base-string"
            }
            "rsa-sha1" => {
                self.check_rsa(expected);
                "rsa-sha1"
            }
            other => panic!("{case}: nobody checks the kind {other}"),
        }
    }

    fn received(&mut self) -> Received<'a> {
        Received::from(|name| self.take(name))
    }

    /// The base string is the one that was signed when the RFC was written.
    fn check_hmac(&mut self, received: &Received<'_>, base_string: &str) {
        let Some(signature) = self.take("hmac-signature") else { return };
        let key = self.must_take("hmac-key");
        assert_eq!(STANDARD.encode(hmac_sha1(key.as_bytes(), base_string.as_bytes())), signature, "{}", self.case);
        let sent = received.parameters().unwrap().signature().unwrap().to_vec();
        assert_eq!(sent, signature.as_bytes(), "{}", self.case);
    }

    fn check_rsa(&mut self, expected: &str) {
        let (base_string, text) = (self.must_take("base-string"), self.must_take("signature"));
        let (key, _) = PublicKey::from_text(self.must_take("public-key")).unwrap();
        let signature = Signature::decode(text.as_bytes()).unwrap();
        let verified = key.verify_bytes(SignatureMethod::RsaSha1, base_string.as_bytes(), &signature).is_ok();
        assert_eq!(if verified { "valid" } else { "invalid" }, expected, "{}", self.case);
        if self.fields.contains_key("target") {
            let received = self.received();
            assert_eq!(received.base_string(), base_string, "{}", self.case);
            let sent = received.parameters().unwrap().signature().unwrap().to_vec();
            assert_eq!(sent, text.as_bytes(), "{}", self.case);
        }
    }
}

/// The order in which the RFC's table has them.
const ORDER: [Source; 3] = [Source::Query, Source::Header, Source::Form];

/// Where the parameter, encoded, stood.
#[track_caller]
fn source(parameters: &Parameters, name: &str, value: &str) -> Source {
    let decoded = |text: &str| String::from_utf8(support::percent::decode_form(text)).unwrap();
    let (name, value) = (decoded(name), decoded(value));
    let (source, _) = parameters.values(&name).find(|(_, found)| **found == *value.as_bytes()).unwrap();
    source
}

/// RFC 2104, for keys of at most a block.
fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    let block = |pad: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ pad).collect() };
    assert!(key.len() <= 64, "longer keys are hashed first");
    let inner = Sha1::new().chain_update(block(0x36)).chain_update(message).finalize();
    Sha1::new().chain_update(block(0x5c)).chain_update(inner).finalize().to_vec()
}

fn vectors() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"))
}
