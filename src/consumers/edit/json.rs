//! Entries for programs: the command line's `--json`, and the API.

use serde_json::{Value, json};

use super::{Entry, Setting};
use crate::oauth::timestamp::Timestamp;

impl Entry {
    /// Everything, at a moment.
    pub fn json(&self, now: Timestamp) -> Value {
        let (consumer, settings) = (&self.consumer, &self.settings);
        let keys = consumer.public_keys.iter();
        let keys =
            keys.map(|key| json!({ "bits": key.bits(), "fingerprint": key.fingerprint().to_string(), "pem": key.to_pem() }));
        json!({
            "key": self.key,
            "name": consumer.name,
            "description": consumer.description,
            "state": consumer.state(now),
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
            "allow": written(&settings.allow, |rules| {
                rules.iter().map(|rule| json!({ "path": rule.path, "methods": some(&rule.methods) })).collect()
            }),
            "allow_from": written(&settings.allow_from, |networks| json!(networks)),
            "rate_limit": written(&settings.rate_limit, |rate| json!({ "requests": rate.requests, "per": rate.per })),
            "expires": written(&settings.expires, |text| json!(text)),
            "allow_oauth_1_0": consumer.allow_oauth_1_0,
            "allow_published_key": settings.allow_published_key == Setting::To(true),
            "upstream_authorization": written(&settings.upstream_authorization, |file| {
                let (key, path) = file.written();
                json!({ key: path })
            }),
            "refusals": { "reveal": written(&settings.reveal, |text| json!(text)) },
            "file": self.file.display().to_string(),
            "line": self.line,
            "revision": self.revision.to_string(),
            "read_only": self.read_only,
        })
    }
}

/// `null`: its default counts.
fn written<T>(setting: &Setting<T>, value: impl Fn(&T) -> Value) -> Value {
    match setting {
        Setting::To(setting) => value(setting),
        Setting::Keep | Setting::TakeOut => Value::Null,
    }
}

fn some(methods: &[String]) -> Option<&[String]> {
    (!methods.is_empty()).then_some(methods)
}
