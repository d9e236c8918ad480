//! One entry of consumers.yaml.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::keys::public_keys;
use super::load::LoadPolicy;
use super::model::{Consumer, ConsumerKey, RateLimit, TwoLegged};
use super::upstream_authorization::upstream_authorization;
use crate::config::{Reveal, methods, networks, path_pattern, reveal, signature_methods};
use crate::dance::callback;
use crate::oauth::timestamp::Timestamp;
use crate::routes::Allow;
use crate::tokens::Callback;
use crate::yaml::{Fields, Node, Report};

/// What an entry gave: the key even where the rest is of no use, so that a second entry with it is found.
pub(super) struct Entry {
    pub(super) key: Option<ConsumerKey>,
    pub(super) consumer: Option<Consumer>,
}

/// Reads an entry of a file in `folder`; `None` for the consumer if the report has got a problem.
pub(super) fn read(node: &Node<'_>, folder: &Path, policy: &LoadPolicy<'_>, report: &mut Report) -> Entry {
    let Some(mut fields) = Fields::of(node, report) else { return Entry { key: None, consumer: None } };
    let key = fields.mandatory("key", report, "write the consumer key, which the client sends as oauth_consumer_key");
    let key = key.and_then(|node| consumer_key(&node, report));
    report.about(key.as_ref().map(|key| format!("consumer \"{}\"", key.as_str().escape_debug())));
    let consumer = consumer(&mut fields, key.as_ref(), folder, policy, report);
    fields.finish(report);
    report.about(None);
    Entry { key, consumer }
}

fn consumer(
    fields: &mut Fields<'_>,
    key: Option<&ConsumerKey>,
    folder: &Path,
    policy: &LoadPolicy<'_>,
    report: &mut Report,
) -> Option<Consumer> {
    let older = key.and_then(|key| policy.previous?.get(key.as_str()));
    let name = fields.mandatory("name", report, "write a name that people know it by");
    let name = name.and_then(|node| line_of_text(&node, report));
    let public_keys = public_keys(fields, policy, older.map(AsRef::as_ref), report);
    let methods = fields.get("signature_methods").map(|node| signature_methods(&node, report));
    let consumer = Consumer {
        description: fields.get("description").and_then(|node| node.text(report)).unwrap_or_default().to_owned(),
        public_keys,
        callback_url: fields.get("callback_url").and_then(|node| callback_url(&node, report)),
        enabled: flag(fields, "enabled", true, report),
        signature_methods: methods.unwrap_or_else(|| policy.signature_methods.to_vec()),
        three_legged: flag(fields, "three_legged", true, report),
        two_legged: fields.get("two_legged").map(|node| two_legged(&node, report)).unwrap_or_default(),
        allow: fields.get("allow").map(|node| allow(&node, report)),
        allow_from: fields.get("allow_from").map(|node| networks(&node, report)),
        rate_limit: fields.get("rate_limit").and_then(|node| rate_limit(&node, report)),
        expires: fields.get("expires").and_then(|node| expires(&node, policy.now, report)),
        allow_oauth_1_0: flag(fields, "allow_oauth_1_0", false, report),
        upstream_authorization: fields
            .get("upstream_authorization")
            .and_then(|node| upstream_authorization(&node, folder, &policy.credential_files, report)),
        reveal: fields.get("refusals").and_then(|node| refusals(&node, report)),
        activity: Arc::default(),
        // Last: what is asked for before is read, whether there is a name or not.
        key: key?.clone(),
        name: name?,
    };
    Some(consumer)
}

fn flag(fields: &mut Fields<'_>, key: &'static str, default: bool, report: &mut Report) -> bool {
    fields.get(key).and_then(|node| node.flag(report)).unwrap_or(default)
}

fn consumer_key(node: &Node<'_>, report: &mut Report) -> Option<ConsumerKey> {
    let text = node.text(report)?;
    let Some(key) = ConsumerKey::new(text) else {
        let hint = format!("write 1 to {} bytes without control characters", ConsumerKey::MAX);
        report.problem(node, format!("`key` has {} bytes, or a character that it may not have", text.len()), hint);
        return None;
    };
    if text.trim() != text {
        report.warn(node, format!("the key {text:?} begins or ends with a blank"), "clients have to send the blank too");
    }
    Some(key)
}

