//! What is known of a token.

use std::fmt;
use std::sync::Arc;

use crate::consumers::ConsumerKey;
use crate::oauth::timestamp::Timestamp;
use crate::secret::Secret;

/// What a consumer asks temporary credentials for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTemporary {
    /// Who asks.
    pub consumer: ConsumerKey,
    /// Where the verifier goes.
    pub callback: Callback,
    /// By which rules.
    pub revision: Revision,
}

/// Where the resource owner goes with the verifier after the decision (RFC 5849 §2.1, `oauth_callback`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callback {
    /// `oob`: nowhere; the verifier is shown, to be typed in.
    OutOfBand,
    /// An absolute http or https URL, checked.
    Url(String),
}

/// Which OAuth a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// 1.0a: the exchange takes the verifier.
    OneA,
    /// 1.0, only where the consumer has `allow_oauth_1_0`: there is no verifier.
    One,
}

/// What only the one who asked for it ever gets.
pub struct Issued {
    /// `oauth_token`
    pub token: Secret,
    /// `oauth_token_secret`
    pub secret: Secret,
}

/// A request token, as the page that asks for consent needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryCredentials {
    /// Whose it is.
    pub consumer: ConsumerKey,
    /// Where the verifier goes.
    pub callback: Callback,
    /// By which rules.
    pub revision: Revision,
    /// From when on it is good for nothing.
    pub expires: Timestamp,
    /// Whether somebody has decided already.
    pub is_decided: bool,
}

/// What a resource owner decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The consumer may act as this user.
    Allow {
        /// The user's name, as the backend knows it.
        user: String,
    },
    /// It may not.
    Deny,
}

/// What became of a decision.
pub struct Decided {
    /// Whose token it is.
    pub consumer: ConsumerKey,
    /// Where the resource owner goes now.
    pub callback: Callback,
    /// What goes along; `None`: it was denied, or the client speaks OAuth 1.0 and knows none.
    pub verifier: Option<Secret>,
}

/// What an exchange or a renewal gives.
pub struct TokenCredentials {
    /// `oauth_token` and `oauth_token_secret`
    pub issued: Issued,
    /// `oauth_session_handle`
    pub session_handle: Secret,
    /// What they stand for.
    pub token: Arc<AccessToken>,
}

/// An access token that is good, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// What administrators and users call it: it says nothing about the token's text.
    pub id: TokenId,
    /// Who may use it.
    pub consumer: ConsumerKey,
    /// As whom.
    pub user: Arc<str>,
    /// When it was given.
    pub issued: Timestamp,
    /// From when on it has to be renewed.
    pub expires: Timestamp,
    /// From when on it can't be.
    pub session_expires: Timestamp,
}

/// What a revocation has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// The access tokens, which could be used or renewed until then; oldest first.
    pub tokens: Vec<AccessToken>,
    /// How many request tokens, which could have become access tokens.
    pub request_tokens: usize,
}

impl Revoked {
    /// Whether there was nothing to end.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.request_tokens == 0
    }
}

/// A number for a token, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub i64);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Some of the access tokens: those that all that is given holds for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The one with this number.
    pub id: Option<TokenId>,
    /// Those of this consumer.
    pub consumer: Option<ConsumerKey>,
    /// Those of this user.
    pub user: Option<String>,
}

impl Selection {
    /// Whether it holds for a token.
    pub fn has(&self, token: &AccessToken) -> bool {
        self.id.is_none_or(|id| id == token.id)
            && self.consumer.as_ref().is_none_or(|consumer| *consumer == token.consumer)
            && self.user.as_ref().is_none_or(|user| **user == *token.user)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}

impl fmt::Debug for TokenCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCredentials").field("token", &self.token).finish_non_exhaustive()
    }
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decided").field("consumer", &self.consumer).field("callback", &self.callback).finish_non_exhaustive()
    }
}
