//! The dance's endpoints on the public listeners: what arrives there is answered here, and never forwarded.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::exchange::Exchange;
use crate::config::{DanceSettings, ResourceOwner};
use crate::dance::{DanceAnswer, Desk, Doorkeeper, Endpoint, Fields, Links, Page, Probed, Visit, signed};
use crate::gateway::Seen;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::{InboundRequest, Purpose};
use crate::tokens::{StoreFault, TokenStore};

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
            Endpoint::Page(page) => self.page(page, inbound, dance, policy).await,
        }
    }

    /// Answers whoever sits at the browser.
    async fn page(
        &mut self,
        page: Page,
        mut inbound: Box<InboundRequest>,
        dance: &DanceSettings,
        policy: &Policy,
    ) -> Result<DanceAnswer, Refusal> {
        let is_sent = *inbound.method() == Method::POST;
        let (allow, reads) = page.methods();
        if !(is_sent && allow.contains("POST")) && !(reads && matches!(*inbound.method(), Method::GET | Method::HEAD)) {
            return Err(Refusal::MethodNotAllowed { allow });
        }
        if page == Page::Style {
            return Ok(Desk::style());
        }
        let shared = Arc::clone(&self.plane.shared);
        let (tokens, keeper) = behind_the_pages(shared.gateway.tokens.as_ref(), shared.doorkeeper.as_ref())?;
        let mut visit = Visit {
            headers: inbound.headers().clone(),
            origin: inbound.origin().clone(),
            peer: inbound.peer().address,
            links: Links::of(inbound.origin(), &policy.settings, &dance.paths),
            query: Fields::read(inbound.query_text()),
            form: None,
        };
        let now = shared.gateway.clock.wall();
        let desk = |visit| Desk { visit, keeper, tokens, policy, dance, now };
        if is_sent {
            // Before the body is read: what no page of ours sent, nobody waits for.
            if !visit.is_of_our_page() {
                return Ok(desk(&visit).of_another_site());
            }
            let form = match inbound.hold_own_form(LONGEST_FORM, &policy.settings, &shared.gateway.budget).await {
                Ok(form) => form.as_deref().map(Fields::read),
                Err(Refusal::BodyTooLarge { .. }) => return Ok(desk(&visit).no_form(StatusCode::PAYLOAD_TOO_LARGE)),
                Err(refusal) => return Err(refusal),
            };
            self.close_if_refused &= !inbound.is_read();
            let Some(form) = form else { return Ok(desk(&visit).no_form(StatusCode::UNSUPPORTED_MEDIA_TYPE)) };
            if !form.is_plain() {
                return Ok(desk(&visit).no_form(StatusCode::BAD_REQUEST));
            }
            visit.form = Some(form);
        }
        let desk = desk(&visit);
        Ok(match page {
            Page::Authorize => match desk.asked().await {
                Ok(asked) => match self.owner(page, &desk, policy).await {
                    Ok(user) => desk.consent(asked, &user).await,
                    Err(instead) => *instead,
                },
                Err(instead) => instead,
            },
            Page::UserTokens => match self.owner(page, &desk, policy).await {
                Ok(user) => desk.user_tokens(&user).await,
                Err(instead) => *instead,
            },
            Page::SignIn => desk.sign_in().await,
            Page::SignOut => desk.sign_out().await,
            Page::Style => Desk::style(),
        })
    }

    /// Who sits at the browser, or what is answered where that is nobody.
    async fn owner(&self, page: Page, desk: &Desk<'_>, policy: &Policy) -> Result<String, Box<DanceAnswer>> {
        let ResourceOwner::SessionProbe(probe) = &desk.dance.resource_owner else { return desk.owner(page) };
        match self.probed(desk.visit, probe, policy).await {
            Ok(Probed::User(user)) => Ok(user),
            Ok(Probed::Nobody) => Err(Box::new(desk.not_signed_in(probe, page))),
            Err(refusal) => Err(Box::new(desk.unasked(&refusal))),
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
        let verified = admitted?;
        let tokens = shared.gateway.tokens.as_deref().ok_or(Refusal::TokensUnavailable(StoreFault::Closed))?;
        let response = if purpose == Purpose::TemporaryCredentials {
            signed::request_token(&verified, tokens, dance.lifetimes).await?
        } else {
            signed::access_token(&verified, tokens, dance.lifetimes).await?
        };
        Ok(DanceAnswer { response, verdict: "admitted", user: None, reason: None })
    }
}

/// Where there is a dance, there are both; a start without one fails.
fn behind_the_pages<'a>(
    tokens: Option<&'a Arc<TokenStore>>,
    keeper: Option<&'a Arc<Doorkeeper>>,
) -> Result<(&'a Arc<TokenStore>, &'a Arc<Doorkeeper>), Refusal> {
    tokens.zip(keeper).ok_or(Refusal::TokensUnavailable(StoreFault::Closed))
}

/// Bytes: our longest form has a name, a password and two tokens.
const LONGEST_FORM: usize = 16 * 1024;
