//! The proof. [`VerifiedRequest`] is made here and nowhere else; it is not `Clone`, `Default` or `Deserialize`.
//!
//! Read with `oauth::key`, `replay::table` and `replay::shared::claim`, which make the proofs that it takes to make one.
//!
//! ```compile_fail,E0423
//! // Nobody else can say that a signature holds: the proof's field is private to the file of the check.
//! let forged = countersign::oauth::key::SignatureValid(());
//! ```
//! ```compile_fail,E0451
//! // Nobody else can make a verified request: its fields are private to this file.
//! fn forge(other: countersign::request::VerifiedRequest) -> countersign::request::VerifiedRequest {
//!     countersign::request::VerifiedRequest { user: None, ..other }
//! }
//! ```
//! ```compile_fail,E0277
//! // A proof is of one request, once.
//! fn copies<T: Clone>() {}
//! copies::<countersign::request::VerifiedRequest>();
//! ```
//! ```compile_fail,E0308
//! // What was only received cannot be forwarded.
//! use countersign::request::{InboundRequest, UpstreamRequest};
//! fn forward(raw: InboundRequest, settings: &countersign::config::Settings, id: &http::HeaderValue) {
//!     UpstreamRequest::verified(raw, settings, None, id);
//! }
//! ```
//! ```compile_fail,E0451
//! // Nor can a request to the backend be written by hand.
//! fn write(other: countersign::request::UpstreamRequest) -> countersign::request::UpstreamRequest {
//!     countersign::request::UpstreamRequest { request: http::Request::new(countersign::request::OutgoingBody::empty()), ..other }
//! }
//! ```

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::UPGRADE;

use super::body::BodyBudget;
use super::grounds::{Grounds, check_call};
use super::inbound::{InboundRequest, hold_limits};
use super::signed::{Claims, IdentifiedRequest, SignedRequest};
use crate::clock::Clock;
use crate::config::{BodyHashPolicy, Settings};
use crate::consumers::{Consumer, user_name};
use crate::failures::FailedSignatures;
use crate::gateway::TakePlace;
use crate::oauth::base_string::{BaseStringUri, SignatureBaseString};
use crate::oauth::body_hash::BodyHash;
use crate::oauth::key::{Fingerprint, SignatureValid};
use crate::oauth::parameters::{Parameters, Source};
use crate::oauth::signature::SignatureMethod;
use crate::policy::Policy;
use crate::refusal::{Refusal, RejectedParameters};
use crate::replay::{NonceId, NonceRecorded, NonceRefused, Nonces, Shares};
use crate::tokens::{AccessToken, TokenProblem, TokenStore};

/// A request that a known consumer signed, now, and that was not seen before.
#[derive(Debug)]
pub struct VerifiedRequest {
    pub(super) inbound: Box<InboundRequest>,
    parameters: Parameters,
    consumer: Arc<Consumer>,
    user: Option<String>,
    token: Option<Arc<AccessToken>>,
    /// Under which the signature holds.
    key: Fingerprint,
    signature_method: SignatureMethod,
    _proof: NonceRecorded,
}

/// What a signed request is for. It decides which token may come with it, and what the consumer has to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To reach the backend: with an access token, or with none (two-legged).
    Resource,
    /// To get temporary credentials (RFC 5849 §2.1): with no token.
    TemporaryCredentials,
    /// To get token credentials (§2.3), or to renew them: with the token to exchange. Whether that can be is asked once the nonce is
    /// recorded, so that a copy of a request with a wrong verifier is no further try.
    TokenCredentials,
}

/// What verification needs besides the request.
#[derive(Clone, Copy)]
pub struct Verifier<'g> {
    /// The configuration in force.
    pub settings: &'g Settings,
    /// What is in force at any moment.
    pub policy: &'g ArcSwap<Policy>,
    /// The accepted nonces.
    pub nonces: &'g Nonces,
    /// The bad signatures by address and consumer.
    pub failures: &'g FailedSignatures,
    /// The memory for held bodies.
    pub budget: &'g Arc<BodyBudget>,
    /// The time, for what is judged at the end.
    pub clock: &'g Clock,
    /// What the request is for.
    pub purpose: Purpose,
    /// The tokens; `None`: there are none, and none is good.
    pub tokens: Option<&'g TokenStore>,
    /// Takes a place among the backend's requests, so that a request for which there is none uses up no nonce.
    pub take_place: TakePlace<'g>,
}

