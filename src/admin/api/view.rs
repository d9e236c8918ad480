//! Consumers as JSON.

use serde_json::{Value, json};

use crate::admin::Admin;
use crate::clock::Moment;
use crate::consumers::Consumer;
use crate::consumers::edit::Entry;
use crate::oauth::timestamp::Timestamp;
use crate::observe::LastHour;

/// One of a list, as it is in force.
pub(super) fn summary(consumer: &Consumer, now: Moment) -> Value {
    json!({
        "key": consumer.key.as_str(),
        "name": consumer.name,
        "description": consumer.description,
        "state": consumer.state(now.wall),
        "public_keys": keys(consumer),
        "signature_methods": consumer.signature_methods.iter().map(|method| method.name()).collect::<Vec<_>>(),
        "expires": consumer.expires.and_then(moment),
        "activity": activity(consumer, now),
    })
}

/// As it is written in its file, and whether the gateway goes by that.
pub(super) fn entry(entry: &Entry, admin: &Admin) -> Value {
    let (policy, now) = (admin.policy(), admin.clock().now());
    let in_force = policy.consumers.get(&entry.key);
    let mut value = entry.json(now.wall);
    value["live"] = in_force.is_some_and(|consumer| **consumer == *entry.consumer).into();
    value["activity"] = in_force.map(|consumer| activity(consumer, now)).unwrap_or_default();
    value
}

/// The fingerprints of a consumer's keys; `None` where there is no consumer.
pub(super) fn fingerprints(consumer: Option<&Consumer>) -> Option<Vec<String>> {
    consumer.map(|consumer| consumer.public_keys.iter().map(|key| key.fingerprint().to_string()).collect())
}

/// Whether a text, in small letters, is in what people know a consumer by.
pub(super) fn matches(consumer: &Consumer, text: &str) -> bool {
    let has = |of: &str| of.to_lowercase().contains(text);
    text.is_empty() || has(consumer.key.as_str()) || has(&consumer.name) || has(&consumer.description)
}

fn keys(consumer: &Consumer) -> Vec<Value> {
    let keys = consumer.public_keys.iter();
    keys.map(|key| json!({ "bits": key.bits(), "fingerprint": key.fingerprint().to_string() })).collect()
}

fn activity(consumer: &Consumer, now: Moment) -> Value {
    let LastHour { last_used, requests, refusals } = consumer.activity.last_hour(now);
    json!({ "last_used": last_used.and_then(moment), "requests": requests, "refusals": refusals })
}

/// As answers have it, in UTC; `None`: beyond all years.
pub(super) fn moment(time: Timestamp) -> Option<String> {
    jiff::Timestamp::from_second(i64::try_from(time.seconds()).ok()?).ok().map(|time| time.to_string())
}
