//! A consumer as words and as JSON.

use serde_json::{Value, json};

use crate::consumers::edit::{Entry, Setting};
use crate::consumers::{Consumer, LoadPolicy};

/// What shows whether a consumer can be used now.
pub(super) fn state(consumer: &Consumer) -> &'static str {
    if !consumer.enabled {
        "disabled"
    } else if consumer.is_active(LoadPolicy::by_default().now) {
        "enabled"
    } else {
        "expired"
    }
}

/// The sizes of its keys.
pub(super) fn bits(consumer: &Consumer) -> String {
    joined(consumer.public_keys.iter().map(|key| key.bits()))
}

/// The methods that it may sign with.
pub(super) fn methods(consumer: &Consumer) -> String {
    joined(consumer.signature_methods.iter().map(|method| method.name()))
}

/// Its keys' fingerprints.
pub(super) fn fingerprints(consumer: &Consumer) -> Vec<String> {
    consumer.public_keys.iter().map(|key| key.fingerprint().to_string()).collect()
}

/// Where its entry stands.
pub(super) fn place(entry: &Entry) -> String {
    format!("{}:{}", entry.file.display(), entry.line)
}

/// From when on it is refused, as it is written.
pub(super) fn expires(entry: &Entry) -> &str {
    match &entry.settings.expires {
        Setting::To(text) => text,
        _ => "",
    }
}

/// Everything about an entry.
pub(super) fn json(entry: &Entry) -> Value {
    let consumer = &entry.consumer;
    let settings = &entry.settings;
    let keys = consumer.public_keys.iter().map(|key| json!({ "bits": key.bits(), "fingerprint": key.fingerprint().to_string() }));
    json!({
        "key": entry.key,
        "name": consumer.name,
        "description": consumer.description,
        "state": state(consumer),
        "enabled": consumer.enabled,
        "public_keys": keys.collect::<Vec<_>>(),
        "signature_methods": consumer.signature_methods.iter().map(|method| method.name()).collect::<Vec<_>>(),
        "callback_url": consumer.callback_url,
        "three_legged": consumer.three_legged,
        "two_legged": {
            "allowed": consumer.two_legged.allowed,
            "execute_as": consumer.two_legged.execute_as,
            "impersonation": consumer.two_legged.impersonation,
        },
        "allow": option(&settings.allow, |rules| {
            rules.iter().map(|rule| json!({ "path": rule.path, "methods": rule.methods })).collect()
        }),
        "allow_from": option(&settings.allow_from, |networks| json!(networks)),
        "rate_limit": option(&settings.rate_limit, |rate| json!({ "requests": rate.requests, "per": rate.per })),
        "expires": option(&settings.expires, |text| json!(text)),
        "allow_oauth_1_0": consumer.allow_oauth_1_0,
        "reveal": option(&settings.reveal, |text| json!(text)),
        "file": entry.file,
        "line": entry.line,
        "revision": entry.revision.to_string(),
        "read_only": entry.read_only,
    })
}

fn option<T>(setting: &Setting<T>, value: impl Fn(&T) -> Value) -> Value {
    match setting {
        Setting::To(setting) => value(setting),
        Setting::Keep | Setting::TakeOut => Value::Null,
    }
}

fn joined(parts: impl Iterator<Item = impl ToString>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(",")
}