impl VerifiedRequest {
    /// Who signed it.
    pub fn consumer(&self) -> &Arc<Consumer> {
        &self.consumer
    }

    /// The user that the backend is told, if any.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The access token that it came with, if any.
    pub fn token(&self) -> Option<&Arc<AccessToken>> {
        self.token.as_ref()
    }

    /// Whether a tunnel may become of it (RFC 9110 §7.8).
    pub fn asks_for_upgrade(&self) -> bool {
        self.inbound.headers().contains_key(UPGRADE)
    }

    /// What its passing rests on, for what goes on after it.
    pub fn grounds(&self) -> Grounds {
        Grounds {
            key: self.key,
            signature_method: self.signature_method,
            method: self.inbound.method().clone(),
            path: self.inbound.path().to_owned(),
            client: self.inbound.origin.client,
            has_token: self.token.is_some(),
            user: self.user.clone(),
            is_named: self.user.is_some() && self.user != self.consumer.two_legged.execute_as,
        }
    }

    /// The decoded value of a protocol parameter, as it was signed.
    pub fn parameter(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.parameters.protocol(name)
    }

    /// A protocol parameter that is none, for the refusal.
    pub fn rejected(&self, name: &'static str, expected: &'static str) -> Refusal {
        Refusal::ParameterRejected { name, expected, rejected: RejectedParameters::named(&self.parameters, [name]) }
    }
}

impl IdentifiedRequest {
    /// The whole proof, in order (method and time stood when the request was identified): signature, nonce peek, token,
    /// permission, body, a place at the backend, rate, and the nonce's commit last.
    ///
    /// So a token error, a 429 or a busy backend uses up no nonce, and neither a forgery nor a replay that is known here uses up
    /// rate budget. One that only the shared store knows does, since the store is asked last.
    ///
    /// # Errors
    /// The first [`Refusal`] on the way.
    pub async fn verify(mut self, with: Verifier<'_>) -> Result<VerifiedRequest, Refusal> {
        let (signature_valid, key) = self.check_signature(with)?;
        let nonce = self.nonce_id(with.nonces);
        let (mut user, mut token) = self.check_nonce_token_and_permission(nonce, with)?;
        if let Some(claimed) = self.claimed_body_hash(with.settings)? {
            self.check_body_hash(&claimed, with).await?;
            // While the body came, the list may have changed, and a copy of this request may have used up the nonce.
            self.candidate = self.consumer_in_force(key, with)?;
            (user, token) = self.check_nonce_token_and_permission(nonce, with)?;
        }
        (with.take_place)()?;
        self.take_rate()?;
        let recorded = with.nonces.commit(signature_valid, nonce, with.settings.verify.window, shares(with.settings));
        let proof = recorded.await.map_err(|refused| nonce_refusal(refused, with))?;
        let (consumer, SignedRequest { inbound, parameters, claims }) = (self.candidate, self.signed);
        let signature_method = claims.method;
        Ok(VerifiedRequest { inbound, parameters, consumer, user, token, key, signature_method, _proof: proof })
    }

    /// Several keys stand while one is rolled over; the signature must hold under one of them, which is named.
    fn check_signature(&self, with: Verifier<'_>) -> Result<(SignatureValid, Fingerprint), Refusal> {
        let signature = self.signed.claims.check_length(&self.candidate)?;
        let method = self.signed.claims.method;
        let client = self.client();
        with.failures.check(client, &self.candidate.key).map_err(|retry_after| Refusal::TooManyFailures { retry_after })?;
        let base_string = self.signed.base_string();
        let mut keys = self.candidate.public_keys.iter();
        let proof = keys.find_map(|key| key.verify(method, &base_string, signature).ok().map(|proof| (proof, key.fingerprint())));
        proof.ok_or_else(|| {
            with.failures.record(client, &self.candidate.key);
            let (method, uri) = (self.signed.inbound.method().clone(), self.signed.base_string_uri());
            Refusal::SignatureMismatch { checked: format!("{method} {}", uri.as_str()), base_string: Box::new(base_string) }
        })
    }

    fn nonce_id(&self, nonces: &Nonces) -> NonceId {
        let Claims { consumer_key, token, timestamp, nonce, .. } = &self.signed.claims;
        nonces.id(consumer_key, token, *timestamp, nonce)
    }

