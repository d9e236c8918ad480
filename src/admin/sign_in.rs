//! Signing in and out.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use super::forms::{FormToken, OpenForm, Submission};
use super::layout::{FieldErrors, Layout};
use super::page::page;
use super::return_path::ReturnPath;
use super::session::SignedIn;
use super::{Admin, Peer, cookies};
use crate::accounts::{NewSession, Password, SignInError};
use crate::observe::{Actor, Audited, Subject};
use crate::web::to_the_end;
use crate::web::words::whole_seconds;

/// `/sign-in`, `/sign-out`
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/sign-in", get(show).post(sign_in)).route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "admin/pages/sign_in.html")]
struct SignInPage<'a> {
    layout: Layout,
    csrf: &'a str,
    return_path: &'a str,
    name: &'a str,
    notice: Option<String>,
    errors: FieldErrors,
}

#[derive(Deserialize)]
struct Return {
    #[serde(rename = "return", default)]
    path: String,
}

async fn show(State(admin): State<Admin>, Query(Return { path }): Query<Return>, headers: HeaderMap) -> Response {
    let path = ReturnPath::of(&path);
    if SignedIn::find(&headers, &admin).is_some() {
        return Redirect::to(path.as_str()).into_response();
    }
    form(StatusCode::OK, &headers, &path, "", None, FieldErrors::default())
}

async fn sign_in(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> Response {
    let from = peer.address();
    let (name, path) = (fields.trimmed("name"), ReturnPath::of(fields.text("return")));
    let mut errors = FieldErrors::default();
    let proved = prove(admin.clone(), name.to_owned(), Password::new(fields.text("password")), from);
    match to_the_end(proved, stopped().into()).await {
        Ok(session) => begin(&headers, &admin, &session, path.as_str()),
        Err(SignInError::Wrong) => {
            errors.add("name", "This name and this password do not belong together");
            form(StatusCode::FORBIDDEN, &headers, &path, name, None, errors)
        }
        Err(SignInError::Wait(wait)) => {
            let seconds = whole_seconds(wait);
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let notice = format!("Too many attempts have failed. Try again in {seconds} {unit}.");
            retry_after(wait, form(StatusCode::TOO_MANY_REQUESTS, &headers, &path, name, Some(notice), errors))
        }
        Err(SignInError::System(error)) => {
            tracing::error!(%error, "a sign-in cannot be looked at");
            let notice = "The gateway cannot look at your password now; its log says why.".to_owned();
            form(StatusCode::SERVICE_UNAVAILABLE, &headers, &path, name, Some(notice), errors)
        }
    }
}

async fn prove(admin: Admin, name: String, password: Password, from: Option<IpAddr>) -> Result<NewSession, SignInError> {
    let signed_in = admin.accounts.sign_in(&name, password, from).await;
    // A name that nobody has may be a password in the wrong field, and is not written down.
    let subject = if admin.accounts.knows(&name) { Subject::User(&name) } else { Subject::Nothing };
    let refused = |why| Audited::refused(Actor::Nobody, from, "sign_in", subject, why);
    let audited = match &signed_in {
        Ok(session) => Audited::done(Actor::User(session.user.as_str()), from, "sign_in", Subject::Nothing),
        Err(SignInError::Wrong) => refused("wrong name or password"),
        Err(SignInError::Wait(_)) => refused("too many failed attempts"),
        Err(SignInError::System(_)) => refused("the password could not be looked at"),
    };
    admin.audit.note(&audited).await;
    signed_in
}

/// Why work has no result: its task ended before its end.
pub(super) fn stopped() -> io::Error {
    io::Error::other("this was stopped before its end")
}

async fn sign_out(
    State(admin): State<Admin>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    submission: Submission,
) -> Response {
    if let Some(id) = cookies::find(&headers, cookies::SESSION) {
        admin.accounts.sign_out(id);
    }
    admin.audit.note(&Audited::done(submission.signed_in.actor(), peer.address(), "sign_out", Subject::Nothing)).await;
    (cookies::clear(cookies::SESSION), Redirect::to("/sign-in")).into_response()
}

/// Gives the browser its session; one that it had before is over.
pub(super) fn begin(headers: &HeaderMap, admin: &Admin, session: &NewSession, path: &str) -> Response {
    if let Some(old) = cookies::find(headers, cookies::SESSION) {
        admin.accounts.sign_out(old);
    }
    (cookies::set(cookies::SESSION, &session.id), Redirect::to(path)).into_response()
}

fn form(
    status: StatusCode,
    headers: &HeaderMap,
    path: &ReturnPath,
    name: &str,
    notice: Option<String>,
    errors: FieldErrors,
) -> Response {
    let token = match FormToken::of(headers) {
        Ok(token) => token,
        Err(error) => return no_random_numbers(&error),
    };
    let sign_in = SignInPage { layout: Layout::of_nobody(), csrf: &token.text, return_path: path.as_str(), name, notice, errors };
    let answer = page(status, &sign_in);
    token.with(answer)
}

/// The page, and when to come back.
pub(super) fn retry_after(wait: Duration, page: Response) -> Response {
    ([(RETRY_AFTER, whole_seconds(wait).to_string())], page).into_response()
}

pub(super) fn no_random_numbers(error: &std::io::Error) -> Response {
    tracing::error!(%error, "a form cannot be made");
    (StatusCode::SERVICE_UNAVAILABLE, "this page cannot be made; the gateway's log says why\n").into_response()
}
