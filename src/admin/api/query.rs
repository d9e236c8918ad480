//! Query parameters, of which none is guessed at.

use axum::extract::{FromRequestParts, Query as AxumQuery};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::admin::problem::ProblemDocument;

/// The parameters.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ProblemDocument;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemDocument> {
        match AxumQuery::from_request_parts(parts, state).await {
            Ok(AxumQuery(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(bad_query(&rejection.body_text())),
        }
    }
}

/// Takes a number of entries that an answer may have.
pub(super) fn limit(asked: Option<usize>, default: usize, most: usize) -> Result<usize, ProblemDocument> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(bad_query(&format!("`limit` is {limit}, and may be 1 to {most}"))),
    }
}

/// What cannot be meant by a query.
pub(super) fn bad_query(detail: &str) -> ProblemDocument {
    ProblemDocument::new(StatusCode::BAD_REQUEST, "bad_query", detail)
}