/// A text that is not blank and has no control characters: it goes into headers, logs and pages.
fn line_of_text(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(report)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        let message = format!("`{}` is blank or has control characters in it", node.label());
        report.problem(node, message, "write one line of text");
        return None;
    }
    Some(text.to_owned())
}

fn callback_url(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.text(report)?;
    if !matches!(callback::read(text.as_bytes()), Some(Callback::Url(_))) {
        let hint =
            "write an absolute URL without fragment, such as https://reports.example.com/oauth/callback, or take the line out";
        report.wrong_type(node, "an http or https URL", hint);
        return None;
    }
    Some(text.to_owned())
}

fn two_legged(node: &Node<'_>, report: &mut Report) -> TwoLegged {
    let Some(mut fields) = Fields::of(node, report) else { return TwoLegged::default() };
    let execute_as = fields.get("execute_as").filter(|node| !node.is_null());
    let two_legged = TwoLegged {
        allowed: flag(&mut fields, "allowed", true, report),
        execute_as: execute_as.and_then(|node| line_of_text(&node, report)),
        impersonation: flag(&mut fields, "impersonation", false, report),
    };
    fields.finish(report);
    two_legged
}

fn allow(node: &Node<'_>, report: &mut Report) -> Vec<Allow> {
    let entries = node.entries(report);
    if entries.is_empty() && node.value().is_sequence() {
        report.warn(node, "`allow` is empty: the consumer can reach nothing", "take the line out to allow everything");
    }
    entries.iter().filter_map(|entry| allow_entry(entry, report)).collect()
}

fn allow_entry(node: &Node<'_>, report: &mut Report) -> Option<Allow> {
    let mut fields = Fields::of(node, report)?;
    let pattern = fields.mandatory("path", report, "write for example: path: /rest/**");
    let pattern = pattern.and_then(|node| path_pattern(&node, report));
    let methods = fields.get("methods").map(|node| methods(&node, report));
    fields.finish(report);
    Some(Allow { pattern: pattern?, methods })
}

fn rate_limit(node: &Node<'_>, report: &mut Report) -> Option<RateLimit> {
    let mut fields = Fields::of(node, report)?;
    let requests = fields.mandatory("requests", report, "write for example: requests: 100");
    let per = fields.mandatory("per", report, "write for example: per: 1s");
    let requests = requests.and_then(|node| node.count(1..=MAX_REQUESTS, report));
    let per = per.and_then(|node| node.duration(PER, report));
    fields.finish(report);
    let limit = RateLimit::new(NonZeroU32::new(u32::try_from(requests?).ok()?)?, per?);
    if limit.is_none() {
        report.problem(node, "`rate_limit` allows more than a request a nanosecond", "take the line out for no limit");
    }
    limit
}

/// The start of a day in UTC, or a moment.
fn expires(node: &Node<'_>, now: Timestamp, report: &mut Report) -> Option<Timestamp> {
    let Some(seconds) = seconds_of(node.text(report)?) else {
        report.wrong_type(node, "a date or a time", "write 2027-01-01 (the start of that day in UTC) or 2027-01-01T12:00:00Z");
        return None;
    };
    let expires = Timestamp::from_seconds(seconds);
    if expires <= now {
        report.warn(node, "`expires` is past: every request of this consumer is refused", "");
    }
    Some(expires)
}

fn seconds_of(text: &str) -> Option<u64> {
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        // A date with a time but no zone parses as a date too; what zone was meant?
        Err(_) if text.len() != "2027-01-01".len() => return None,
        Err(_) => text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
    };
    u64::try_from(moment.as_second()).ok()
}

fn refusals(node: &Node<'_>, report: &mut Report) -> Option<Reveal> {
    let mut fields = Fields::of(node, report)?;
    let value = fields.get("reveal").and_then(|node| reveal(&node, report));
    fields.finish(report);
    value
}

/// Beyond this no limit limits anything.
const MAX_REQUESTS: u64 = 1_000_000_000;
const PER: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_start_of_the_day_in_utc() {
        assert_eq!(seconds_of("2027-01-01"), Some(1_798_761_600));
        assert_eq!(seconds_of("2027-01-01T01:00:00+01:00"), Some(1_798_761_600));
        for text in ["2027-13-01", "2027-01-01T00:00:00", "1.1.2027", "1960-01-01", "", "tomorrow"] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }
}
