//! The sections that are maps of single values.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use http::HeaderName;

use super::lists::signature_methods;
use crate::config::{
    BodyHashPolicy, IdentityHeaders, Limits, Log, LogFormat, LogLevel, LogTarget, RefusalSettings, Reveal, Timeouts,
    VerifySettings,
};
use crate::oauth::key::{MAX_BITS, MIN_BITS};
use crate::oauth::signature::SignatureMethod;
use crate::oauth::timestamp::Window;
use crate::yaml::{Fields, Node, Report};

/// `verify`
pub(super) fn verify(node: Option<Node<'_>>, report: &mut Report) -> VerifySettings {
    let (mut methods, mut age, mut ahead, mut body_hash, mut bits) = (None, None, None, None, None);
    if let Some(mut fields) = node.as_ref().and_then(|node| Fields::of(node, report)) {
        methods = fields.get("signature_methods").map(|node| signature_methods(&node, report));
        age = fields.get("max_age").and_then(|node| node.duration(WINDOW, report));
        ahead = fields.get("max_ahead").and_then(|node| node.duration(WINDOW, report));
        body_hash = fields.get("body_hash").and_then(|node| node.one_of(&BODY_HASH, report));
        bits = fields.get("min_key_bits").and_then(|node| node.count(MIN_BITS.into()..=MAX_BITS.into(), report));
        fields.finish(report);
    }
    VerifySettings {
        signature_methods: methods.unwrap_or_else(|| vec![SignatureMethod::RsaSha1]),
        window: Window::new(age.unwrap_or(DEFAULT_WINDOW), ahead.unwrap_or(DEFAULT_WINDOW)),
        body_hash: body_hash.unwrap_or(BodyHashPolicy::IfPresent),
        min_key_bits: bits.and_then(|bits| u32::try_from(bits).ok()).unwrap_or(MIN_BITS),
    }
}

/// `identity_headers`
pub(super) fn identity_headers(node: Option<Node<'_>>, report: &mut Report) -> IdentityHeaders {
    let mut headers = IdentityHeaders {
        consumer: HeaderName::from_static("x-oauth-consumer"),
        user: HeaderName::from_static("x-forwarded-user"),
    };
    let Some(node) = node else { return headers };
    let Some(mut fields) = Fields::of(&node, report) else { return headers };
    if let Some(name) = fields.get("consumer").and_then(|node| identity_header(&node, report)) {
        headers.consumer = name;
    }
    if let Some(name) = fields.get("user").and_then(|node| identity_header(&node, report)) {
        headers.user = name;
    }
    fields.finish(report);
    if headers.consumer == headers.user {
        report.problem(&node, format!("consumer and user have the same header, {}", headers.user), "name two headers");
    }
    headers
}

pub(super) fn identity_header(node: &Node<'_>, report: &mut Report) -> Option<HeaderName> {
    let text = node.text(report)?;
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    // Backends of the CGI tradition read `_` and `-` alike, so that another header could pass for this one.
    let Some(name) = name.filter(|name| !name.as_str().contains('_')) else {
        report.wrong_type(node, "a header name", "use letters, digits and -, for example X-OAuth-Consumer");
        return None;
    };
    if RESERVED.contains(&name.as_str()) {
        let message = format!("`{}`: {text} has a meaning of its own in HTTP", node.label());
        report.problem(node, message, "take a name that nothing else uses, for example X-OAuth-Consumer");
        return None;
    }
    Some(name)
}

/// `refusals`
pub(super) fn refusals(node: Option<Node<'_>>, report: &mut Report) -> RefusalSettings {
    let mut refusals = RefusalSettings { reveal: Reveal::Code, reveal_unknown_consumer: true };
    let Some(mut fields) = node.as_ref().and_then(|node| Fields::of(node, report)) else { return refusals };
    if let Some(value) = fields.get("reveal").and_then(|node| reveal(&node, report)) {
        refusals.reveal = value;
    }
    if let Some(value) = fields.get("reveal_unknown_consumer").and_then(|node| node.flag(report)) {
        refusals.reveal_unknown_consumer = value;
    }
    fields.finish(report);
    refusals
}

/// `refusals.reveal`, here and with a consumer.
pub(crate) fn reveal(node: &Node<'_>, report: &mut Report) -> Option<Reveal> {
    let names = [("code", Reveal::Code), ("diagnosis", Reveal::Diagnosis), ("base_string", Reveal::BaseString)];
    node.one_of(&names, report)
}

