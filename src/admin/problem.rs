//! Refusals for programs: RFC 9457 problem documents.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

/// Why a program does not get what it asked for.
#[derive(Debug)]
pub struct ProblemDocument {
    status: StatusCode,
    members: Map<String, Value>,
}

impl ProblemDocument {
    /// A refusal with a code for the program and a sentence for whoever wrote it.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let members = [
            // "No more than the status": the code tells them apart, and no URL has to be there for ever.
            ("type", "about:blank".into()),
            ("title", title.into()),
            ("status", status.as_u16().into()),
            ("code", code.into()),
            ("detail", detail.into().into()),
        ];
        Self { status, members: members.map(|(name, value): (&str, Value)| (name.to_owned(), value)).into_iter().collect() }
    }

    /// What to do about it.
    pub fn hint(self, hint: &str) -> Self {
        if hint.is_empty() { self } else { self.with("hint", hint) }
    }

    /// One more member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

impl IntoResponse for ProblemDocument {
    fn into_response(self) -> Response {
        let body = Value::Object(self.members).to_string();
        let mut response = (self.status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        let also = match self.status {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer realm=\"countersign admin\"")),
            // Whoever edits or reads the files now is done then.
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, "2")),
            _ => None,
        };
        if let Some((name, value)) = also {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Whether a path is for programs, and so are its refusals.
pub fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/")
}