    /// What a copy of the request or a reload may change while the body is read. Gives the user to act as, and the token that says so.
    fn check_nonce_token_and_permission(
        &self,
        nonce: NonceId,
        with: Verifier<'_>,
    ) -> Result<(Option<String>, Option<Arc<AccessToken>>), Refusal> {
        with.nonces.peek(nonce).map_err(|refused| nonce_refusal(refused, with))?;
        let token = self.check_token(with)?;
        let user = self.check_permission(token.as_deref(), with.purpose)?;
        Ok((user, token))
    }

    /// The access token, if the request comes with one; an empty one means none (two-legged).
    fn check_token(&self, with: Verifier<'_>) -> Result<Option<Arc<AccessToken>>, Refusal> {
        let token = &self.signed.claims.token;
        match with.purpose {
            Purpose::TokenCredentials if token.is_empty() => Err(Refusal::ParametersAbsent(vec!["oauth_token"])),
            Purpose::TokenCredentials => Ok(None),
            _ if token.is_empty() => Ok(None),
            Purpose::TemporaryCredentials => Err(Refusal::Token(TokenProblem::NoneExpected)),
            Purpose::Resource => {
                let tokens = with.tokens.ok_or(Refusal::Token(TokenProblem::Unknown))?;
                tokens.access(token, &self.candidate.key, with.clock.wall()).map(Some).map_err(Refusal::Token)
            }
        }
    }

    /// Whether the consumer may do this, and as whom.
    fn check_permission(&self, token: Option<&AccessToken>, purpose: Purpose) -> Result<Option<String>, Refusal> {
        check_call(&self.candidate, token.is_some() || purpose != Purpose::Resource, self.client())?;
        if purpose != Purpose::Resource {
            // The dance's endpoints are the gateway's own, which `allow` says nothing about.
            return Ok(None);
        }
        self.check_reach()?;
        let user = match token {
            None => self.two_legged_user()?,
            Some(token) => Some(self.user_of(token)?),
        };
        if self.signed.names_other_in_header(user.as_deref()) {
            return Err(Refusal::ImpersonationDenied);
        }
        Ok(user)
    }

    /// `allow` has to cover the path, and what `Destination` names.
    fn check_reach(&self) -> Result<(), Refusal> {
        let (consumer, inbound) = (&self.candidate, &self.signed.inbound);
        let reaches = |path: &str| consumer.may_reach(inbound.method(), path);
        if !reaches(inbound.path()) {
            return Err(Refusal::ConsumerMayNotReach);
        }
        if !inbound.destinations.iter().all(|path| reaches(path)) {
            return Err(Refusal::DestinationDenied("that the consumer's allow list does not cover"));
        }
        Ok(())
    }

    /// With a token a consumer acts as the token's user, and as nobody else.
    fn user_of(&self, token: &AccessToken) -> Result<String, Refusal> {
        match self.signed.requestor(false)? {
            Some(other) if *other != *token.user => Err(Refusal::ImpersonationDenied),
            _ => Ok(token.user.to_string()),
        }
    }

    fn two_legged_user(&self) -> Result<Option<String>, Refusal> {
        let consumer = &self.candidate;
        match self.signed.requestor(consumer.two_legged.impersonation)? {
            Some(_) if !consumer.two_legged.impersonation => Err(Refusal::ImpersonationDenied),
            Some(user) => Ok(Some(user)),
            None => Ok(consumer.two_legged.execute_as.clone()),
        }
    }

    /// The hash that the body has to have; `None` where there is nothing to check.
    fn claimed_body_hash(&self, settings: &Settings) -> Result<Option<BodyHash>, Refusal> {
        let (policy, inbound) = (settings.verify.body_hash, &self.signed.inbound);
        if policy == BodyHashPolicy::Ignore {
            return Ok(None);
        }
        match self.signed.parameters.protocol("oauth_body_hash") {
            Some(claimed) => match BodyHash::decode(&claimed, self.signed.claims.method) {
                None => Err(Refusal::BodyHashMismatch),
                hash => Ok(hash),
            },
            // A form is signed as parameters and needs none. One that is there counts for a form too: the Content-Type is
            // not signed, and must not talk it away.
            None if policy == BodyHashPolicy::Required && !inbound.is_form && !inbound.body.is_empty() => {
                Err(Refusal::ParametersAbsent(vec!["oauth_body_hash"]))
            }
            None => Ok(None),
        }
    }

