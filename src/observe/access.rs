//! The access log: one JSON object a line, written when an answer has gone out.
//!
//! Neither query nor headers are in it: they carry signatures and secrets.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;

use super::recent::RecentRefusal;
use super::sink::Sink;
use super::traffic::Times;
use crate::harmless::without_secrets;

/// One request, from its head to the end of its answer.
#[derive(Debug)]
pub struct AccessRecord {
    /// When the head was there.
    pub started: Instant,
    /// What the backend was told too.
    pub request_id: HeaderValue,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// The request method.
    pub method: Method,
    /// The raw path, without the query.
    pub path: String,
    /// What was decided, and how long it took.
    pub outcome: Outcome,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

/// What was decided about a request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The status of the answer; `None` if the client left before there was one.
    pub status: Option<StatusCode>,
    /// The consumer key: proved if the verdict is `admitted`, else claimed.
    pub consumer: Option<String>,
    /// The user that the backend was told.
    pub user: Option<String>,
    /// `admitted`, `anonymous`, or a refusal's code.
    pub verdict: &'static str,
    /// The operator's sentence.
    pub reason: Option<String>,
    /// Until the request went out or was refused.
    pub gateway: Duration,
    /// From then until the head of the backend's answer.
    pub upstream: Option<Duration>,
}

/// A head that never became a request: there is no method and no path that could be trusted to be one.
#[derive(Debug)]
pub struct UnreadHead {
    /// Made here, as for every line.
    pub request_id: HeaderValue,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// What was answered; `None`: the connection was only closed.
    pub status: Option<StatusCode>,
    /// `bad_head` or `head_timeout`.
    pub verdict: &'static str,
    /// The operator's sentence.
    pub reason: String,
}

impl UnreadHead {
    /// Writes the line.
    pub fn write(&self, sink: &Sink) {
        write_line(sink, |line, time| serde_json::to_writer(line, &self.fields(time)));
    }

    /// For administrators who ask.
    pub(super) fn recent(&self) -> RecentRefusal {
        self.fields("").recent()
    }

    fn fields<'a>(&'a self, time: &'a str) -> Fields<'a> {
        Fields {
            time,
            request_id: self.request_id.to_str().unwrap_or_default(),
            peer: self.peer,
            method: None,
            path: None,
            status: self.status.map(|status| status.as_u16()),
            consumer: None,
            user: None,
            verdict: self.verdict,
            reason: Some(OneLine::Plain(&self.reason)),
            gateway_us: 0,
            upstream_us: None,
            bytes_out: 0,
        }
    }
}

impl AccessRecord {
    /// Writes the line.
    pub fn write(&self, sink: &Sink) {
        write_line(sink, |line, time| serde_json::to_writer(line, &self.fields(time)));
    }

    /// For metrics, in the moment in which the answer ended.
    pub fn times(&self) -> Times {
        Times { request: self.started.elapsed(), gateway: self.outcome.gateway, upstream: self.outcome.upstream }
    }

    /// `admitted`, `anonymous`, a refusal's code, or that there is none.
    pub fn verdict(&self) -> &'static str {
        if self.outcome.verdict.is_empty() { "client_gone" } else { self.outcome.verdict }
    }

    /// Whether it was refused; on an observed route, whether it would have been.
    pub fn is_refusal(&self) -> bool {
        !matches!(self.verdict(), "admitted" | "anonymous" | "client_gone")
    }

    /// For administrators who ask.
    pub(super) fn recent(&self) -> RecentRefusal {
        self.fields("").recent()
    }

    fn fields<'a>(&'a self, time: &'a str) -> Fields<'a> {
        let gone = self.outcome.status.is_none();
        // What was proved is shown as it is.
        let claimed = if self.verdict() == "admitted" { OneLine::Plain } else { OneLine::Claimed };
        Fields {
            time,
            request_id: self.request_id.to_str().unwrap_or_default(),
            peer: self.peer,
            method: Some(self.method.as_str()),
            path: Some(claimed(&self.path)),
            status: Some(self.outcome.status.map_or(CLIENT_GONE, |status| status.as_u16())),
            consumer: self.outcome.consumer.as_deref().map(claimed),
            user: self.outcome.user.as_deref().map(claimed),
            verdict: self.verdict(),
            reason: if gone { Some(CLIENT_LEFT) } else { self.outcome.reason.as_deref() }.map(OneLine::Plain),
            gateway_us: micros(self.outcome.gateway),
            upstream_us: self.outcome.upstream.map(micros),
            bytes_out: self.bytes_out,
        }
    }
}

pub(super) fn write_line(sink: &Sink, write: impl FnOnce(&mut Vec<u8>, &str) -> serde_json::Result<()>) {
    thread_local! {
        static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    LINE.with_borrow_mut(|line| {
        line.clear();
        let written = with_time(|time| write(line, time));
        if written.is_ok() {
            line.push(b'\n');
            sink.append(line);
        }
    });
}

#[derive(Serialize)]
struct Fields<'a> {
    time: &'a str,
    request_id: &'a str,
    peer: IpAddr,
    method: Option<&'a str>,
    path: Option<OneLine<'a>>,
    status: Option<u16>,
    consumer: Option<OneLine<'a>>,
    user: Option<OneLine<'a>>,
    verdict: &'static str,
    reason: Option<OneLine<'a>>,
    gateway_us: u64,
    upstream_us: Option<u64>,
    bytes_out: u64,
}

