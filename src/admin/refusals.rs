//! `/refusals`: what was refused lately, and why.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;

use super::Admin;
use super::layout::{Layout, Section};
use super::page::page;
use super::session::SignedIn;
use super::words::{count, shown};
use crate::observe::RecentRefusal;

/// The page.
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/refusals", get(show))
}

/// Whose refusals; empty: everybody's.
#[derive(Deserialize, Default)]
#[serde(default)]
struct RefusalsQuery {
    consumer: String,
}

#[derive(Template)]
#[template(path = "admin/pages/refusals.html")]
struct RefusalsPage {
    layout: Layout,
    consumer: String,
    summary: String,
    rows: Vec<Row>,
}

struct Row {
    time: String,
    verdict: &'static str,
    status: Option<u16>,
    reason: String,
    consumer: String,
    peer: String,
    request: String,
    request_id: String,
}

async fn show(State(admin): State<Admin>, signed_in: SignedIn, Query(query): Query<RefusalsQuery>) -> Response {
    let wanted = query.consumer.trim();
    let is_wanted = |refusal: &RecentRefusal| wanted.is_empty() || refusal.consumer.as_deref() == Some(wanted);
    let found = admin.shared.recent.newest(usize::MAX, is_wanted);
    let refusals = RefusalsPage {
        layout: Layout::of(&signed_in, Section::Refusals),
        consumer: wanted.to_owned(),
        summary: format!("The last {}, the newest first. Older ones are in the access log.", count(found.len(), "refusal")),
        rows: found.iter().take(MOST).map(Row::of).collect(),
    };
    page(StatusCode::OK, &refusals)
}

impl Row {
    fn of(refusal: &Arc<RecentRefusal>) -> Self {
        let text = |text: &Option<String>| shown(text.as_deref().unwrap_or_default());
        let request = match (&refusal.method, &refusal.path) {
            (Some(method), Some(path)) => format!("{method} {path}"),
            _ => String::new(),
        };
        Self {
            time: format!("{:.0}", refusal.time),
            verdict: refusal.verdict,
            status: refusal.status,
            reason: text(&refusal.reason),
            consumer: text(&refusal.consumer),
            peer: refusal.peer.to_string(),
            request: shown(&request),
            request_id: shown(&refusal.request_id),
        }
    }
}

impl Row {
    /// `2026-11-28 15:30:00`; all times here are in UTC.
    fn time_text(&self) -> String {
        self.time.replace('T', " ").replace('Z', "")
    }
}

/// As many as anybody reads.
const MOST: usize = 200;
