//! `/consumers`: list, add, show, edit, remove.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::precondition::{seen, tag};
use super::query::{Query, limit};
use super::sent::Sent;
use super::settings::Settings;
use super::{keys, refused, view};
use crate::admin::change::{self, Changed, Live, blocking, editor};
use crate::admin::problem::ProblemDocument;
use crate::admin::session::ApiCaller;
use crate::admin::{Admin, Peer};
use crate::consumers::edit::{Draft, EditError, FileFate};
use crate::oauth::percent;

/// `/consumers`
pub(super) fn all() -> MethodRouter<Admin> {
    get(list).post(add)
}

/// `/consumers/{key}`
pub(super) fn one() -> MethodRouter<Admin> {
    get(show).patch(edit).delete(remove)
}

type KeyInPath = Result<Path<String>, PathRejection>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Page {
    limit: Option<usize>,
    offset: usize,
    search: String,
}

/// The list in force, by key; what is written and not in force yet is `/reload`'s to tell.
async fn list(State(admin): State<Admin>, _: ApiCaller, Query(page): Query<Page>) -> Result<Json<Value>, ProblemDocument> {
    let (policy, now) = (admin.policy(), admin.clock().now());
    let (limit, offset) = (limit(page.limit, LIST_DEFAULT, LIST_MOST)?, page.offset);
    let work = move || {
        let wanted = page.search.to_lowercase();
        let mut found: Vec<_> = policy.consumers.iter().filter(|consumer| view::matches(consumer, &wanted)).collect();
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let shown: Vec<_> = found.iter().skip(offset).take(limit).map(|consumer| view::summary(consumer, now)).collect();
        json!({ "total": found.len(), "offset": offset, "limit": limit, "consumers": shown })
    };
    blocking(move || Ok(work())).await.map(Json).map_err(|error| refused::refused(&error, false))
}

async fn show(State(admin): State<Admin>, _: ApiCaller, key: KeyInPath) -> Result<Response, ProblemDocument> {
    let (editor, key) = (editor(&admin), readable(key)?);
    let entry = blocking(move || editor.find(&key)).await.map_err(|error| match error {
        EditError::Problems(problems) => refused::unusable(&problems),
        error => refused::refused(&error, false),
    })?;
    Ok((tag(entry.revision), Json(view::entry(&entry, &admin))).into_response())
}

async fn add(
    State(admin): State<Admin>,
    caller: ApiCaller,
    Extension(peer): Extension<Peer>,
    sent: Sent<Settings>,
) -> Result<Response, ProblemDocument> {
    let key = sent.value.key().ok_or_else(|| refused::invalid("`key` is missing"))?.to_owned();
    let mut settings = sent.value.change().map_err(refused::invalid)?;
    keys::mend(&mut settings, &admin)?;
    let draft = Draft { key: key.clone(), settings };
    let changed = match change::add(&admin, caller.actor(), peer, draft).await {
        Ok(changed) => changed,
        Err(error) => return Err(failed(&admin, error, false, None).await),
    };
    let place = format!("{}/consumers/{}", super::PREFIX, percent::encode(key.as_bytes()));
    Ok(([(LOCATION, place)], done(StatusCode::CREATED, "added", &changed)).into_response())
}

async fn edit(
    State(admin): State<Admin>,
    caller: ApiCaller,
    Extension(peer): Extension<Peer>,
    key: KeyInPath,
    headers: HeaderMap,
    sent: Sent<Settings>,
) -> Result<Response, ProblemDocument> {
    let (key, seen, as_written) = (readable(key)?, seen(&headers)?, sent.as_written());
    let mut settings = sent.value.change().map_err(refused::invalid)?;
    keys::mend(&mut settings, &admin)?;
    match change::edit(&admin, caller.actor(), peer, &key, settings, seen).await {
        Ok(changed) => Ok(done(StatusCode::OK, "changed", &changed)),
        Err(error) => Err(failed(&admin, error, seen.is_some(), Some(as_written)).await),
    }
}

async fn remove(
    State(admin): State<Admin>,
    caller: ApiCaller,
    Extension(peer): Extension<Peer>,
    key: KeyInPath,
    headers: HeaderMap,
) -> Result<Response, ProblemDocument> {
    let (key, seen) = (readable(key)?, seen(&headers)?);
    match change::remove(&admin, caller.actor(), peer, &key, seen).await {
        Ok(changed) => Ok(done(StatusCode::OK, "removed", &changed)),
        Err(error) => Err(failed(&admin, error, seen.is_some(), None).await),
    }
}

/// What was made of a change. 202 (RFC 9110 §15.3.3) where it is written and the gateway does not go by it yet.
fn done(status: StatusCode, verb: &'static str, changed: &Changed) -> Response {
    let written = &changed.written;
    let verb = if written.fate == FileFate::Unchanged { "nothing" } else { verb };
    let (status, problems) = match &changed.live {
        Live::Now => (status, Vec::new()),
        Live::Soon => (StatusCode::ACCEPTED, Vec::new()),
        Live::KeptOld(problems) => (StatusCode::ACCEPTED, refused::views(&problems.0)),
    };
    let body = json!({
        "done": verb,
        "live": matches!(changed.live, Live::Now),
        "problems": problems,
        "key": written.key,
        "file": written.file.display().to_string(),
        "line": written.line,
        "revision": written.revision.to_string(),
        "fingerprints_before": view::fingerprints(written.before.as_deref()),
        "fingerprints": view::fingerprints(written.after.as_deref()),
        "warnings": refused::views(&written.warnings),
        "tokens_ended": changed.ended,
    });
    // What was removed has no tag any more.
    let tag = written.after.as_ref().map(|_| tag(written.revision));
    (status, tag.into_iter().flatten().collect::<HeaderMap>(), Json(body)).into_response()
}

async fn failed(admin: &Admin, error: EditError, on_condition: bool, sent: Option<Value>) -> ProblemDocument {
    if let EditError::Conflict(conflict) = &error {
        let now = conflict.now.as_ref().map(|entry| view::entry(entry, admin));
        return refused::with_both(refused::refused(&error, on_condition), conflict, now, sent);
    }
    let editor = editor(admin);
    // Which of the problems were there before may take reading all files again.
    let document = blocking(move || Ok(refused::refused_change(&error, on_condition, &editor))).await;
    document.unwrap_or_else(|error| refused::refused(&error, on_condition))
}

fn readable(key: KeyInPath) -> Result<String, ProblemDocument> {
    let not_text =
        |_| ProblemDocument::new(StatusCode::BAD_REQUEST, "bad_path", "the key in the path is no percent-encoded UTF-8");
    key.map(|Path(key)| key).map_err(not_text)
}

const LIST_DEFAULT: usize = 100;

/// Some hundred kilobytes of JSON.
const LIST_MOST: usize = 1000;
