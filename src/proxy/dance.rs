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
            Endpoint::ConsumerInfo => Ok(DanceAnswer::nothing_here()),
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
        if !page.takes(inbound.method()) {
            return Err(Refusal::MethodNotAllowed { allow: page.allow() });
        }
        let shared = Arc::clone(&self.plane.shared);
        let (tokens, keeper) = behind_the_pages(shared.gateway.tokens.as_ref(), shared.doorkeeper.as_ref())?;
        let visit = Visit {
            headers: inbound.headers().clone(),
            origin: inbound.origin().clone(),
            peer: inbound.peer().address,
            links: Links::of(inbound.origin(), &policy.settings, &dance.paths),
            query: Fields::read(inbound.query_text()),
            form: None,
        };
        let now = shared.gateway.clock.wall();
        let mut desk = Desk { visit, keeper, tokens, policy, dance, now };
        if *inbound.method() == Method::POST {
            match self.sent(&desk, &mut inbound).await? {
                Ok(form) => desk.visit.form = Some(form),
                Err(instead) => return Ok(*instead),
            }
        }
        Ok(self.turned_to(page, &desk, policy).await.unwrap_or_else(|instead| *instead))
    }

    /// The form that was sent from one of our pages, or what is answered to another body.
    async fn sent(&mut self, desk: &Desk<'_>, inbound: &mut InboundRequest) -> Result<Result<Fields, Box<DanceAnswer>>, Refusal> {
        let instead = |answer| Ok(Err(Box::new(answer)));
        // Before the body is read: what no page of ours sent, nobody waits for.
        if !desk.visit.is_of_our_page() {
            return instead(desk.of_another_site());
        }
        let budget = &self.plane.shared.gateway.budget;
        let form = match inbound.hold_own_form(LONGEST_FORM, &desk.policy.settings, budget).await {
            Ok(form) => form.as_deref().map(Fields::read),
            Err(Refusal::BodyTooLarge { .. }) => return instead(desk.no_form(StatusCode::PAYLOAD_TOO_LARGE)),
            Err(refusal) => return Err(refusal),
        };
        self.close_if_refused &= !inbound.is_read();
        match form {
            Some(form) if form.is_plain() => Ok(Ok(form)),
            Some(_) => instead(desk.no_form(StatusCode::BAD_REQUEST)),
            None => instead(desk.no_form(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        }
    }

    /// The page for whoever it is; `Err`: what is answered instead of it.
    async fn turned_to(&self, page: Page, desk: &Desk<'_>, policy: &Policy) -> Result<DanceAnswer, Box<DanceAnswer>> {
        match page {
            Page::Authorize => {
                let asked = desk.asked().await.map_err(Box::new)?;
                let user = self.owner(page, desk, policy).await?;
                Ok(desk.consent(asked, &user).await)
            }
            Page::UserTokens => {
                let user = self.owner(page, desk, policy).await?;
                Ok(desk.user_tokens(&user).await)
            }
            Page::SignIn => Ok(desk.sign_in().await),
            Page::SignOut => Ok(desk.sign_out().await),
            Page::Style => Ok(Desk::style()),
        }
    }

    /// Who sits at the browser, or what is answered where that is nobody.
    async fn owner(&self, page: Page, desk: &Desk<'_>, policy: &Policy) -> Result<String, Box<DanceAnswer>> {
        let ResourceOwner::SessionProbe(probe) = &desk.dance.resource_owner else { return desk.owner(page) };
        match self.probed(&desk.visit, probe, policy).await {
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
