//! One exchange: a request in, the verdict, the backend's answer or a refusal out.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use hyper::body::{Body, Incoming};

use super::connection::Activity;
use super::headers;
use super::limits::Place;
use super::plane::{InFlight, Plane};
use super::pool::Lease;
use super::response::{Ending, ResponseBody, Shown, refused};
use super::tunnel::{self, Opener};
use crate::config::{RefusalSettings, Settings};
use crate::dance::{DanceAnswer, Endpoint};
use crate::gateway::{Admission, Seen, Verdict};
use crate::observe::{AccessRecord, Outcome};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::{InboundRequest, Origin, Peer, RequestBody, UpstreamRequest, is_in};
use crate::routes::Decision;

/// Answers one request.
pub(super) async fn exchange(
    plane: Rc<Plane>,
    activity: Arc<Activity>,
    peer: Peer,
    place: Rc<Place>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let has_body = !request.body().is_end_stream();
    activity.begin(has_body);
    plane.counts().begin();
    let policy = plane.shared.gateway.policy.load_full();
    let believed = is_in(&policy.settings.trusted_proxies, peer.address);
    let record = AccessRecord {
        started: Instant::now(),
        request_id: headers::request_id(request.headers(), believed, || plane.fresh_request_id()),
        peer: peer.address,
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        outcome: Outcome::default(),
        bytes_out: 0,
    };
    let ending = Box::new(Ending { record, plane: Rc::clone(&plane), activity, consumer: None });
    Exchange {
        plane,
        policy,
        peer,
        place,
        ending,
        origin: None,
        reveal: None,
        close_if_refused: has_body,
        in_flight: None,
        opener: None,
    }
    .answer(request)
    .await
}

/// Where an answer comes from.
enum Answer {
    Backends(Response<Incoming>, Lease),
    Dances(DanceAnswer),
}

/// What is known while a request is answered.
pub(super) struct Exchange {
    pub(super) plane: Rc<Plane>,
    policy: Arc<Policy>,
    peer: Peer,
    place: Rc<Place>,
    ending: Box<Ending>,
    origin: Option<Origin>,
    reveal: Option<RefusalSettings>,
    /// Whether a body may still be coming that nobody will read.
    pub(super) close_if_refused: bool,
    in_flight: Option<InFlight>,
    /// Who was proved.
    opener: Option<Opener>,
}

impl Exchange {
    async fn answer(mut self, request: Request<Incoming>) -> Response<ResponseBody> {
        match self.answered(request).await {
            Ok(Answer::Backends(response, lease)) => self.backends_answer(response, lease),
            Ok(Answer::Dances(answer)) => self.own_answer(answer),
            Err(refusal) => self.refusal(&refusal),
        }
    }

    /// To the dance's endpoint that stands at the path, or to the backend.
    async fn answered(&mut self, request: Request<Incoming>) -> Result<Answer, Refusal> {
        let policy = Arc::clone(&self.policy);
        let (parts, body) = request.into_parts();
        let inbound = InboundRequest::read(parts, RequestBody::Streaming(body), self.peer, &policy.settings)?;
        self.origin = Some(inbound.origin().clone());
        match Endpoint::at(inbound.path(), inbound.origin(), &policy.settings) {
            Some((endpoint, dance)) => self.danced(endpoint, inbound, dance, &policy).await.map(Answer::Dances),
            None => self.forwarded(inbound, &policy).await.map(|(response, lease)| Answer::Backends(response, lease)),
        }
    }

    /// The request's way to the backend and back; every early return is a refusal.
    async fn forwarded(&mut self, inbound: Box<InboundRequest>, policy: &Policy) -> Result<(Response<Incoming>, Lease), Refusal> {
        let route = policy.settings.routes.decide(inbound.method(), inbound.path());
        let mut seen = Seen::default();
        let place = Cell::new(None);
        let take_place = || {
            place.set(self.plane.shared.in_flight(policy.settings.upstream_of(route.rule))?);
            Ok(())
        };
        let admission = self.plane.shared.gateway.admit(inbound, route, policy, &mut seen, &take_place).await;
        self.in_flight = place.take();
        self.note(seen, policy);
        let upstream = self.admitted(admission?, route, &policy.settings);
        self.ending.record.outcome.gateway = self.ending.record.started.elapsed();
        self.send(upstream, &policy.settings).await
    }

    pub(super) fn note(&mut self, seen: Seen, policy: &Policy) {
        if let Some(key) = &seen.consumer {
            let consumer = policy.consumers.get(key);
            self.ending.consumer = consumer.cloned();
            // Where unknown consumers must not be told apart, none has refusals of its own kind.
            let consumer = consumer.filter(|_| policy.settings.refusals.reveal_unknown_consumer);
            let reveal = consumer.and_then(|consumer| consumer.reveal);
            self.reveal = reveal.map(|reveal| RefusalSettings { reveal, ..policy.settings.refusals });
        }
        self.ending.record.outcome.consumer = seen.consumer;
        self.close_if_refused &= !seen.body_is_read;
    }

