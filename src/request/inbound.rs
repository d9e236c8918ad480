//! What the network sent: a head with one meaning, a body not read yet, nothing trusted.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::body::{BodyBudget, HoldLimits, RequestBody};
use super::destination;
use super::head::{self, Authorization};
use super::origin::Origin;
use crate::clock::Clock;
use crate::config::Settings;
use crate::oauth::base_string::Scheme;
use crate::oauth::parameters::{self, Raw};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::routes::{Decision, Routes};

/// A request as received.
///
/// Always boxed: it is handed from stage to stage, and moving it each time costs more than its one allocation.
#[derive(Debug)]
pub struct InboundRequest {
    pub(super) parts: Parts,
    pub(super) body: RequestBody,
    pub(super) origin: Origin,
    pub(super) peer: Peer,
    /// What `Destination` names, in each reading.
    pub(super) destinations: Vec<String>,
    pub(super) authorization: Authorization,
    pub(super) is_form: bool,
}

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// What the listener speaks.
    pub scheme: Scheme,
}

impl InboundRequest {
    /// Takes a head that has exactly one meaning.
    ///
    /// # Errors
    /// A [`Refusal`] for everything that two servers could read differently, and for a target over the limit.
    pub fn read(parts: Parts, body: RequestBody, peer: Peer, settings: &Settings) -> Result<Box<Self>, Refusal> {
        let host = head::check(&parts, settings.limits.target)?;
        let origin = Origin::derive(settings, peer.address, peer.scheme, host, &parts.headers)?;
        let destinations = destination::read(&parts.method, &parts.headers, &origin, settings.limits.target)?;
        let authorization = head::authorization(&parts.headers);
        let is_form = head::is_form(&parts.headers) && !body.is_empty();
        Ok(Box::new(Self { parts, body, origin, peer, destinations, authorization, is_form }))
    }

    /// The request method.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The raw path.
    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// Whether what the route lets pass may touch what `Destination` names, as well as the request's own path.
    ///
    /// # Errors
    /// A [`Refusal`] where another route says something else of it.
    pub fn check_destinations(&self, route: Decision<'_>, routes: &Routes) -> Result<(), Refusal> {
        let mut paths = self.destinations.iter();
        paths.try_for_each(|path| route.check_second(&routes.decide(self.method(), path))).map_err(Refusal::DestinationDenied)
    }

    /// The headers, as received.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The raw query; empty where there is none.
    pub fn query_text(&self) -> &[u8] {
        self.query().unwrap_or_default()
    }

    /// The other end of the connection.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// What the client believes to talk to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether the body is a form with something in it, whose parameters count.
    pub fn has_form(&self) -> bool {
        self.is_form
    }

    /// Whether the request carries an Authorization header of another scheme than OAuth.
    pub fn has_other_authorization(&self) -> bool {
        self.authorization == Authorization::Other
    }

    /// Whether the Authorization header's scheme is `OAuth`, or the query or the held form holds OAuth credentials.
    pub fn carries_credentials(&self) -> bool {
        let in_text = |text: Option<&[u8]>| text.is_some_and(parameters::carries_credentials);
        // Of two Authorization lines one may be OAuth's: they are credentials, which parsing then refuses.
        matches!(self.authorization, Authorization::OAuth | Authorization::Several)
            || in_text(self.query())
            || in_text(self.form())
    }

    /// Holds a form body, after the checks that need no body: its declared length, and what header and query say.
    ///
    /// # Errors
    /// A [`Refusal`] from those checks, or because the body cannot be held.
    pub async fn hold_form(&mut self, policy: &Policy, budget: &Arc<BodyBudget>, clock: &Clock) -> Result<(), Refusal> {
        if !self.is_form {
            return Ok(());
        }
        let limits = hold_limits(&policy.settings, self.origin.client, budget);
        self.body.check_declared(limits)?;
        if head::has_content_coding(&self.parts.headers) {
            return Err(Refusal::FormCoding);
        }
        self.check_before_the_body(policy, clock.wall())?;
        self.body.hold(limits).await.map(|_| ())
    }