    async fn check_body_hash(&mut self, claimed: &BodyHash, with: Verifier<'_>) -> Result<(), Refusal> {
        let method = self.signed.claims.method;
        let inbound = &mut self.signed.inbound;
        let limits = hold_limits(with.settings, inbound.origin.client, with.budget);
        let body = inbound.body.hold(limits).await?;
        if claimed.matches(body, method) { Ok(()) } else { Err(Refusal::BodyHashMismatch) }
    }

    /// The consumer as it is listed now, judged as at the beginning: still there, active, with this method and the very
    /// key that the signature holds under. What else was changed is no ground to refuse.
    fn consumer_in_force(&self, key: Fingerprint, with: Verifier<'_>) -> Result<Arc<Consumer>, Refusal> {
        let policy = with.policy.load();
        let listed = self.signed.claims.judge(&policy, with.clock.wall())?;
        let has_key = listed.public_keys.iter().any(|listed| listed.fingerprint() == key);
        if has_key { Ok(Arc::clone(listed)) } else { Err(Refusal::KeyWithdrawn) }
    }

    fn take_rate(&self) -> Result<(), Refusal> {
        let taken = self.candidate.rate_limit.as_ref().map_or(Ok(()), |limit| limit.take());
        taken.map_err(|retry_after| Refusal::RateLimited { retry_after })
    }

    fn client(&self) -> IpAddr {
        self.signed.inbound.origin.client
    }
}

impl SignedRequest {
    /// The one text that the signature is checked against.
    fn base_string(&self) -> SignatureBaseString {
        SignatureBaseString::new(self.inbound.method().as_str(), &self.base_string_uri(), &self.parameters)
    }

    fn base_string_uri(&self) -> BaseStringUri {
        self.inbound.origin.base_string_uri(self.inbound.path())
    }

    /// The user whom a consumer asks to act as: `xoauth_requestor_id`, signed in query or form; else `user_id`, which
    /// counts only where impersonation is allowed, since applications have parameters of that name of their own.
    fn requestor(&self, user_id_counts: bool) -> Result<Option<String>, Refusal> {
        match self.named_user("xoauth_requestor_id")? {
            None if user_id_counts => self.named_user("user_id"),
            named => Ok(named),
        }
    }

    /// Whether `xoauth_requestor_id` stands in the Authorization header, where it counts for nothing, with another user than the call goes
    /// as: whoever signed that means a call as somebody else.
    fn names_other_in_header(&self, user: Option<&str>) -> bool {
        let mut named = self.parameters.values("xoauth_requestor_id").filter(|(source, _)| *source == Source::Header);
        named.any(|(_, value)| user.is_none_or(|user| *value != *user.as_bytes()))
    }

    fn named_user(&self, name: &'static str) -> Result<Option<String>, Refusal> {
        let mut values = self.parameters.values(name).filter(|(source, _)| *source != Source::Header);
        let rejected = || {
            let rejected = RejectedParameters::named(&self.parameters, [name]);
            Refusal::ParameterRejected { name, expected: "one user's name of at most 255 bytes", rejected }
        };
        let Some((_, value)) = values.next() else { return Ok(None) };
        let user = user_name(&value).filter(|_| values.next().is_none());
        user.map(Some).ok_or_else(rejected)
    }
}

fn nonce_refusal(refused: NonceRefused, with: Verifier<'_>) -> Refusal {
    let settings = with.settings;
    let acceptable = || {
        let (from, to) = settings.verify.window.acceptable(with.clock.wall());
        let from = from.max(with.nonces.first_remembered());
        (from, to.max(from))
    };
    let limits = &settings.limits;
    match refused {
        NonceRefused::Used => Refusal::NonceUsed,
        NonceRefused::OutsideWindow(outside) => Refusal::TimestampOutside { outside, acceptable: acceptable() },
        NonceRefused::Forgotten => Refusal::TimestampForgotten { acceptable: acceptable() },
        NonceRefused::TableFull => Refusal::NonceTableFull { limit: limits.nonces, of_consumer: false },
        NonceRefused::NotWritten(error) => Refusal::NonceNotWritten { error },
        NonceRefused::Unclaimed(fault) => Refusal::NonceUnclaimed { fault },
        NonceRefused::ConsumerShareFull => Refusal::NonceTableFull { limit: limits.nonces_per_consumer, of_consumer: true },
    }
}

fn shares(settings: &Settings) -> Shares {
    Shares { all: settings.limits.nonces, of_consumer: settings.limits.nonces_per_consumer }
}
