//! Bodies: JSON, of a bounded size, with no member that nobody reads.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::object::Object;
use crate::admin::problem::ProblemDocument;

/// What was sent.
pub(super) struct Sent<T> {
    pub(super) value: T,
    bytes: Bytes,
}

impl<T> Sent<T> {
    /// As it was written, for an answer that shows it beside what is there.
    pub(super) fn as_written(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = ProblemDocument;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemDocument> {
        if !is_json(request.headers()) {
            let detail = "the body has to be JSON, and the request has to say so";
            return Err(ProblemDocument::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail)
                .hint("send Content-Type: application/json, and no Content-Encoding"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        let Object(value) = serde_json::from_slice(&bytes).map_err(|error| misread(&error))?;
        Ok(Self { value, bytes })
    }
}

/// A browser sends another site's form under neither of the two without asking first (CORS), and is told nothing then.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).into_iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return false };
    let name = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_json = ["application/json", "application/merge-patch+json"].iter().any(|json| name.eq_ignore_ascii_case(json));
    is_json && !headers.contains_key(CONTENT_ENCODING)
}

fn unread(rejection: &BytesRejection) -> ProblemDocument {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ProblemDocument::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is larger than 1 MiB")
    } else {
        ProblemDocument::new(StatusCode::BAD_REQUEST, "incomplete", "the body did not come to its end")
    }
}

fn misread(error: &serde_json::Error) -> ProblemDocument {
    match error.classify() {
        Category::Data => ProblemDocument::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", error.to_string())
            .hint("/openapi.json describes what is taken"),
        Category::Syntax | Category::Eof | Category::Io => {
            ProblemDocument::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is no JSON: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn only_what_says_that_it_is_json_is_read_as_json() {
        let is_json_with = |lines: &[(HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, HeaderValue::from_static(value));
            }
            is_json(&headers)
        };
        for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
            assert!(is_json_with(&[(CONTENT_TYPE, content_type)]), "{content_type}");
        }
        for content_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/plain;application/json", ""]
        {
            assert!(!is_json_with(&[(CONTENT_TYPE, content_type)]), "{content_type}");
        }
        assert!(!is_json_with(&[]));
        assert!(!is_json_with(&[(CONTENT_TYPE, "application/json"), (CONTENT_TYPE, "application/json")]));
        assert!(!is_json_with(&[(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")]));
    }
}
