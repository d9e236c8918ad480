//! *Remove*, after a question that says what it ends.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use super::super::change;
use super::super::forms::Submission;
use super::super::layout::{Layout, Section};
use super::super::page::page;
use super::super::session::SignedIn;
use super::super::tokens;
use super::super::words::{count, shown};
use super::super::{Admin, Peer};
use super::edit::KeyQuery;
use super::links::{Links, link};
use super::usage::Usage;
use super::{failed, find, place};
use crate::consumers::edit::{Conflict, EditError, Entry, Revision};

#[derive(Template)]
#[template(path = "admin/pages/consumer_remove.html")]
struct RemovePage {
    layout: Layout,
    csrf: String,
    title: String,
    key: String,
    shown_key: String,
    place: String,
    revision: Revision,
    fingerprints: Vec<String>,
    usage: Usage,
    /// `None`: the gateway gives no tokens.
    tokens: Option<usize>,
    is_conflict: bool,
    links: Links,
}

pub(super) async fn show(State(admin): State<Admin>, signed_in: SignedIn, Query(query): Query<KeyQuery>) -> Response {
    match find(&admin, &query.key).await {
        Ok(Entry { read_only: Some(why), .. }) => failed(&signed_in, &EditError::ReadOnly(why)),
        Ok(entry) => ask(StatusCode::OK, &admin, &signed_in, &entry).await,
        Err(error) => failed(&signed_in, &error),
    }
}

pub(super) async fn remove(State(admin): State<Admin>, Extension(peer): Extension<Peer>, submission: Submission) -> Response {
    let Submission { signed_in, fields } = submission;
    let key = fields.text("key");
    let Ok(seen) = fields.text("revision").parse::<Revision>() else {
        // Nobody has seen what would be removed.
        return Redirect::to(&Links::to(key).remove).into_response();
    };
    match change::remove(&admin, signed_in.actor(), peer, key, Some(seen)).await {
        Ok(_) => Redirect::to(&link("/", &[("removed", key)])).into_response(),
        Err(EditError::Conflict(conflict)) => match *conflict {
            Conflict { now: Some(entry), .. } => ask(StatusCode::CONFLICT, &admin, &signed_in, &entry).await,
            gone => failed(&signed_in, &EditError::Conflict(Box::new(gone))),
        },
        Err(error) => failed(&signed_in, &error),
    }
}

impl RemovePage {
    /// What becomes of what users allowed it.
    fn about_tokens(&self) -> Option<String> {
        Some(match self.tokens? {
            0 => "No user has given it an access token that is still good.".to_owned(),
            number => format!(
                "Its {}, and the consents that are under way, end first, and for good: whoever gets the key next has none of them.",
                count(number, "access token")
            ),
        })
    }
}

async fn ask(status: StatusCode, admin: &Admin, signed_in: &SignedIn, entry: &Entry) -> Response {
    let remove = RemovePage {
        layout: Layout::of(signed_in, Section::Consumers),
        csrf: signed_in.csrf.reveal().to_owned(),
        title: shown(&entry.consumer.name),
        key: entry.key.clone(),
        shown_key: shown(&entry.key),
        place: shown(&place(entry)),
        revision: entry.revision,
        fingerprints: entry.consumer.public_keys.iter().map(|key| key.fingerprint().to_string()).collect(),
        usage: Usage::of(admin, &entry.key),
        tokens: tokens::number_of(admin, &entry.key).await,
        is_conflict: status == StatusCode::CONFLICT,
        links: Links::to(&entry.key),
    };
    page(status, &remove)
}