    /// Holds a form body of a route that asks for no proof, so that credentials in it can be cut.
    ///
    /// # Errors
    /// A [`Refusal`] because the body cannot be held. A coded one cannot be read and is nobody's credentials.
    pub async fn hold_form_unjudged(&mut self, policy: &Policy, budget: &Arc<BodyBudget>) -> Result<(), Refusal> {
        if !self.is_form || head::has_content_coding(&self.parts.headers) {
            return Ok(());
        }
        self.body.hold(hold_limits(&policy.settings, self.origin.client, budget)).await.map(|_| ())
    }

    /// Holds a form that one of the gateway's own pages sends, of at most `limit` bytes; `None`: the body is no form.
    ///
    /// # Errors
    /// Because the body cannot be held.
    pub async fn hold_own_form(
        &mut self,
        limit: usize,
        settings: &Settings,
        budget: &Arc<BodyBudget>,
    ) -> Result<Option<Bytes>, Refusal> {
        if head::has_content_coding(&self.parts.headers) || (!self.is_form && !self.body.is_empty()) {
            return Ok(None);
        }
        let limits = HoldLimits { one: limit, ..hold_limits(settings, self.origin.client, budget) };
        self.body.hold(limits).await.cloned().map(Some)
    }

    /// Whether the whole body was read.
    pub fn is_read(&self) -> bool {
        self.body.is_empty() || self.body.held().is_some()
    }

    /// Splits off what a trial run may verify, while the request itself passes on.
    ///
    /// A form is held for both, since no credentials in it may pass uncut. Another body is where the verdict needs it; one
    /// that cannot be held is withheld from the trial, whose verdict then is that.
    ///
    /// # Errors
    /// Because a form cannot be held, or a body broke off, so that there is nothing to pass on.
    pub async fn copy_for_trial(&mut self, policy: &Policy, budget: &Arc<BodyBudget>) -> Result<Box<Self>, Refusal> {
        self.hold_form_unjudged(policy, budget).await?;
        if self.claims_body_hash(&policy.settings) {
            let held = self.body.hold(hold_limits(&policy.settings, self.origin.client, budget)).await.map(|_| ());
            // Any other outcome is the trial's to report, when it finds no body.
            if self.body.is_broken() {
                held?;
            }
        }
        Ok(Box::new(Self {
            parts: self.parts.clone(),
            body: self.body.copy_for_trial(),
            origin: self.origin.clone(),
            peer: self.peer,
            destinations: self.destinations.clone(),
            authorization: self.authorization,
            is_form: self.is_form,
        }))
    }

    pub(super) fn query(&self) -> Option<&[u8]> {
        self.parts.uri.query().map(str::as_bytes)
    }

    pub(super) fn form(&self) -> Option<&[u8]> {
        self.body.held().filter(|_| self.is_form).map(|bytes| &bytes[..])
    }

    /// The three texts that carry parameters, as far as they are there.
    pub(super) fn raw_parameters(&self) -> Raw<'_> {
        let header = self.parts.headers.get(AUTHORIZATION).and_then(|value| head::oauth_credentials(value.as_bytes()));
        Raw { header, query: self.query(), form: self.form() }
    }

    /// Whether a trial would ask for the body's hash: by the decoded name, as the verdict reads it.
    fn claims_body_hash(&self, settings: &Settings) -> bool {
        self.parameters(settings).is_ok_and(|parameters| parameters.has_protocol("oauth_body_hash"))
    }
}

pub(super) fn hold_limits<'a>(settings: &Settings, client: IpAddr, budget: &'a Arc<BodyBudget>) -> HoldLimits<'a> {
    HoldLimits {
        one: settings.limits.signed_body,
        all: settings.limits.held_bodies,
        timeout: settings.timeouts.body,
        client,
        budget,
    }
}
