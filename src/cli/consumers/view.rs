//! A consumer in words.

use serde_json::Value;

use crate::consumers::edit::{Entry, Setting};
use crate::consumers::{Consumer, LoadPolicy};

/// Whether a consumer can be used now.
pub(super) fn state(consumer: &Consumer) -> &'static str {
    consumer.state(LoadPolicy::by_default().now)
}

/// Everything about an entry, for programs.
pub(super) fn json(entry: &Entry) -> Value {
    entry.json(LoadPolicy::by_default().now)
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

fn joined(parts: impl Iterator<Item = impl ToString>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(",")
}
