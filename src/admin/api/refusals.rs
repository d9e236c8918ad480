//! `/refusals`: what was refused lately, the newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::routing::{MethodRouter, get};
use serde::{Deserialize, Serialize};

use super::query::{Query, limit};
use crate::admin::Admin;
use crate::admin::problem::ProblemDocument;
use crate::admin::session::ApiCaller;
use crate::observe::RecentRefusal;

/// `/refusals`
pub(super) fn routes() -> MethodRouter<Admin> {
    get(recent)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<usize>,
    consumer: Option<String>,
}

#[derive(Serialize)]
struct Refusals {
    refusals: Vec<RecentRefusal>,
}

async fn recent(
    State(admin): State<Admin>,
    _: ApiCaller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Refusals>, ProblemDocument> {
    let is_wanted = |refusal: &RecentRefusal| wanted.consumer.is_none() || refusal.consumer == wanted.consumer;
    let found = admin.shared.recent.newest(limit(wanted.limit, DEFAULT, MOST)?, is_wanted);
    Ok(Json(Refusals { refusals: found.into_iter().map(Arc::unwrap_or_clone).collect() }))
}

const DEFAULT: usize = 100;

/// As many as are kept.
const MOST: usize = 500;
