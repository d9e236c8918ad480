//! What is to be seen of OAuth in a request, read without the library under test.

use std::collections::BTreeSet;

use crate::support::{Request, percent};

/// An OAuth parameter, where it stood, decoded.
pub(crate) struct Parameter {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Header,
    Query,
    Body,
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Whether the body is a form.
pub(crate) fn is_form(request: &Request) -> bool {
    request.field("content-type").is_some_and(|value| value.starts_with(FORM))
}

/// Name and value of every pair, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let text_of = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    percent::pairs(text).into_iter().map(|(name, value)| (text_of(name), text_of(value))).collect()
}

/// The `&` segments that are the application's own, as they stand.
pub(crate) fn without_oauth(text: &str) -> String {
    let own = |segment: &&str| !percent::decode_form(segment).starts_with(b"oauth_");
    text.split('&').filter(own).collect::<Vec<_>>().join("&")
}

/// All of a request's OAuth parameters.
pub(crate) fn parameters(request: &Request) -> Vec<Parameter> {
    let header = authorization(request).unwrap_or_default();
    let in_header = header.split(',').filter_map(|part| part.trim().split_once('='));
    let in_header: Vec<(String, String)> = in_header
        .map(|(name, value)| (name.to_owned(), pairs(&format!("v={}", value.trim_matches('"').replace('+', "%2B"))).remove(0).1))
        .collect();
    let body = if is_form(request) { request.text() } else { String::new() };
    let places =
        [(Place::Header, in_header), (Place::Query, pairs(request.query().unwrap_or_default())), (Place::Body, pairs(&body))];
    let all = places
        .into_iter()
        .flat_map(|(place, pairs)| pairs.into_iter().map(move |(name, value)| Parameter { place, name, value }));
    all.filter(|parameter| parameter.name.starts_with("oauth_")).collect()
}

/// What follows `OAuth ` in the Authorization header.
fn authorization(request: &Request) -> Option<&str> {
    request.field("authorization")?.strip_prefix("OAuth ")
}

/// How a client signs, in the words of the table in docs/clients.md: places, methods, version, token, separator, body hash.
pub(crate) fn habits(requests: &[&Request]) -> [String; 6] {
    let of_all = |look: &dyn Fn(&[Parameter]) -> Vec<String>| -> String {
        let found: BTreeSet<String> = requests.iter().flat_map(|request| look(&parameters(request))).collect();
        found.into_iter().collect::<Vec<_>>().join(", ")
    };
    let value = |all: &[Parameter], name: &str, absent: &str| -> Vec<String> {
        let found = all.iter().find(|parameter| parameter.name == name).map_or(absent, |parameter| &*parameter.value);
        vec![if found.is_empty() { "empty".to_owned() } else { found.to_owned() }]
    };
    let places: BTreeSet<Place> =
        requests.iter().flat_map(|request| parameters(request)).map(|parameter| parameter.place).collect();
    let places: Vec<String> = places.iter().map(|place| format!("{place:?}").to_lowercase()).collect();
    let separators: BTreeSet<&str> = requests.iter().filter_map(|request| authorization(request)).map(separator).collect();
    let bodies: Vec<bool> = requests
        .iter()
        .filter(|request| !request.body.is_empty() && !is_form(request))
        .map(|request| parameters(request).iter().any(|parameter| parameter.name == "oauth_body_hash"))
        .collect();
    let hashed = match (bodies.contains(&true), bodies.contains(&false)) {
        (true, false) => "always",
        (true, true) => "where told",
        (false, _) => "no",
    };
    [
        places.join(", "),
        of_all(&|all| value(all, "oauth_signature_method", "absent")),
        of_all(&|all| value(all, "oauth_version", "absent")),
        of_all(&|all| value(all, "oauth_token", "absent")),
        separators.into_iter().collect::<Vec<_>>().join(" or "),
        hashed.to_owned(),
    ]
}

/// What stands between a header's parameters.
fn separator(header: &str) -> &'static str {
    if header.contains(", ") { "`, `" } else { "`,`" }
}