    /// By which the backend and the log know it.
    pub(super) fn request_id(&self) -> &http::HeaderValue {
        &self.ending.record.request_id
    }

    fn admitted(&mut self, admission: Admission, route: Decision<'_>, settings: &Settings) -> UpstreamRequest {
        let outcome = &mut self.ending.record.outcome;
        let request_id = &self.ending.record.request_id;
        match admission {
            Admission::Verified(verified) => {
                outcome.verdict = "admitted";
                outcome.user = verified.user().map(str::to_owned);
                // Without that the backend opens no tunnel.
                self.opener = verified.asks_for_upgrade().then(|| Opener::of(&verified));
                UpstreamRequest::verified(verified, settings, route.rule, request_id)
            }
            Admission::Anonymous(anonymous) => {
                outcome.verdict = "anonymous";
                UpstreamRequest::anonymous(anonymous, settings, route.rule, request_id)
            }
            Admission::Observed(anonymous, verdict) => {
                match verdict {
                    Verdict::Admitted => {
                        outcome.verdict = "admitted";
                        outcome.reason = Some("observed: it would have been admitted".to_owned());
                    }
                    Verdict::Refused(refusal) => {
                        outcome.verdict = refusal.code();
                        outcome.reason = Some(format!("observed: it would have been refused: {refusal}"));
                    }
                }
                self.plane.shared.observed.add(outcome.verdict);
                UpstreamRequest::anonymous(anonymous, settings, route.rule, request_id)
            }
        }
    }

    async fn send(&mut self, upstream: UpstreamRequest, settings: &Settings) -> Result<(Response<Incoming>, Lease), Refusal> {
        let (mut request, upstream) = upstream.into_parts();
        // What needed no proof has no place yet.
        if self.in_flight.is_none() {
            self.in_flight = self.plane.shared.in_flight(&upstream)?;
        }
        let client = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
        let asked_for_upgrade = request.headers().contains_key(http::header::UPGRADE);
        let sent = Instant::now();
        let (mut response, lease) =
            self.plane.pool.send(request, &upstream, self.policy.tls.upstream(upstream.tls.as_ref()), &settings.timeouts).await?;
        self.ending.record.outcome.upstream = Some(sent.elapsed());
        headers::check_response_framing(response.headers())?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            match client.filter(|_| asked_for_upgrade) {
                Some(client) => {
                    let held = tunnel::Held { _place: Rc::clone(&self.place), _in_flight: self.in_flight.take() };
                    tunnel::open(client, &mut response, &self.plane, self.opener.take(), settings.timeouts.idle, held);
                }
                None => return Err(Refusal::UpstreamBroken("it switched protocols unasked".to_owned())),
            }
        }
        Ok((response, lease))
    }

    fn backends_answer(mut self, response: Response<Incoming>, lease: Lease) -> Response<ResponseBody> {
        let (mut parts, body) = response.into_parts();
        headers::strip_response(&mut parts.headers, parts.status);
        self.ending.record.outcome.status = Some(parts.status);
        let timeout = self.policy.settings.timeouts.response;
        Response::from_parts(parts, ResponseBody::backends(body, lease, timeout, self.ending, self.in_flight))
    }

    fn own_answer(mut self, answer: DanceAnswer) -> Response<ResponseBody> {
        let (mut parts, body) = answer.response.into_parts();
        parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
        if self.close_if_refused {
            parts.headers.insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
        }
        let outcome = &mut self.ending.record.outcome;
        outcome.status = Some(parts.status);
        outcome.verdict = answer.verdict;
        outcome.user = answer.user;
        outcome.reason = answer.reason;
        outcome.gateway = self.ending.record.started.elapsed();
        Response::from_parts(parts, ResponseBody::own(body, self.ending))
    }

    fn refusal(mut self, refusal: &Refusal) -> Response<ResponseBody> {
        let settings = &self.policy.settings;
        let realm = self.origin.as_ref().map_or_else(|| "countersign".to_owned(), |origin| origin.realm(settings));
        let shown = Shown { settings: self.reveal.unwrap_or(settings.refusals), realm, close: self.close_if_refused };
        let (mut parts, body) = refused(refusal, &shown).into_parts();
        parts.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
        let outcome = &mut self.ending.record.outcome;
        outcome.status = Some(refusal.status());
        outcome.verdict = refusal.code();
        outcome.reason = Some(refusal.to_string());
        if outcome.gateway == Duration::ZERO {
            outcome.gateway = self.ending.record.started.elapsed();
        }
        Response::from_parts(parts, ResponseBody::own(body, self.ending))
    }
}
