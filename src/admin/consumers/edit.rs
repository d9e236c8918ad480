//! *Edit*: what somebody changed is changed in the file, and everything else stays as it is written there.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;

use super::super::change;
use super::super::forms::Submission;
use super::super::layout::{FieldErrors, Layout, Section};
use super::super::page::page;
use super::super::session::SignedIn;
use super::super::words::shown;
use super::super::{Admin, Peer};
use super::conflict::ConflictView;
use super::draft::ConsumerForm;
use super::form::{CheckedKeys, FormView};
use super::links::{Links, link};
use super::{failed, find, place, problems, status};
use crate::consumers::edit::{EditError, Entry, FileFate, Revision};

/// Which consumer.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct KeyQuery {
    pub(super) key: String,
}

#[derive(Template)]
#[template(path = "admin/pages/consumer_edit.html")]
struct EditPage {
    layout: Layout,
    csrf: String,
    title: String,
    shown_key: String,
    place: String,
    revision: Revision,
    view: FormView,
    conflict: Option<ConflictView>,
    links: Links,
}

pub(super) async fn show(State(admin): State<Admin>, signed_in: SignedIn, Query(query): Query<KeyQuery>) -> Response {
    match find(&admin, &query.key).await {
        Ok(Entry { read_only: Some(why), .. }) => failed(&signed_in, &EditError::ReadOnly(why)),
        Ok(entry) => {
            let view = FormView::of(&admin, ConsumerForm::of(&entry));
            show_form(StatusCode::OK, &signed_in, &entry, entry.revision, view, None)
        }
        Err(error) => failed(&signed_in, &error),
    }
}

pub(super) async fn edit(State(admin): State<Admin>, Extension(peer): Extension<Peer>, submission: Submission) -> Response {
    let Submission { signed_in, fields } = submission;
    let (mut form, mut errors) = (ConsumerForm::sent(&fields), FieldErrors::default());
    // Nobody typed it: a blank at its end makes it another consumer's.
    fields.text("key").clone_into(&mut form.key);
    let entry = match find(&admin, &form.key).await {
        Ok(entry) => entry,
        Err(error) => return failed(&signed_in, &error),
    };
    let before = ConsumerForm::of(&entry);
    let keys = CheckedKeys::of(&admin, &form);
    keys.apply(&mut form, &before.public_keys, &mut errors);
    // Without a revision that is ours nobody has seen what would be changed.
    let Ok(seen) = fields.text("revision").parse::<Revision>() else {
        let view = FormView::with(&admin, form.clone(), errors, keys);
        return conflict(&signed_in, &entry, view, &before, &form);
    };
    if fields.text("do") == "check-key" {
        let view = FormView::with(&admin, form, errors, keys);
        return show_form(StatusCode::OK, &signed_in, &entry, seen, view, None);
    }
    if seen != entry.revision {
        let view = FormView::with(&admin, form.clone(), errors, keys);
        return conflict(&signed_in, &entry, view, &before, &form);
    }
    require(&form, &mut errors);
    let changes = form.changes_since(&before, &mut errors);
    let mut answer = StatusCode::UNPROCESSABLE_ENTITY;
    if errors.is_empty() {
        match change::edit(&admin, signed_in.actor(), peer, &entry.key, changes, Some(seen)).await {
            Ok(changed) => {
                let done = if changed.written.fate == FileFate::Unchanged { "unchanged" } else { "saved" };
                return Redirect::to(&link("/consumers/show", &[("key", &form.key), ("done", done)])).into_response();
            }
            Err(error) => {
                answer = status(&error);
                problems::explain(&error, &form.key, &mut errors);
            }
        }
    }
    show_form(answer, &signed_in, &entry, seen, FormView::with(&admin, form, errors, keys), None)
}

fn require(form: &ConsumerForm, errors: &mut FieldErrors) {
    if form.name.is_empty() {
        errors.add("name", "Write a name that people know it by");
    }
    if form.public_keys.is_empty() {
        errors.add("public_key", "A consumer has at least one key: paste one, or remove the consumer");
    }
}

/// Both versions, and the form to decide with: whoever sends it again has seen what is there now.
fn conflict(signed_in: &SignedIn, entry: &Entry, view: FormView, now: &ConsumerForm, sent: &ConsumerForm) -> Response {
    let conflict = ConflictView::of(now, sent);
    show_form(StatusCode::CONFLICT, signed_in, entry, entry.revision, view, Some(conflict))
}

fn show_form(
    status: StatusCode,
    signed_in: &SignedIn,
    entry: &Entry,
    revision: Revision,
    view: FormView,
    conflict: Option<ConflictView>,
) -> Response {
    let edit = EditPage {
        layout: Layout::of(signed_in, Section::Consumers),
        csrf: signed_in.csrf.reveal().to_owned(),
        title: shown(&entry.consumer.name),
        shown_key: shown(&entry.key),
        place: shown(&place(entry)),
        revision,
        view: view.with_room_for_another_key(),
        conflict,
        links: Links::to(&entry.key),
    };
    page(status, &edit)
}
