//! Where pages and API take tokens back: the store ends them, a line goes into the audit log, and then it is answered.

use std::io;
use std::net::IpAddr;

use tokio::runtime::Handle;

use super::super::author::Author;
use super::super::{Admin, Peer};
use crate::consumers::ConsumerKey;
use crate::observe::{Actor, Audit, Audited, Subject};
use crate::tokens::{Revoked, Selection, StoreFault, TokenStore};

/// Why no token was taken back.
#[derive(Debug)]
pub(in crate::admin) enum RevokeError {
    /// The gateway gives no tokens.
    NoDance,
    /// The audit log takes no lines.
    Unaudited(io::Error),
    /// The store can't do it.
    Store(StoreFault),
    /// It was begun, and nobody knows what became of it.
    Unfinished,
}

impl std::fmt::Display for RevokeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoDance => f.write_str("this gateway gives no tokens: there is no section oauth in its configuration"),
            Self::Unaudited(error) => write!(f, "the audit log: {error}"),
            Self::Store(fault) => fault.fmt(f),
            Self::Unfinished => f.write_str("this was begun, and nobody knows whether it was finished"),
        }
    }
}

impl RevokeError {
    /// What to do about it.
    pub(in crate::admin) fn hint(&self) -> &'static str {
        match self {
            Self::NoDance => "write `oauth: {}` and `resource_owner` there, and start the gateway again",
            Self::Unaudited(_) => "nothing was revoked; mend that and try again",
            Self::Store(_) => "nothing was revoked; disabling the consumer refuses its tokens at once",
            Self::Unfinished => "look at what is there now; the log says whether something went wrong",
        }
    }
}

/// Takes back all that `which` holds for, and gives what was good until then. Goes on when whoever asked hangs up, and does
/// nothing while the audit log takes no lines.
///
/// # Errors
/// [`RevokeError`]
pub(in crate::admin) async fn revoke(
    admin: &Admin,
    actor: Actor<'_>,
    peer: Peer,
    which: Selection,
) -> Result<Revoked, RevokeError> {
    let store = admin.shared.gateway.tokens.clone().ok_or(RevokeError::NoDance)?;
    let (audit, author, runtime) = (admin.audit.clone(), Author::of(actor), Handle::current());
    let work = move || {
        audit.check().map_err(RevokeError::Unaudited)?;
        let which = with_its_names(which, &store);
        let revoked = runtime.block_on(store.revoke(which.clone()));
        record(&audit, author.actor(), peer.address(), &which, &revoked);
        revoked.map_err(RevokeError::Store)
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(RevokeError::Unfinished))
}

/// A number alone says little to whoever reads the audit log a year from now.
fn with_its_names(which: Selection, store: &TokenStore) -> Selection {
    match store.list(&which, 1).first() {
        Some(token) if which.id.is_some() => {
            Selection { consumer: Some(token.consumer.clone()), user: Some(token.user.to_string()), ..which }
        }
        _ => which,
    }
}

fn record(audit: &Audit, who: Actor<'_>, from: Option<IpAddr>, which: &Selection, revoked: &Result<Revoked, StoreFault>) {
    let id = which.id.map(|id| id.to_string());
    let consumer = which.consumer.as_ref().map(ConsumerKey::as_str);
    let subject = Subject::AccessTokens { id: id.as_deref(), consumer, user: which.user.as_deref() };
    let action = if id.is_some() { "revoke_token" } else { "revoke_tokens" };
    let done = Audited::done(who, from, action, subject);
    match revoked {
        Ok(revoked) => {
            let requests_ended = which.id.is_none().then_some(revoked.request_tokens);
            audit.record(&Audited { ended: Some(revoked.tokens.len()), requests_ended, ..done });
        }
        Err(fault) => audit.record(&Audited { refused: Some(&fault.to_string()), ..done }),
    }
}
