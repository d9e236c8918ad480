//! The page of whoever is signed in: another password.

use std::net::IpAddr;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::forms::{Submission, new_password};
use super::layout::{FieldErrors, Layout, Section};
use super::page::page;
use super::session::SignedIn;
use super::sign_in::{begin, retry_after, stopped};
use super::{Admin, Peer};
use crate::accounts::{ChangeError, MIN_LENGTH, NewSession, Password, UserName};
use crate::observe::{Actor, Audited, Subject};
use crate::web::to_the_end;

/// `/account`
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/account", get(show)).route("/account/password", post(change_password))
}

#[derive(Template)]
#[template(path = "admin/pages/account.html")]
struct AccountPage {
    layout: Layout,
    user: String,
    password_rule: String,
    is_changed: bool,
    errors: FieldErrors,
}

async fn show(signed_in: SignedIn, RawQuery(query): RawQuery) -> Response {
    page(StatusCode::OK, &AccountPage { is_changed: query.as_deref() == Some(CHANGED), ..account(&signed_in) })
}

/// Ends all sessions of the user but this one, which goes on under another id.
async fn change_password(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Submission { signed_in, fields }: Submission,
) -> Response {
    let (user, from) = (&signed_in.user, peer.address());
    let new = match new_password(user, &fields) {
        Ok(new) => new,
        Err(errors) => return form(StatusCode::UNPROCESSABLE_ENTITY, &signed_in, errors),
    };
    let work = change(admin.clone(), user.clone(), Password::new(fields.text("current")), new, from);
    let changed = to_the_end(work, stopped().into()).await;
    let error = match changed {
        Ok(session) => return begin(&headers, &admin, &session, &format!("/account?{CHANGED}")),
        Err(error) => error,
    };
    let mut errors = FieldErrors::default();
    match error {
        ChangeError::Wrong => errors.add("current", "This is not your password"),
        ChangeError::Wait(wait) => {
            errors.add("current", "Too many attempts have failed; try again in a minute");
            return retry_after(wait, form(StatusCode::TOO_MANY_REQUESTS, &signed_in, errors));
        }
        ChangeError::Write(_) | ChangeError::System(_) => {
            tracing::error!(%error, "a password cannot be changed");
            errors.add("password", format!("Your password is the old one: {error}"));
            return form(StatusCode::SERVICE_UNAVAILABLE, &signed_in, errors);
        }
    }
    form(StatusCode::FORBIDDEN, &signed_in, errors)
}

async fn change(
    admin: Admin,
    user: UserName,
    old: Password,
    new: Password,
    from: Option<IpAddr>,
) -> Result<NewSession, ChangeError> {
    let changed = admin.accounts.change_password(&user, old, new, from).await;
    let (who, why) = (user.as_str(), changed.as_ref().err().map(ToString::to_string));
    let done = Audited::done(Actor::User(who), from, "replace_user", Subject::User(who));
    admin.audit.note(&Audited { refused: why.as_deref(), ..done }).await;
    changed
}

fn form(status: StatusCode, signed_in: &SignedIn, errors: FieldErrors) -> Response {
    page(status, &AccountPage { errors, ..account(signed_in) })
}

fn account(signed_in: &SignedIn) -> AccountPage {
    AccountPage {
        layout: Layout::of(signed_in, Section::Account),
        user: signed_in.user.to_string(),
        password_rule: format!("At least {MIN_LENGTH} characters"),
        is_changed: false,
        errors: FieldErrors::default(),
    }
}

/// The query of the page after that.
const CHANGED: &str = "changed";
