//! *Revoke*, after a question that says what it ends.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use super::super::forms::Submission;
use super::super::layout::{Layout, Section};
use super::super::page::{page, said};
use super::super::session::SignedIn;
use super::super::words::{count, minute, sentence, shown};
use super::super::{Admin, Peer};
use super::failed;
use super::list::{find, waiting, words};
use super::revocation::{self, RevokeError};
use super::wanted::Wanted;
use crate::policy::Policy;
use crate::tokens::AccessToken;

#[derive(Template)]
#[template(path = "admin/pages/tokens_revoke.html")]
struct RevokePage {
    layout: Layout,
    csrf: String,
    title: String,
    wanted: Wanted,
    /// The first of them.
    tokens: Vec<TokenView>,
    number: usize,
    /// Request tokens that end with them.
    waiting: usize,
    keep: String,
}

struct TokenView {
    name: String,
    consumer: String,
    user: String,
    issued: String,
}

pub(super) async fn ask(State(admin): State<Admin>, signed_in: SignedIn, Query(wanted): Query<Wanted>) -> Response {
    let Some(store) = admin.shared.gateway.tokens.clone() else { return failed(&signed_in, &RevokeError::NoDance) };
    if !wanted.is_some() {
        return Redirect::to("/tokens").into_response();
    }
    match (waiting(&store, wanted.selection()).await, find(store, wanted.selection()).await) {
        (Ok(0), Ok(found)) if found.is_empty() => nothing(&signed_in, &wanted),
        (Ok(waiting), Ok(found)) => show(&admin, &signed_in, wanted, &found, waiting),
        (Err(error), _) | (_, Err(error)) => failed(&signed_in, &error),
    }
}

pub(super) async fn revoke(State(admin): State<Admin>, Extension(peer): Extension<Peer>, submission: Submission) -> Response {
    let Submission { signed_in, fields } = submission;
    let text = |name| fields.text(name).to_owned();
    let wanted = Wanted { id: text("id"), consumer: text("consumer"), user: text("user") };
    // A form that names nothing never takes back everything.
    let Some(which) = wanted.selection().filter(|_| wanted.is_some()) else { return nothing(&signed_in, &wanted) };
    match revocation::revoke(&admin, signed_in.actor(), peer, which).await {
        Ok(_) => Redirect::to(&wanted.link_saying("/tokens", "revoked")).into_response(),
        Err(error) => failed(&signed_in, &error),
    }
}

fn show(admin: &Admin, signed_in: &SignedIn, wanted: Wanted, found: &[Arc<AccessToken>], waiting: usize) -> Response {
    let policy = admin.policy();
    let revoke = RevokePage {
        layout: Layout::of(signed_in, Section::Tokens),
        csrf: signed_in.csrf.reveal().to_owned(),
        title: words(&wanted),
        tokens: found.iter().rev().take(SHOWN).map(|token| TokenView::of(token, &policy)).collect(),
        number: found.len(),
        waiting,
        keep: if wanted.id.is_empty() { wanted.link("/tokens") } else { "/tokens".to_owned() },
        wanted,
    };
    page(StatusCode::OK, &revoke)
}

fn nothing(signed_in: &SignedIn, wanted: &Wanted) -> Response {
    let layout = Layout::of(signed_in, Section::Tokens);
    let lines = vec![format!("{}: there is none that could be used or renewed.", sentence(&words(wanted)))];
    said(StatusCode::NOT_FOUND, layout, "There is nothing to revoke", lines, "")
}

impl RevokePage {
    fn all(&self) -> String {
        count(self.number, "access token")
    }

    fn begun(&self) -> String {
        count(self.waiting, "request token")
    }

    fn button(&self) -> String {
        match (self.number, self.waiting) {
            (1, 0) | (0, 1) => "Revoke it".to_owned(),
            (number, 0) => format!("Revoke all {number}"),
            _ => "Revoke all of it".to_owned(),
        }
    }

    fn more(&self) -> usize {
        self.number - self.tokens.len()
    }
}

impl TokenView {
    fn of(token: &AccessToken, policy: &Policy) -> Self {
        let key = token.consumer.as_str();
        let name = policy.consumers.get(key).map_or_else(|| "A consumer that is listed no more".to_owned(), |it| shown(&it.name));
        Self { name, consumer: shown(key), user: shown(&token.user), issued: minute(token.issued) }
    }
}

/// Enough to see that they are the right ones.
const SHOWN: usize = 10;
