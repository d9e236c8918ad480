//! `/tokens`: the access tokens that can be used or renewed, all of them or those of a consumer, of a user.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use super::super::Admin;
use super::super::layout::{Layout, Section};
use super::super::page::{page, said};
use super::super::session::SignedIn;
use super::super::words::{count, minute, shown};
use super::failed;
use super::revocation::RevokeError;
use super::wanted::Wanted;
use crate::oauth::timestamp::Timestamp;
use crate::policy::Policy;
use crate::tokens::{AccessToken, Selection, TokenStore};

/// What is asked of the list, and what was just done to what was asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ListQuery {
    #[serde(flatten)]
    wanted: Wanted,
    done: String,
}

#[derive(Template)]
#[template(path = "admin/pages/tokens.html")]
struct TokensPage {
    layout: Layout,
    wanted: Wanted,
    rows: Vec<Row>,
    summary: String,
    /// What may become a token yet; empty: nothing.
    waiting: String,
    revoked: Option<Revoked>,
    /// Where all of what is asked for is revoked.
    revoke_all: Option<RevokeAll>,
}

struct Row {
    id: String,
    /// `None`: it is listed no more.
    name: Option<String>,
    consumer: String,
    user: String,
    issued: String,
    expires: String,
    /// Only renewing it makes it good again.
    has_expired: bool,
    session_expires: String,
    of_consumer: String,
    of_user: String,
    revoke: String,
}

struct RevokeAll {
    text: String,
    link: String,
}

/// What somebody wanted to be good no more, and whether that is so.
struct Revoked {
    what: String,
    is_over: bool,
}

pub(super) async fn show(State(admin): State<Admin>, signed_in: SignedIn, Query(query): Query<ListQuery>) -> Response {
    let Some(store) = admin.shared.gateway.tokens.clone() else {
        return no_dance(&signed_in);
    };
    let wanted = query.wanted.selection();
    let Ok(found) = find(Arc::clone(&store), wanted.clone()).await else { return failed(&signed_in, &RevokeError::Unfinished) };
    let (policy, now, number) = (admin.policy(), admin.clock().wall(), found.len());
    let is_some = query.wanted.is_some();
    // The list is in memory, and stands where the database does not answer.
    let waiting = if is_some { self::waiting(&store, wanted).await.unwrap_or(0) } else { 0 };
    let tokens = TokensPage {
        layout: Layout::of(&signed_in, Section::Tokens),
        // The newest first: that is what somebody looks for who has just seen a consent page.
        rows: found.iter().rev().take(MOST).map(|token| Row::of(token, &policy, now)).collect(),
        summary: summary(number),
        revoked: (query.done == "revoked" && is_some).then(|| Revoked { what: words(&query.wanted), is_over: number == 0 }),
        waiting: if waiting > 0 { format!("{} could still become one.", count(waiting, "request token")) } else { String::new() },
        revoke_all: (is_some && (number > 1 || waiting > 0)).then(|| RevokeAll::of(&query.wanted, number, waiting)),
        wanted: query.wanted,
    };
    page(StatusCode::OK, &tokens)
}

/// All that there are, oldest first. A million takes a while, and holds up no other page.
pub(super) async fn find(store: Arc<TokenStore>, which: Option<Selection>) -> Result<Vec<Arc<AccessToken>>, RevokeError> {
    let Some(which) = which else { return Ok(Vec::new()) };
    let work = move || store.list(&which, usize::MAX);
    tokio::task::spawn_blocking(work).await.map_err(|_| RevokeError::Unfinished)
}

/// How many request tokens would end with them.
pub(super) async fn waiting(store: &TokenStore, which: Option<Selection>) -> Result<usize, RevokeError> {
    let Some(which) = which else { return Ok(0) };
    store.waiting(which).await.map_err(RevokeError::Store)
}

/// `all access tokens of consumer app and user fred`
pub(super) fn words(wanted: &Wanted) -> String {
    let of = |kind: &str, name: &str| (!name.is_empty()).then(|| format!("{kind} “{}”", shown(name)));
    let whose: Vec<String> = [of("consumer", &wanted.consumer), of("user", &wanted.user)].into_iter().flatten().collect();
    match (wanted.id.is_empty(), whose.is_empty()) {
        (false, _) => format!("access token {}", shown(&wanted.id)),
        (true, false) => format!("all access tokens of {}", whose.join(" for ")),
        (true, true) => "all access tokens".to_owned(),
    }
}

fn no_dance(signed_in: &SignedIn) -> Response {
    let lines = [
        "Consumers sign with their own key alone: no user can allow them anything, and a request with a token is refused.",
        "To switch the three-legged dance on, write two sections into countersign.yaml, oauth: {} and resource_owner, which says how \
         the gateway knows who sits at a browser, and start the gateway again.",
    ];
    let layout = Layout::of(signed_in, Section::Tokens);
    said(StatusCode::OK, layout, "This gateway gives no tokens", lines.map(str::to_owned).into(), "docs/dance.md shows how.")
}

fn summary(number: usize) -> String {
    match number.saturating_sub(MOST) {
        0 => format!("{}, the newest first.", count(number, "access token")),
        more => format!(
            "The newest {MOST} of {number} access tokens; {more} more are older. Search by consumer or user to see those."
        ),
    }
}

impl Row {
    fn of(token: &AccessToken, policy: &Policy, now: Timestamp) -> Self {
        let (consumer, user, id) = (token.consumer.as_str(), &*token.user, token.id.to_string());
        let of = |wanted: Wanted, path| wanted.link(path);
        Self {
            name: policy.consumers.get(consumer).map(|consumer| shown(&consumer.name)),
            consumer: shown(consumer),
            user: shown(user),
            issued: minute(token.issued),
            expires: minute(token.expires),
            has_expired: token.expires <= now,
            session_expires: minute(token.session_expires),
            of_consumer: of(Wanted { consumer: consumer.to_owned(), ..Wanted::default() }, "/tokens"),
            of_user: of(Wanted { user: user.to_owned(), ..Wanted::default() }, "/tokens"),
            revoke: of(Wanted { id: id.clone(), ..Wanted::default() }, "/tokens/revoke"),
            id,
        }
    }
}

impl RevokeAll {
    fn of(wanted: &Wanted, number: usize, waiting: usize) -> Self {
        let text = match (number, waiting) {
            (number, 0) => format!("Revoke all {number}"),
            (0, 1) => "Revoke it".to_owned(),
            _ => "Revoke all of it".to_owned(),
        };
        Self { text, link: wanted.link("/tokens/revoke") }
    }
}

/// As many as anybody reads; some hundred kilobytes.
const MOST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_counted() {
        assert_eq!(summary(1), "1 access token, the newest first.");
        assert_eq!(summary(500), "500 access tokens, the newest first.");
        assert!(summary(1234).starts_with("The newest 500 of 1234 access tokens; 734 more are older."));
    }

    #[test]
    fn what_is_asked_for_is_said_in_words() {
        let words = |id: &str, consumer: &str, user: &str| {
            words(&Wanted { id: id.to_owned(), consumer: consumer.to_owned(), user: user.to_owned() })
        };
        assert_eq!(words("7", "", ""), "access token 7");
        assert_eq!(words("", "app", "fred"), "all access tokens of consumer “app” for user “fred”");
        assert_eq!(words("", "", "a\u{202e}b"), "all access tokens of user “a\\u{202e}b”");
    }
}