impl Fields<'_> {
    fn recent(&self) -> RecentRefusal {
        let text = |text: &OneLine<'_>| text.shown().into_owned();
        RecentRefusal {
            time: jiff::Timestamp::now(),
            request_id: OneLine::Plain(self.request_id).shown().into_owned(),
            peer: self.peer,
            method: self.method.map(|method| OneLine::Plain(method).shown().into_owned()),
            path: self.path.as_ref().map(text),
            status: self.status,
            consumer: self.consumer.as_ref().map(text),
            user: self.user.as_ref().map(text),
            verdict: self.verdict,
            reason: self.reason.as_ref().map(text),
            gateway_us: self.gateway_us,
            upstream_us: self.upstream_us,
            bytes_out: self.bytes_out,
        }
    }
}

/// JSON escapes what ends a line for a computer; U+2028, U+0085 and terminal controls, which do so for people, it leaves.
/// What is longer than anything that people write is cut: the log's size must not be the client's to choose.
#[derive(Debug, Clone, Copy)]
pub(super) enum OneLine<'a> {
    /// As it is.
    Plain(&'a str),
    /// What nobody has vouched for: a request that was damaged on the way may have the rest of its parameters in it.
    Claimed(&'a str),
}

impl Serialize for OneLine<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

impl<'a> OneLine<'a> {
    pub(super) fn shown(self) -> Cow<'a, str> {
        match self {
            Self::Plain(text) => Self::in_one_line(text),
            Self::Claimed(text) => match Self::in_one_line(text) {
                Cow::Borrowed(text) => without_secrets(text),
                Cow::Owned(text) => Cow::Owned(without_secrets(&text).into_owned()),
            },
        }
    }

    /// What is ASCII needs no copy: JSON escapes its controls.
    fn in_one_line(text: &'a str) -> Cow<'a, str> {
        if text.len() > SHOWN {
            let start = &text[..text.floor_char_boundary(SHOWN)];
            return Cow::Owned(Self::escaped(start) + "…");
        }
        if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(Self::escaped(text)) }
    }

    fn escaped(text: &str) -> String {
        let plain = |c: char| if c.is_alphanumeric() || c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
        text.chars().map(plain).collect()
    }
}

/// Bytes of a value that are logged. A line has few of them, so that [`super::sink`] has room for some thousands of lines.
const SHOWN: usize = 1024;

const CLIENT_LEFT: &str = "the client left before there was an answer";

/// What is logged as the status where there is none; nginx made the number known.
const CLIENT_GONE: u16 = 499;

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The time in RFC 3339 with milliseconds, UTC. The part up to the second is made once a second.
fn with_time<T>(use_it: impl FnOnce(&str) -> T) -> T {
    thread_local! {
        static SECOND: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = jiff::Timestamp::now();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() || text.is_empty() {
            *second = now.as_second();
            let whole = jiff::Timestamp::from_second(*second).unwrap_or_default();
            // 2026-01-02T03:04:05Z without the Z
            *text = whole.to_string().trim_end_matches('Z').to_owned();
        }
        let whole = text.len();
        let millis = now.subsec_millisecond().unsigned_abs();
        text.push('.');
        text.extend([millis / 100, millis / 10 % 10, millis % 10].map(|digit| char::from(b'0' + digit as u8)));
        text.push('Z');
        let result = use_it(text);
        text.truncate(whole);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_has_three_digits_of_milliseconds() {
        for _ in 0..20 {
            with_time(|time| {
                assert_eq!(time.len(), "2026-01-02T03:04:05.678Z".len(), "{time}");
                assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
            });
            std::thread::sleep(Duration::from_millis(7));
        }
    }

    fn record(path: &str, outcome: Outcome) -> AccessRecord {
        AccessRecord {
            started: Instant::now(),
            request_id: HeaderValue::from_static("r"),
            peer: "192.0.2.1".parse().unwrap(),
            method: Method::GET,
            path: path.to_owned(),
            outcome,
            bytes_out: 0,
        }
    }

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let outcome = Outcome { verdict: "anonymous", status: Some(StatusCode::OK), ..Outcome::default() };
        let record = record("/a\r\n\u{2028}\u{1b}[31m\u{202e}ä", outcome);
        let text = serde_json::to_string(&record.fields("t")).unwrap();
        assert!(!text.contains(['\n', '\r', '\u{2028}', '\u{1b}', '\u{202e}']), "{text}");
        assert!(text.contains('ä'));
    }

    #[test]
    fn no_signature_of_a_damaged_request_is_in_it() {
        let damaged = || "xoauth_consumer_key=x&oauth_signature=c2ln".to_owned();
        let outcome =
            Outcome { verdict: "no_credentials", consumer: Some(damaged()), user: Some(damaged()), ..Outcome::default() };
        let record = record(&format!("/{}", damaged()), outcome);
        for text in [serde_json::to_string(&record.fields("t")).unwrap(), serde_json::to_string(&record.recent()).unwrap()] {
            assert!(!text.contains("c2ln") && text.matches("oauth_consumer_key=x&oauth_sig…\"").count() == 3, "{text}");
        }
    }

    #[test]
    fn what_was_proved_is_shown_whole() {
        let outcome = Outcome { verdict: "admitted", consumer: Some("oauth_signer1".to_owned()), ..Outcome::default() };
        let text = serde_json::to_string(&record("/rest/oauth_tokens/42", outcome).fields("t")).unwrap();
        assert!(text.contains("\"/rest/oauth_tokens/42\"") && text.contains("\"oauth_signer1\""), "{text}");
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters() {
        let shown = |text: &str| serde_json::to_string(&OneLine::Plain(text)).unwrap();
        let fitting = "x".repeat(SHOWN);
        assert_eq!(shown(&fitting), format!("\"{fitting}\""));
        assert_eq!(shown(&format!("{fitting}x")), format!("\"{fitting}…\""));
        assert_eq!(shown(&"ä".repeat(SHOWN)), format!("\"{}…\"", "ä".repeat(SHOWN / 2)));
    }
}
