//! Method, path and query, separated by line feeds: a base string splits at its two `&` and reads back as what went in, and
//! what was read back makes the same base string.
#![no_main]

use countersign::oauth::base_string::{Authority, BaseStringUri, Scheme, SignatureBaseString};
use countersign::oauth::parameters::{Parameters, Raw};
use countersign::oauth::percent::{self, Plus};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (method, path) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // Only known methods are verified; all are made of letters and hyphens.
    if !method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-') {
        return;
    }
    let query = lines.next().map(str::as_bytes);
    let Ok(parameters) = Parameters::collect(Raw { query, ..Raw::default() }, 1_000) else { return };
    let authority = Authority::parse("example.com:8080").expect("a host and a port");
    let uri = BaseStringUri::new(Scheme::Https, &authority, path);
    let base_string = SignatureBaseString::new(method, &uri, &parameters);

    let parts: Vec<&[u8]> = base_string.as_bytes().split(|b| *b == b'&').collect();
    let [first, second, third] = parts[..] else { panic!("{} parts: {base_string}", parts.len()) };
    let decoded = |text| percent::decode(text, Plus::IsPlus).expect("our own encoding decodes");
    assert_eq!(first, method.to_ascii_uppercase().as_bytes());
    assert_eq!(*decoded(second), *uri.as_str().as_bytes());
    let normalized = decoded(third);
    let pairs: Vec<Vec<u8>> = parameters.signed().map(|(name, value)| [name, b"=", value].concat()).collect();
    assert_eq!(*normalized, *pairs.join(&b'&'));
    let again = Parameters::collect(Raw { query: Some(&normalized), ..Raw::default() }, 1_000).expect("what was read once");
    assert_eq!(SignatureBaseString::new(method, &uri, &again), base_string);
});
