//! The access token and what the first call with it came to, for people and for scripts.

use std::fs;
use std::path::Path;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;
use crate::cli::failure::Failure;
use crate::harmless::harmless;
use crate::oauth::timestamp::Timestamp;

/// Token credentials. They are the command's output, and shown nowhere else.
pub(super) struct Token {
    pub(super) token: String,
    secret: Option<String>,
    pub(super) session_handle: Option<String>,
    /// Seconds for which it is good.
    expires_in: Option<u64>,
    /// Seconds for which it can be renewed.
    session_expires_in: Option<u64>,
    /// When it was given, in seconds since 1970.
    given: u64,
}

/// What the application answered.
pub(super) struct Called<'a> {
    url: &'a str,
    status: StatusCode,
    body: String,
}

impl Token {
    /// Reads the answer to an exchange or a renewal.
    pub(super) fn given(answer: &Answer) -> Option<Self> {
        let seconds = |name| answer.given(name).and_then(|text| text.parse().ok());
        Some(Self {
            token: answer.given("oauth_token")?,
            secret: answer.given("oauth_token_secret"),
            session_handle: answer.given("oauth_session_handle"),
            expires_in: seconds("oauth_expires_in"),
            session_expires_in: seconds("oauth_authorization_expires_in"),
            given: crate::clock::Clock::System.wall().seconds(),
        })
    }

    /// Reads what [`Self::json`] wrote.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let shown = file.display();
        let text = fs::read_to_string(file).map_err(|error| Failure::new(format!("cannot read the token {shown}: {error}")))?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |name: &str| value[name].as_str().map(str::to_owned);
        let token = field("oauth_token").ok_or_else(|| {
            Failure::new(format!("{shown} holds no token")).hint("it is a file that countersign dance --json wrote")
        })?;
        let session_handle = field("oauth_session_handle");
        Ok(Self { token, secret: None, session_handle, expires_in: None, session_expires_in: None, given: 0 })
    }

    /// What no error text may hold.
    pub(super) fn secrets(&self) -> Vec<&str> {
        [Some(&self.token), self.secret.as_ref(), self.session_handle.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |title: &str, value: Option<String>| {
            let value = value.unwrap_or_else(|| "the server does not say".into());
            text.push_str(&format!("{title:16} {value}\n"));
        };
        line("access token", Some(harmless(&self.token)));
        line("token secret", Some(self.secret.as_deref().map_or_else(|| "none".into(), harmless)));
        line("session handle", Some(self.session_handle.as_deref().map_or_else(|| "none".into(), harmless)));
        line("expires", self.expires_in.map(|seconds| self.moment(seconds)));
        line("renewable until", self.session_expires_in.map(|seconds| self.moment(seconds)));
        text
    }

    /// `2031-11-27T20:00:00Z, in 157680000 s`
    fn moment(&self, seconds: u64) -> String {
        let at = self.at(seconds).and_then(|at| jiff::Timestamp::from_second(i64::try_from(at.seconds()).ok()?).ok());
        at.map_or_else(|| format!("in {seconds} s"), |at| format!("{at}, in {seconds} s"))
    }

    fn at(&self, seconds: u64) -> Option<Timestamp> {
        self.given.checked_add(seconds).map(Timestamp::from_seconds)
    }

    /// Everything, with what became of the call or why nothing did.
    pub(super) fn json(&self, called: Result<Called<'_>, &str>) -> String {
        let at = |seconds: Option<u64>| seconds.and_then(|seconds| self.at(seconds)).map(Timestamp::seconds);
        let object = json!({
            "oauth_token": self.token,
            "oauth_token_secret": self.secret,
            "oauth_session_handle": self.session_handle,
            "oauth_expires_in": self.expires_in,
            "oauth_authorization_expires_in": self.session_expires_in,
            "expires_at": at(self.expires_in),
            "renewable_until": at(self.session_expires_in),
            "call": match called {
                Ok(called) => json!({ "url": called.url, "status": called.status.as_u16(), "body": called.body }),
                Err(why) => json!({ "error": why }),
            },
        });
        format!("{object:#}\n")
    }
}

impl<'a> Called<'a> {
    pub(super) fn of(answer: &'a Answer) -> Self {
        Self { url: &answer.url, status: answer.status, body: String::from_utf8_lossy(&answer.body).into_owned() }
    }

    /// The status, and the first lines of the body.
    pub(super) fn text(&self) -> String {
        let mut text = format!("\nGET {}  {}\n", self.url, self.status);
        for line in self.body.lines().take(LINES) {
            let shown: String = line.chars().take(WIDTH).collect();
            text.push_str(&format!("  {}\n", harmless(&shown)));
        }
        text
    }
}

/// Enough to see who answers.
const LINES: usize = 10;
/// In characters.
const WIDTH: usize = 200;
