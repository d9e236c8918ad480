//! The policy in one expression, [`Gateway::admit`]: what passes, as whom, and what is refused.
//!
//! What it is judged by, the files' content, is in [`crate::policy`].

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::consumers::ConsumerKey;
use crate::failures::FailedSignatures;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::replay::Nonces;
use crate::request::{AnonymousRequest, BodyBudget, InboundRequest, Purpose, VerifiedRequest, Verifier};
use crate::routes::{Access, Decision};
use crate::tokens::TokenStore;

/// What is shared by all data-plane threads.
#[derive(Debug)]
pub struct Gateway {
    /// The snapshot in force; swapped by [`Reloader`](crate::consumers::reload::Reloader).
    pub policy: Arc<ArcSwap<Policy>>,
    /// Nonces that were accepted.
    pub nonces: Nonces,
    /// Bad signatures by address and consumer.
    pub failures: FailedSignatures,
    /// Memory for held bodies.
    pub budget: Arc<BodyBudget>,
    /// The time.
    pub clock: Clock,
    /// The tokens; `None`: there is no dance, and no token is good.
    pub tokens: Option<Arc<TokenStore>>,
}

/// What may be forwarded, and on what ground.
#[derive(Debug)]
pub enum Admission {
    /// Proved: it has a consumer.
    Verified(VerifiedRequest),
    /// The route asks for no proof: it has no identity.
    Anonymous(AnonymousRequest),
    /// The route is only observed: it has no identity, and this is what would have become of it.
    Observed(AnonymousRequest, Verdict),
}

/// What a trial run found.
#[derive(Debug)]
pub enum Verdict {
    /// It would have been admitted.
    Admitted,
    /// It would have been refused.
    Refused(Refusal),
}

/// What is learnt of a request on the way, for the log, whether it passes or not.
#[derive(Debug, Default)]
pub struct Seen {
    /// The consumer key that it claims, or, once it is admitted, has.
    pub consumer: Option<String>,
    /// Whether nothing of the body is left to come.
    pub body_is_read: bool,
}

/// Takes a place among the backend's requests: asked once a request is proved but for its nonce.
pub type TakePlace<'a> = &'a dyn Fn() -> Result<(), Refusal>;

impl Seen {
    /// A key that is too long to be anybody's is not repeated whole.
    fn claim(&mut self, key: Option<String>) {
        let cut = |key: String| if key.len() <= ConsumerKey::MAX { key } else { key.chars().take(64).chain(['…']).collect() };
        self.consumer = key.map(cut);
    }
}

impl Gateway {
    /// The policy. What a route does not exempt, only a proof lets pass.
    ///
    /// # Errors
    /// The [`Refusal`] that stops the request; nothing of it has reached the backend.
    pub async fn admit(
        &self,
        mut inbound: Box<InboundRequest>,
        route: Decision<'_>,
        policy: &Policy,
        seen: &mut Seen,
        take_place: TakePlace<'_>,
    ) -> Result<Admission, Refusal> {
        inbound.check_destinations(route, &policy.settings.routes)?;
        match route.access {
            Access::Deny => Err(Refusal::RouteDenied { ambiguity: route.ambiguity }),
            Access::Open => {
                inbound.hold_form_unjudged(policy, &self.budget).await?;
                Ok(Admission::Anonymous(AnonymousRequest::new(inbound)))
            }
            Access::Observe => {
                let trial = inbound.copy_for_trial(policy, &self.budget).await?;
                let verdict = Verdict::of(self.prove(trial, Purpose::Resource, policy, seen, take_place).await);
                Ok(Admission::Observed(AnonymousRequest::new(inbound), verdict))
            }
            Access::Optional => {
                inbound.hold_form(policy, &self.budget, &self.clock).await?;
                if inbound.carries_credentials() {
                    let proved = self.prove(inbound, Purpose::Resource, policy, seen, take_place).await;
                    proved.map(Admission::Verified)
                } else {
                    Ok(Admission::Anonymous(AnonymousRequest::new(inbound)))
                }
            }
            Access::Signed => {
                let proved = self.prove(inbound, Purpose::Resource, policy, seen, take_place).await;
                proved.map(Admission::Verified)
            }
        }
    }

    /// The policy at the dance's own endpoints, which no route exempts and nothing is forwarded from.
    ///
    /// # Errors
    /// The [`Refusal`] that stops the request.
    pub async fn admit_to_dance(
        &self,
        inbound: Box<InboundRequest>,
        purpose: Purpose,
        policy: &Policy,
        seen: &mut Seen,
    ) -> Result<VerifiedRequest, Refusal> {
        self.prove(inbound, purpose, policy, seen, &|| Ok(())).await
    }

    /// From what was received to what was proved.
    async fn prove(
        &self,
        mut inbound: Box<InboundRequest>,
        purpose: Purpose,
        policy: &Policy,
        seen: &mut Seen,
        take_place: TakePlace<'_>,
    ) -> Result<VerifiedRequest, Refusal> {
        if inbound.has_form() {
            seen.claim(inbound.claimed_key(&policy.settings));
        }
        inbound.hold_form(policy, &self.budget, &self.clock).await?;
        seen.body_is_read = inbound.is_read();
        if !inbound.carries_credentials() {
            let other = inbound.has_other_authorization();
            return Err(if other { Refusal::OtherScheme } else { Refusal::NoCredentials });
        }
        let settings = &policy.settings;
        let verifier = Verifier {
            settings,
            policy: &self.policy,
            nonces: &self.nonces,
            failures: &self.failures,
            budget: &self.budget,
            clock: &self.clock,
            purpose,
            tokens: self.tokens.as_deref(),
            take_place,
        };
        let signed = inbound.parse_oauth(settings)?;
        seen.claim(Some(signed.claimed_key().to_owned()));
        // A held form took time to come; the list in force now decides.
        signed.identify(&self.policy.load(), self.clock.wall())?.verify(verifier).await
    }
}

impl Verdict {
    fn of(proved: Result<VerifiedRequest, Refusal>) -> Self {
        proved.map_or_else(Self::Refused, |_| Self::Admitted)
    }
}
