//! Administrators and users' access tokens: the list, and how tokens are revoked; a removed consumer's tokens end.
//!
//! Kept out: what users do with their own tokens, which is the dance's.

mod ending;
mod list;
mod revocation;
mod revoke;
mod wanted;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use super::Admin;
use super::layout::{Layout, Section};
use super::page::said;
use super::session::SignedIn;
use super::words::sentence;

use wanted::Wanted;

pub(super) use ending::Ending;
pub(super) use revocation::{RevokeError, revoke};

/// `/tokens`, `/tokens/revoke`
pub(super) fn routes() -> Router<Admin> {
    Router::new().route("/tokens", get(list::show)).route("/tokens/revoke", get(revoke::ask).post(revoke::revoke))
}

/// How many access tokens of a consumer can be used or renewed; `None`: the gateway gives none.
pub(super) async fn number_of(admin: &Admin, consumer: &str) -> Option<usize> {
    let store = admin.shared.gateway.tokens.clone()?;
    let wanted = Wanted { consumer: consumer.to_owned(), ..Wanted::default() };
    list::find(store, wanted.selection()).await.ok().map(|found| found.len())
}

/// The page instead of one that there cannot be.
fn failed(signed_in: &SignedIn, error: &RevokeError) -> Response {
    let (status, title) = match error {
        RevokeError::NoDance => (StatusCode::NOT_FOUND, "This gateway gives no tokens"),
        RevokeError::Unaudited(_) => (StatusCode::SERVICE_UNAVAILABLE, "Nothing was revoked"),
        RevokeError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "The tokens cannot be revoked"),
        RevokeError::Unfinished => (StatusCode::SERVICE_UNAVAILABLE, "This may be done, or not"),
    };
    said(status, Layout::of(signed_in, Section::Tokens), title, vec![sentence(&error.to_string())], &sentence(error.hint()))
}
