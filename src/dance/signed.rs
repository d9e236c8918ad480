//! What consumers are answered: temporary credentials, token credentials, new ones for old ones.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};

use super::callback;
use crate::config::Lifetimes;
use crate::oauth::percent;
use crate::oauth::timestamp::Timestamp;
use crate::refusal::Refusal;
use crate::request::VerifiedRequest;
use crate::tokens::{Callback, DanceError, Issued, NewTemporary, Revision, TokenCredentials, TokenStore};

/// Temporary credentials for whoever signed the request (RFC 5849 §2.1). An `oauth_verifier`, which some clients send here, is ignored.
///
/// # Errors
/// A callback that is none, or that none is known; or the credentials cannot be stored.
pub async fn request_token(
    verified: &VerifiedRequest,
    tokens: &TokenStore,
    lifetimes: Lifetimes,
) -> Result<Response<Bytes>, Refusal> {
    let (callback, revision) = callback_of(verified)?;
    let consumer = verified.consumer().key.clone();
    let issued =
        tokens.begin(NewTemporary { consumer, callback, revision }, lifetimes).await.map_err(Refusal::TokensUnavailable)?;
    let confirmed = [("oauth_callback_confirmed", "true".to_owned())];
    Ok(credentials(&issued, &confirmed))
}

/// Token credentials for an allowed request token (§2.3), or, with an access token and its session handle, new ones in their place.
///
/// # Errors
/// What is wrong with the token, the verifier or the handle; or that nothing can be stored.
pub async fn access_token(
    verified: &VerifiedRequest,
    tokens: &TokenStore,
    lifetimes: Lifetimes,
) -> Result<Response<Bytes>, Refusal> {
    let token = verified.parameter("oauth_token").unwrap_or_default();
    let consumer = &verified.consumer().key;
    let given = if tokens.is_access(&token) {
        let handle = verified.parameter("oauth_session_handle");
        tokens.renew(&token, consumer, handle.as_deref(), lifetimes).await
    } else {
        let verifier = verified.parameter("oauth_verifier");
        tokens.exchange(&token, consumer, verifier.as_deref(), lifetimes).await
    };
    let TokenCredentials { issued, session_handle, token } = given?;
    let until = |moment: Timestamp| moment.seconds().saturating_sub(token.issued.seconds()).to_string();
    let rest = [
        ("oauth_expires_in", until(token.expires)),
        ("oauth_session_handle", session_handle.reveal().to_owned()),
        ("oauth_authorization_expires_in", until(token.session_expires)),
    ];
    Ok(credentials(&issued, &rest))
}

/// Where the resource owner goes afterwards, and by which rules. What the consumer sends, signed, comes first; else what it is
/// configured with. A consumer that knows nothing of callbacks speaks OAuth 1.0, and has to be allowed to.
fn callback_of(verified: &VerifiedRequest) -> Result<(Callback, Revision), Refusal> {
    let consumer = verified.consumer();
    let sent = verified.parameter("oauth_callback").filter(|sent| !sent.is_empty());
    let configured = consumer.callback_url.as_ref().map(|url| Callback::Url(url.clone()));
    match sent {
        Some(sent) => {
            let read = callback::read(&sent)
                .ok_or_else(|| verified.rejected("oauth_callback", "oob or an absolute http or https URL"))?;
            Ok((read, Revision::OneA))
        }
        None if consumer.allow_oauth_1_0 => Ok((configured.unwrap_or(Callback::OutOfBand), Revision::One)),
        None => configured.map(|url| (url, Revision::OneA)).ok_or_else(|| Refusal::ParametersAbsent(vec!["oauth_callback"])),
    }
}

/// A body in OAuth's own encoding, where a space is `%20`: hence `text/plain`, as the old providers had it. Nothing keeps it.
fn credentials(issued: &Issued, rest: &[(&str, String)]) -> Response<Bytes> {
    let mut body = format!("oauth_token={}&oauth_token_secret={}", issued.token.reveal(), issued.secret.reveal());
    for (name, value) in rest {
        body.push_str(&format!("&{name}={}", percent::encode(value.as_bytes())));
    }
    let mut response = Response::new(Bytes::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<DanceError> for Refusal {
    fn from(error: DanceError) -> Self {
        match error {
            DanceError::Problem(problem) => Self::Token(problem),
            DanceError::Store(fault) => Self::TokensUnavailable(fault),
        }
    }
}
