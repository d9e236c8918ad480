//! Answers on their way to the client: the backend's, streamed, or our own.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::connection::Activity;
use super::plane::{InFlight, Plane};
use super::pool::Lease;
use crate::config::{RefusalSettings, Reveal};
use crate::consumers::Consumer;
use crate::observe::AccessRecord;
use crate::refusal::{Blame, Refusal, challenge, problem_body};

/// The body of an answer. When it is done with, however it ends, its line goes to the access log.
pub(super) struct ResponseBody {
    content: Content,
    /// Runs while the backend owes a piece.
    stalled: Option<Pin<Box<Sleep>>>,
    ending: Box<Ending>,
    /// A place among the upstream's requests, held to the end of the answer.
    _in_flight: Option<InFlight>,
}

enum Content {
    Own(Bytes),
    Backends { incoming: Incoming, lease: Option<Lease>, timeout: Duration },
}

/// What is done when an answer ends. Boxed from the start: hyper moves an answer about more than once.
pub(super) struct Ending {
    pub(super) record: AccessRecord,
    pub(super) plane: Rc<Plane>,
    pub(super) activity: Arc<Activity>,
    /// In whose name the request came, if there is such a consumer.
    pub(super) consumer: Option<Arc<Consumer>>,
}

/// The backend's answer broke off; the client must not take it for complete.
#[derive(Debug)]
pub(super) enum BrokenAnswer {
    Backend(hyper::Error),
    Timeout,
}

impl std::fmt::Display for BrokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Backend(error) => write!(f, "the backend's answer broke off: {error}"),
            Self::Timeout => f.write_str("the backend's answer stopped coming"),
        }
    }
}

impl std::error::Error for BrokenAnswer {}

impl ResponseBody {
    /// A body of ours.
    pub(super) fn own(bytes: Bytes, ending: Box<Ending>) -> Self {
        Self { content: Content::Own(bytes), stalled: None, ending, _in_flight: None }
    }

    /// The backend's body; its connection goes back to the pool at the end.
    pub(super) fn backends(
        incoming: Incoming,
        lease: Lease,
        timeout: Duration,
        ending: Box<Ending>,
        in_flight: Option<InFlight>,
    ) -> Self {
        let mut lease = Some(lease);
        if incoming.is_end_stream()
            && let Some(lease) = lease.take()
        {
            lease.finish();
        }
        Self { content: Content::Backends { incoming, lease, timeout }, stalled: None, ending, _in_flight: in_flight }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokenAnswer;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenAnswer>>> {
        let this = &mut *self;
        let (incoming, lease, timeout) = match &mut this.content {
            Content::Own(bytes) => {
                let bytes = std::mem::take(bytes);
                this.ending.record.bytes_out += bytes.len() as u64;
                return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
            }
            Content::Backends { incoming, lease, timeout } => (incoming, lease, *timeout),
        };
        loop {
            let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(cx) else {
                let timer = this.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
                let stalled = timer.as_mut().poll(cx).map(|()| Some(Err(this.ending.broken(BrokenAnswer::Timeout))));
                return stalled;
            };
            this.stalled = None;
            if frame.is_none() || incoming.is_end_stream() {
                lease.take().into_iter().for_each(Lease::finish);
            }
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(this.ending.broken(BrokenAnswer::Backend(error))))),
                Some(Ok(frame)) => {
                    // Trailers are hop-by-hop here: nobody announced them to the client.
                    let Some(data) = frame.data_ref() else { continue };
                    this.ending.record.bytes_out += data.len() as u64;
                    return Poll::Ready(Some(Ok(frame)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(bytes) => bytes.is_empty(),
            Content::Backends { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Backends { incoming, .. } => incoming.size_hint(),
        }
    }
}

impl Ending {
    /// Notes for the log that the client did not get the whole answer.
    fn broken(&mut self, broken: BrokenAnswer) -> BrokenAnswer {
        self.record.outcome.reason = Some(broken.to_string());
        broken
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.activity.end();
        let (shared, record) = (&self.plane.shared, &self.record);
        record.write(&shared.sink);
        self.plane.counts().finish(record.verdict(), record.times());
        if let Some(consumer) = &self.consumer {
            consumer.activity.note(record.is_refusal(), shared.gateway.clock.now());
        }
        if record.is_refusal() {
            shared.recent.note(record);
        }
    }
}

/// What a refusal looks like to the caller.
pub(super) struct Shown {
    pub(super) settings: RefusalSettings,
    /// The base URL, for the realm.
    pub(super) realm: String,
    /// Whether the connection is closed after it, because a body may still be coming.
    pub(super) close: bool,
}

/// Makes the answer to a refused request: a clear error to the caller, nothing that is the operator's business.
pub(super) fn refused(refusal: &Refusal, shown: &Shown) -> Response<Bytes> {
    let masked = !shown.settings.reveal_unknown_consumer && refusal.tells_consumers_apart();
    let (content_type, body, pairs) = if masked {
        let pairs = vec![("oauth_problem", "signature_invalid".to_owned())];
        (FORM, problem_body(&pairs), Some(pairs))
    } else if refusal.is_oauth_problem() {
        let pairs = refusal.problem_pairs(shown.settings.reveal);
        (FORM, problem_body(&pairs), Some(pairs))
    } else {
        (TEXT, plain_body(refusal, shown.settings.reveal), None)
    };
    let status = if masked { StatusCode::UNAUTHORIZED } else { refusal.status() };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // RFC 9110 §11.6.1 wants a challenge on each 401; the old clients look for the problem in it on a 400 too.
    if (status == StatusCode::UNAUTHORIZED || (status == StatusCode::BAD_REQUEST && pairs.is_some()))
        && let Ok(value) = HeaderValue::try_from(challenge(&shown.realm, pairs.as_deref().unwrap_or_default()))
    {
        headers.insert(WWW_AUTHENTICATE, value);
    }
    if let Some(seconds) = refusal.retry_after().filter(|_| !masked) {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Refusal::MethodNotAllowed { allow } = refusal {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if shown.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The client's own mistakes are explained to it; what is wrong behind the gateway is not.
fn plain_body(refusal: &Refusal, reveal: Reveal) -> String {
    if refusal.blame() == Blame::Client || reveal >= Reveal::Diagnosis {
        format!("{}: {refusal}\n", refusal.code())
    } else {
        format!("{}\n", refusal.code())
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain; charset=utf-8";
