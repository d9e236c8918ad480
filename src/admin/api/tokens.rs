//! `/tokens`: users' access tokens: which there are, and how they are taken back.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{MethodRouter, delete, get};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::{Query, bad_query, limit};
use super::view::moment;
use crate::admin::change::blocking;
use crate::admin::problem::ProblemDocument;
use crate::admin::session::ApiCaller;
use crate::admin::tokens::{self, RevokeError};
use crate::admin::{Admin, Peer};
use crate::consumers::ConsumerKey;
use crate::tokens::{AccessToken, Revoked, Selection, TokenId};

/// `/tokens`
pub(super) fn all() -> MethodRouter<Admin> {
    get(list).delete(revoke_all)
}

/// `/tokens/{id}`
pub(super) fn one() -> MethodRouter<Admin> {
    delete(revoke)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Page {
    limit: Option<usize>,
    offset: usize,
    consumer: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Whose {
    consumer: Option<String>,
    user: Option<String>,
}

async fn list(State(admin): State<Admin>, _: ApiCaller, Query(page): Query<Page>) -> Result<Json<Value>, ProblemDocument> {
    let (limit, offset) = (limit(page.limit, LIST_DEFAULT, LIST_MOST)?, page.offset);
    let which = selection(Whose { consumer: page.consumer, user: page.user })?;
    let store = admin.shared.gateway.tokens.clone().ok_or_else(|| refused(&RevokeError::NoDance))?;
    let work = move || {
        let found = store.list(&which, usize::MAX);
        let shown: Vec<Value> = found.iter().skip(offset).take(limit).map(|token| view(token)).collect();
        Ok(json!({ "total": found.len(), "offset": offset, "limit": limit, "tokens": shown }))
    };
    blocking(work).await.map(Json).map_err(|_| refused(&RevokeError::Unfinished))
}

async fn revoke(
    State(admin): State<Admin>,
    caller: ApiCaller,
    Extension(peer): Extension<Peer>,
    id: Result<Path<i64>, PathRejection>,
) -> Result<Json<Value>, ProblemDocument> {
    let bad_path = |_| ProblemDocument::new(StatusCode::BAD_REQUEST, "bad_path", "the path ends with no token's number");
    let Path(id) = id.map_err(bad_path)?;
    let which = Selection { id: Some(TokenId(id)), ..Selection::default() };
    let revoked = tokens::revoke(&admin, caller.actor(), peer, which).await.map_err(|error| refused(&error))?;
    if revoked.is_empty() {
        let detail = format!("no access token that can be used or renewed has the number {id}");
        return Err(ProblemDocument::new(StatusCode::NOT_FOUND, "unknown_token", detail).hint("GET /api/v1/tokens lists them"));
    }
    Ok(done(&revoked))
}

/// Those of a consumer, of a user, or of both; never all of them by a slip.
async fn revoke_all(
    State(admin): State<Admin>,
    caller: ApiCaller,
    Extension(peer): Extension<Peer>,
    Query(whose): Query<Whose>,
) -> Result<Json<Value>, ProblemDocument> {
    let which = selection(whose)?;
    if which == Selection::default() {
        return Err(bad_query("say whose tokens: `consumer`, `user`, or both"));
    }
    let revoked = tokens::revoke(&admin, caller.actor(), peer, which).await.map_err(|error| refused(&error))?;
    Ok(done(&revoked))
}

fn selection(whose: Whose) -> Result<Selection, ProblemDocument> {
    let key = |text: String| ConsumerKey::new(&text).ok_or_else(|| bad_query("`consumer` is nothing that can be a consumer key"));
    let consumer = whose.consumer.map(key).transpose()?;
    if whose.user.as_deref() == Some("") {
        return Err(bad_query("`user` is empty"));
    }
    Ok(Selection { id: None, consumer, user: whose.user })
}

fn view(token: &AccessToken) -> Value {
    json!({
        "id": token.id.0,
        "consumer": token.consumer.as_str(),
        "user": &*token.user,
        "issued": moment(token.issued),
        "expires": moment(token.expires),
        "session_expires": moment(token.session_expires),
    })
}

fn done(revoked: &Revoked) -> Json<Value> {
    let done = if revoked.is_empty() { "nothing" } else { "revoked" };
    Json(json!({ "done": done, "revoked": revoked.tokens.len(), "request_tokens": revoked.request_tokens }))
}

fn refused(error: &RevokeError) -> ProblemDocument {
    let (status, code) = match error {
        RevokeError::NoDance => (StatusCode::NOT_FOUND, "no_dance"),
        RevokeError::Unaudited(_) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        RevokeError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "tokens_kept"),
        RevokeError::Unfinished => (StatusCode::SERVICE_UNAVAILABLE, "unfinished"),
    };
    ProblemDocument::new(status, code, error.to_string()).hint(error.hint())
}

const LIST_DEFAULT: usize = 100;

/// Some two hundred kilobytes of JSON.
const LIST_MOST: usize = 1000;
