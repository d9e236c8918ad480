//! Header, query and form, separated by line feeds: sorted without `realm` and `oauth_signature`, and what is cut from a
//! forwarded query or form leaves no credentials behind.
#![no_main]

use countersign::oauth::parameters::{Parameters, Raw, carries_credentials, cut_protocol_parameters};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let mut parts = text.splitn(3, |b| *b == b'\n');
    let raw = Raw { header: parts.next(), query: parts.next(), form: parts.next() };
    for forwarded in [raw.query, raw.form].into_iter().flatten() {
        let cut = cut_protocol_parameters(forwarded);
        assert!(!carries_credentials(&cut));
        assert!(cut.len() <= forwarded.len());
    }
    let Ok(parameters) = Parameters::collect(raw, 1_000) else { return };
    assert!(parameters.signed().is_sorted());
    assert!(parameters.signed().all(|(name, _)| name != b"oauth_signature"));
    for name in parameters.repeated_protocol() {
        // A long name is shown cut.
        let there = parameters.signed().any(|(signed, _)| signed.starts_with(name.as_bytes())) || name == "oauth_signature";
        assert!(name.starts_with("oauth_") && there);
    }
});
