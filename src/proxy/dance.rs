//! The dance's endpoints on the public listeners: what arrives there is answered here, and never forwarded.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};

use super::exchange::Exchange;
use crate::config::DanceSettings;
use crate::dance::{Endpoint, signed};
use crate::gateway::Seen;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::{InboundRequest, Purpose};
use crate::tokens::{StoreFault, TokenStore};

/// What an endpoint answers, and what the log says of it.
pub(super) struct DanceAnswer {
    pub(super) response: Response<Bytes>,
    /// `admitted`: a consumer was proved; `anonymous`: a browser's.
    pub(super) verdict: &'static str,
    /// Who sits at the browser.
    pub(super) user: Option<String>,
}

impl Exchange {
    /// Answers a request at one of the endpoints.
    pub(super) async fn danced(
        &mut self,
        endpoint: Endpoint,
        inbound: Box<InboundRequest>,
        dance: &Arc<DanceSettings>,
        policy: &Policy,
    ) -> Result<DanceAnswer, Refusal> {
        match endpoint {
            Endpoint::Signed(purpose) => self.credentials(purpose, inbound, dance, policy).await,
            Endpoint::Page(_) => Err(Refusal::TokensUnavailable(StoreFault::Closed)),
        }
    }

    async fn credentials(
        &mut self,
        purpose: Purpose,
        inbound: Box<InboundRequest>,
        dance: &DanceSettings,
        policy: &Policy,
    ) -> Result<DanceAnswer, Refusal> {
        // The old providers answer a GET with nothing, of which clients die (RFC 5849 §2.1, §2.3 have POST).
        if inbound.method() != Method::POST {
            return Err(Refusal::MethodNotAllowed { allow: "POST" });
        }
        let (mut seen, shared) = (Seen::default(), Arc::clone(&self.plane.shared));
        let admitted = shared.gateway.admit_to_dance(inbound, purpose, policy, &mut seen).await;
        self.note(seen, policy);
        let (verified, tokens) = (admitted?, tokens(shared.gateway.tokens.as_deref())?);
        let response = if purpose == Purpose::TemporaryCredentials {
            signed::request_token(&verified, tokens, dance.lifetimes).await?
        } else {
            signed::access_token(&verified, tokens, dance.lifetimes).await?
        };
        Ok(DanceAnswer { response, verdict: "admitted", user: None })
    }
}

/// Where there is a dance, there is a store; a start without one fails.
fn tokens(store: Option<&TokenStore>) -> Result<&TokenStore, Refusal> {
    store.ok_or(Refusal::TokensUnavailable(StoreFault::Closed))
}
