//! The consumers' pages: the list, one consumer, and how one is added, imported, edited and removed.
//!
//! Every change goes through [`change`](super::change); nothing here writes a file.

mod add;
mod conflict;
mod draft;
mod edit;
mod form;
mod import;
mod key;
mod links;
mod list;
mod problems;
mod remove;
mod show;
mod state;
mod usage;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;

use super::Admin;
use super::change::{blocking, editor};
use super::layout::{Layout, Section};
use super::page::said;
use super::session::SignedIn;
use super::words::{sentence, shown};
use crate::consumers::edit::{EditError, Entry};

pub(super) use links::link;

/// `/`, `/consumers/…`
pub(super) fn routes() -> Router<Admin> {
    Router::new()
        .route("/", get(list::show))
        .route("/consumers/show", get(show::show))
        .route("/consumers/add", get(add::show).post(add::add))
        .route("/consumers/import", get(import::show).post(import::fetch))
        .route("/consumers/edit", get(edit::show).post(edit::edit))
        .route("/consumers/remove", get(remove::show).post(remove::remove))
        .route("/consumers/check-key", post(key::check_key))
}

/// The consumer as it is written now. Files are read where they hold up no other page.
async fn find(admin: &Admin, key: &str) -> Result<Entry, EditError> {
    let (editor, key) = (editor(admin), key.to_owned());
    blocking(move || editor.find(&key)).await
}

/// `consumers.yaml:12`
fn place(entry: &Entry) -> String {
    format!("{}:{}", entry.file.display(), entry.line)
}

/// The page instead of one that there cannot be.
fn failed(signed_in: &SignedIn, error: &EditError) -> Response {
    let layout = Layout::of(signed_in, Section::Consumers);
    let lines = error.to_string().lines().map(|line| sentence(&shown(line))).collect();
    said(status(error), layout, title(error), lines, &sentence(error.hint()))
}

fn status(error: &EditError) -> StatusCode {
    match error {
        EditError::Problems(_) | EditError::KeyIsImmutable { .. } | EditError::ByHand { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        EditError::Conflict(_) | EditError::KeyTaken { .. } => StatusCode::CONFLICT,
        EditError::ReadOnly(_) => StatusCode::FORBIDDEN,
        EditError::UnknownKey { .. } => StatusCode::NOT_FOUND,
        EditError::Busy(_) | EditError::Io { .. } | EditError::TokensKept(_) | EditError::Unfinished => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn title(error: &EditError) -> &'static str {
    match error {
        EditError::Problems(_) => "The files have problems",
        EditError::Conflict(_) => "Somebody was faster",
        EditError::ReadOnly(_) => "This can only be looked at here",
        EditError::UnknownKey { .. } => "There is no such consumer",
        EditError::KeyTaken { .. } => "There is such a consumer already",
        EditError::KeyIsImmutable { .. } => "A key cannot be changed",
        EditError::ByHand { .. } => "This has to be done by hand",
        EditError::Busy(_) => "Somebody else is editing",
        EditError::Io { .. } => "The files cannot be read or written",
        EditError::TokensKept(_) => "Its access tokens cannot be ended",
        EditError::Unfinished => "This may be done, or not",
    }
}
