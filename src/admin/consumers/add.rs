//! *Add OAuth Consumer*, by hand or with what an application publishes.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use super::super::change::{self, editor};
use super::super::forms::Submission;
use super::super::layout::{FieldErrors, Layout, Section};
use super::super::page::page;
use super::super::session::SignedIn;
use super::super::words::shown;
use super::super::{Admin, Peer};
use super::draft::ConsumerForm;
use super::form::{CheckedKeys, FormView};
use super::import::FoundView;
use super::links::link;
use super::{problems, status};

#[derive(Template)]
#[template(path = "admin/pages/consumer_add.html")]
struct AddPage {
    layout: Layout,
    csrf: String,
    view: FormView,
    found: Option<FoundView>,
    /// Where it will be written.
    place: String,
    read_only: Option<String>,
}

pub(super) async fn show(State(admin): State<Admin>, signed_in: SignedIn) -> Response {
    let view = FormView::of(&admin, ConsumerForm::new());
    show_form(StatusCode::OK, &admin, &signed_in, view, None)
}

pub(super) async fn add(State(admin): State<Admin>, Extension(peer): Extension<Peer>, submission: Submission) -> Response {
    let Submission { signed_in, fields } = submission;
    let (mut form, mut errors) = (ConsumerForm::sent(&fields), FieldErrors::default());
    let keys = CheckedKeys::of(&admin, &form);
    keys.apply(&mut form, &[], &mut errors);
    if fields.text("do") == "check-key" {
        return show_form(StatusCode::OK, &admin, &signed_in, FormView::with(&admin, form, errors, keys), None);
    }
    require(&form, &mut errors);
    let draft = form.draft(&mut errors);
    let mut answer = StatusCode::UNPROCESSABLE_ENTITY;
    if errors.is_empty() {
        match change::add(&admin, signed_in.actor(), peer, draft).await {
            Ok(_) => return Redirect::to(&link("/consumers/show", &[("key", &form.key), ("done", "added")])).into_response(),
            Err(error) => {
                answer = status(&error);
                problems::explain(&error, &form.key, &mut errors);
            }
        }
    }
    show_form(answer, &admin, &signed_in, FormView::with(&admin, form, errors, keys), None)
}

/// What is missing, in the words of the form: the file's own are about lines to write.
fn require(form: &ConsumerForm, errors: &mut FieldErrors) {
    if form.key.is_empty() {
        errors.add("key", "Write the consumer key, which the client sends as oauth_consumer_key");
    }
    if form.name.is_empty() {
        errors.add("name", "Write a name that people know it by");
    }
    if form.public_keys.is_empty() {
        errors.add("public_key", "Paste the consumer's public key or certificate");
    }
}

pub(super) fn show_form(
    status: StatusCode,
    admin: &Admin,
    signed_in: &SignedIn,
    view: FormView,
    found: Option<FoundView>,
) -> Response {
    let add = AddPage {
        layout: Layout::of(signed_in, Section::Consumers),
        csrf: signed_in.csrf.reveal().to_owned(),
        view,
        found,
        place: shown(&admin.policy().settings.consumers.display().to_string()),
        read_only: editor(admin).why_nothing_can_be_added(),
    };
    page(status, &add)
}