/// `limits`
pub(super) fn limits(node: &Node<'_>, report: &mut Report) -> Limits {
    let mut limits = Limits::default();
    let Some(mut fields) = Fields::of(node, report) else { return limits };
    size(&mut fields, "header", HEADER, &mut limits.header, report);
    size(&mut fields, "target", KIB..=MIB, &mut limits.target, report);
    size(&mut fields, "signed_body", KIB..=GIB, &mut limits.signed_body, report);
    size(&mut fields, "held_bodies", KIB..=64 * GIB, &mut limits.held_bodies, report);
    size(&mut fields, "consumers_file", KIB..=4 * GIB, &mut limits.consumers_file, report);
    count(&mut fields, "parameters", PARAMETERS, &mut limits.parameters, report);
    count(&mut fields, "connections", 1..=1_000_000, &mut limits.connections, report);
    count(&mut fields, "connections_per_address", 1..=1_000_000, &mut limits.connections_per_address, report);
    count(&mut fields, "nonces", NONCES, &mut limits.nonces, report);
    limits.nonces_per_consumer = limits.nonces / 2;
    if let Some(node) = fields.get("nonces_per_consumer") {
        limits.nonces_per_consumer = node.share_of(limits.nonces, report).unwrap_or(limits.nonces_per_consumer);
    }
    if let Some(streams) = fields.get("h2_streams").and_then(|node| node.count(1..=10_000, report)) {
        limits.h2_streams = u32::try_from(streams).unwrap_or(limits.h2_streams);
    }
    fields.finish(report);
    limits
}

fn size(fields: &mut Fields<'_>, key: &'static str, range: RangeInclusive<usize>, slot: &mut usize, report: &mut Report) {
    if let Some(size) = fields.get(key).and_then(|node| node.size(range, report)) {
        *slot = size;
    }
}

fn count(fields: &mut Fields<'_>, key: &'static str, range: RangeInclusive<u64>, slot: &mut usize, report: &mut Report) {
    if let Some(count) = fields.get(key).and_then(|node| node.count(range, report)) {
        *slot = usize::try_from(count).unwrap_or(*slot);
    }
}

/// `timeouts`
pub(super) fn timeouts(node: &Node<'_>, report: &mut Report) -> Timeouts {
    let mut timeouts = Timeouts::default();
    let Some(mut fields) = Fields::of(node, report) else { return timeouts };
    let slots = [
        ("handshake", &mut timeouts.handshake),
        ("header", &mut timeouts.header),
        ("body", &mut timeouts.body),
        ("idle", &mut timeouts.idle),
        ("connect", &mut timeouts.connect),
        ("response", &mut timeouts.response),
        ("drain", &mut timeouts.drain),
    ];
    for (key, slot) in slots {
        if let Some(duration) = fields.get(key).and_then(|node| node.duration(TIMEOUT, report)) {
            *slot = duration;
        }
    }
    fields.finish(report);
    timeouts
}

/// `log`
pub(super) fn log(node: &Node<'_>, base: &Path, report: &mut Report) -> Log {
    let mut log = Log::default();
    let Some(mut fields) = Fields::of(node, report) else { return log };
    if let Some(format) = fields.get("format").and_then(|node| node.one_of(&FORMATS, report)) {
        log.format = format;
    }
    if let Some(level) = fields.get("level").and_then(|node| node.one_of(&LEVELS, report)) {
        log.level = level;
    }
    if let Some(target) = fields.get("file").and_then(|node| log_target(&node, base, report)) {
        log.file = target;
    }
    if let Some(target) = fields.get("audit").and_then(|node| log_target(&node, base, report)) {
        log.audit = target;
    }
    fields.finish(report);
    log
}

fn log_target(node: &Node<'_>, base: &Path, report: &mut Report) -> Option<LogTarget> {
    match node.text(report)? {
        "stderr" => Some(LogTarget::Stderr),
        // Surely not meant as the names of files.
        "stdout" | "-" | "syslog" | "journal" | "" => {
            report.wrong_type(node, "`stderr` or a path", "write stderr (the service manager keeps it) or a path");
            None
        }
        path => Some(LogTarget::File(base.join(path))),
    }
}

/// Five minutes either way, as the old providers had it.
const DEFAULT_WINDOW: Duration = Duration::from_secs(300);
/// A day at most: every nonce of the window is remembered, and a clock that is off by more is broken.
const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
const DAY: Duration = Duration::from_secs(86_400);
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;
/// hyper reads heads into a buffer of at least 8 KiB.
const HEADER: RangeInclusive<usize> = 8 * KIB..=MIB;
/// OAuth's own parameters are seven; a form of a million is a flood.
const PARAMETERS: RangeInclusive<u64> = 16..=1_000_000;
/// A nonce takes about 40 bytes, so the most is 40 GB.
const NONCES: RangeInclusive<u64> = 1_000..=1_000_000_000;

const BODY_HASH: [(&str, BodyHashPolicy); 3] =
    [("if_present", BodyHashPolicy::IfPresent), ("required", BodyHashPolicy::Required), ("ignore", BodyHashPolicy::Ignore)];
const FORMATS: [(&str, LogFormat); 2] = [("json", LogFormat::Json), ("text", LogFormat::Text)];
const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
/// Headers that frame, route or authenticate a message (RFC 9110, RFC 9112), or that the gateway sets itself.
const RESERVED: [&str; 31] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-request-id",
];
